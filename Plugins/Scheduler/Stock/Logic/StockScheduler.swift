package import CDroverABI
package import DroverSDK

/// The stock scheduler: best fit or spread by the problem's algorithm, every node considered, ties by seed.
package final class StockScheduler: Scheduler {
    package let name: String
    private let types: [StockJobType]
    private let pool = WorkspacePool()

    /// A scheduler that places jobs of these types.
    package init(name: String, types: [StockJobType]) {
        self.name = name
        self.types = types
    }

    package var kinds: [String] { types.map(\.rawValue) }

    package func place(view: ClusterView, batch: ProblemBatch, into sink: Sink) throws {
        try place(view: UnsafeRawPointer(view.raw), batch: UnsafeRawPointer(batch.raw), into: sink.raw)
    }

    /// Places `batch` (a `drover_problem_batch`) on `view` (a `drover_cluster_view`); any thread, several at once.
    package func place(view: UnsafeRawPointer, batch: UnsafeRawPointer, into sink: drover_sink) throws {
        try SchedulerFault.asPluginError { () throws(SchedulerFault) in
            try BatchPlacer.place(
                view: view, batch: batch, kinds: Set(types.map(\.kind)), strategy: FitScoring(), into: sink, pool: pool)
        }
    }
}

/// The job types of the stock schedulers.
package enum StockJobType: String, CaseIterable, Sendable {
    case service
    case batch
    case system
    case sysbatch

    /// The ABI's number.
    package var kind: UInt32 {
        switch self {
        case .service: UInt32(DROVER_KIND_SERVICE)
        case .batch: UInt32(DROVER_KIND_BATCH)
        case .system: UInt32(DROVER_KIND_SYSTEM)
        case .sysbatch: UInt32(DROVER_KIND_SYSBATCH)
        }
    }
}
