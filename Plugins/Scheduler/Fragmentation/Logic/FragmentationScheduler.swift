package import CDroverABI
package import DroverSDK
import StockSchedulerPlugin
import Synchronization

/// Places every instance where the devices left free lose least of their use to the common work of the cluster.
///
/// A descent by the gradient of fragmentation (Weng et al., USENIX ATC 2023); ``FragmentationMeasure`` says what is
/// measured and where
/// it differs from the paper's. Everything else that a group asks for is met as by the stock schedulers.
package final class FragmentationScheduler: Scheduler {
    package let name = "fragmentation"
    package let kinds = [StockJobType.service, .batch].map(\.rawValue)
    private let pool = WorkspacePool()
    private let memories = Mutex<[Shelved]>([])

    /// Memories kept at most; a busier scheduler frees what it does not keep.
    private static let memoriesMax = 4

    package init() {}

    package func place(view: ClusterView, batch: ProblemBatch, into sink: Sink) throws {
        try place(view: UnsafeRawPointer(view.raw), batch: UnsafeRawPointer(batch.raw), into: sink.raw)
    }

    /// Places `batch` (a `drover_problem_batch`) on `view` (a `drover_cluster_view`); any thread, several at once.
    package func place(view: UnsafeRawPointer, batch: UnsafeRawPointer, into sink: drover_sink) throws {
        let memory = memories.withLock { $0.popLast()?.memory } ?? ScoreMemory()
        defer {
            let shelved = Shelved(memory: memory)
            memories.withLock { if $0.count < Self.memoriesMax { $0.append(shelved) } }
        }
        try SchedulerFault.asPluginError { () throws(SchedulerFault) in
            memory.begin(try ClusterColumns(view), Workload(view: view, batch: batch))
            try BatchPlacer.place(
                view: view, batch: batch, kinds: [StockJobType.service.kind, StockJobType.batch.kind],
                strategy: FragmentationScoring(memory: memory, batch: batch), into: sink, pool: pool)
        }
    }
}

/// A memory that nobody uses may go to any thread.
private struct Shelved: @unchecked Sendable {
    let memory: ScoreMemory
}
