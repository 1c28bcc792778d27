import CDroverABI
package import DroverSDK
import StockSchedulerPlugin

/// The plug-in behind libdrover-scheduler-scored.so.
package struct ScoredPlugin: Plugin {
    private let scored: ScoredScheduler

    package init(host: Host, config: JSON) throws {
        scored = ScoredScheduler(scorers: Scorers(host), scorer: try config.text("scorer"))
    }

    package var scheduler: (any Scheduler)? { scored }
}

/// Places every instance on the node a scoring function likes best, of those that can hold it.
///
/// The function is one an operator has installed (`drover.scorer/1`); the host runs it over columns (`drover.scorers/1`).
package final class ScoredScheduler: Scheduler {
    package let name = "scored"
    package let kinds = StockJobType.allCases.map(\.rawValue)
    private let scorers: Scorers
    private let scorer: String
    private let pool = WorkspacePool()

    /// `scorer` is `library/scorer`, or empty when the only one installed is meant.
    package init(scorers: Scorers, scorer: String) {
        self.scorers = scorers
        self.scorer = scorer
    }

    package func place(view: ClusterView, batch: ProblemBatch, into sink: Sink) throws {
        let entry = try scorers.entry(named: scorer)
        let strategy = ScorerScoring(scorers: scorers, entry: entry)
        let kinds = Set(StockJobType.allCases.map(\.kind))
        try SchedulerFault.asPluginError { () throws(SchedulerFault) in
            try BatchPlacer.place(
                view: UnsafeRawPointer(view.raw), batch: UnsafeRawPointer(batch.raw), kinds: kinds, strategy: strategy,
                into: sink.raw, pool: pool)
        }
    }
}
