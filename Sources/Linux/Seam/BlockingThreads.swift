package import Basics
internal import Dispatch
internal import Synchronization

/// Threads that may block: Dispatch's, apart from Swift's cooperative pool. A lane is a serial queue.
///
/// Work without a lane takes an idle serial queue, or a new one: Dispatch gives each of those a thread of its own, where a
/// concurrent queue runs no more pieces at once than there are cores, blocked or not.
package final class BlockingThreads: BlockingExecutor {
    private let idle = Mutex<[DispatchQueue]>([])
    private let lanes = Mutex<[BlockingLane: DispatchQueue]>([:])

    package init() {}

    package func run<Result: Sendable>(
        lane: BlockingLane?, _ work: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            if let lane {
                queue(lane).async { continuation.resume(with: Swift.Result(catching: work)) }
                return
            }
            let queue = idle.withLock { $0.popLast() } ?? DispatchQueue(label: "drover.blocking")
            queue.async {
                let result = Swift.Result(catching: work)
                self.idle.withLock { $0.append(queue) }
                continuation.resume(with: result)
            }
        }
    }

    /// Lanes are few and named by code, so none is ever removed.
    private func queue(_ lane: BlockingLane) -> DispatchQueue {
        lanes.withLock { lanes in
            if let queue = lanes[lane] { return queue }
            let queue = DispatchQueue(label: "drover.blocking.\(lane.name)")
            lanes[lane] = queue
            return queue
        }
    }
}
