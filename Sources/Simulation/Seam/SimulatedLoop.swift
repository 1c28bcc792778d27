package import Basics
internal import Synchronization

/// The one thread of a simulated world: runs every task of it in a fixed order and moves time forward when none can
/// run.
///
/// Tasks reach it by task-executor preference (SE-0417): default actors, child tasks and async streams below a
/// preferring task stay on it. Jobs run first come, first served; timers fire in the order of their time, then of their
/// registration. Nothing else decides order, so one seed gives one run.
package final class SimulatedLoop: TaskExecutor, TimeSource {
    private struct Timer {
        let deadline: Uptime
        let order: UInt64
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var ready: [(job: UnownedJob, executor: UnownedTaskExecutor)] = []
        var firstReady = 0
        var timers: [UInt64: Timer] = [:]
        var queue = TimerQueue()
        var nextOrder: UInt64 = 0
        var uptime = Uptime(nanoseconds: 0)
        var jobsRun: UInt64 = 0
    }

    /// Wall-clock time at the start of every simulation: 2026-01-01T00:00:00Z.
    package static let epoch = Timestamp(seconds: 1_767_225_600)

    private let state = Mutex(State())

    package init() {}

    package var uptime: Uptime { state.withLock { $0.uptime } }

    package var now: Timestamp {
        Timestamp(nanoseconds: SimulatedLoop.epoch.nanoseconds + uptime.nanoseconds)
    }

    /// Pieces of work run so far; a cheap fingerprint of a run.
    package var jobsRun: UInt64 { state.withLock { $0.jobsRun } }

    package func enqueue(_ job: consuming ExecutorJob) { enqueue(UnownedJob(job), on: asUnownedTaskExecutor()) }

    /// Takes a job whose task prefers an executor in front of this one.
    func enqueue(_ job: UnownedJob, on executor: UnownedTaskExecutor) {
        state.withLock { $0.ready.append((job, executor)) }
    }

    package func sleep(for duration: Duration) async throws {
        let order = state.withLock { state -> UInt64 in
            state.nextOrder += 1
            return state.nextOrder
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let cancelled = Task.isCancelled
                state.withLock { state in
                    let deadline = cancelled ? state.uptime : state.uptime + max(duration, .zero)
                    state.timers[order] = Timer(deadline: deadline, order: order, continuation: continuation)
                    state.queue.insert(deadline: deadline, order: order)
                }
                if cancelled { cancelTimer(order) }
            }
        } onCancel: {
            cancelTimer(order)
        }
    }

    private func cancelTimer(_ order: UInt64) {
        let timer = state.withLock { $0.timers.removeValue(forKey: order) }
        timer?.continuation.resume(throwing: CancellationError())
    }

    /// Time goes by while the one thread is busy: with what blocks, not with what sleeps.
    package func pass(_ duration: Duration) { state.withLock { $0.uptime = $0.uptime + duration } }

    /// Runs until `done` says so, or nothing is left that could ever run.
    ///
    /// - Returns: whether `done` was reached; false means every task waits for something that will not come.
    package func run(until done: () -> Bool) -> Bool {
        while !done() {
            if let (job, executor) = nextJob() {
                job.runSynchronously(on: executor)
            } else if !fireNextTimer() {
                return false
            }
        }
        return true
    }

    private func nextJob() -> (job: UnownedJob, executor: UnownedTaskExecutor)? {
        state.withLock { state in
            guard state.firstReady < state.ready.count else {
                state.ready.removeAll(keepingCapacity: true)
                state.firstReady = 0
                return nil
            }
            defer {
                state.firstReady += 1
                state.jobsRun += 1
            }
            return state.ready[state.firstReady]
        }
    }

    private func fireNextTimer() -> Bool {
        let timer = state.withLock { state -> Timer? in
            while let next = state.queue.removeFirst() {
                guard let timer = state.timers.removeValue(forKey: next) else { continue }
                state.uptime = max(state.uptime, timer.deadline)
                return timer
            }
            return nil
        }
        timer?.continuation.resume()
        return timer != nil
    }
}

/// A binary heap of deadlines; equal deadlines leave in the order of registration.
private struct TimerQueue {
    private var heap: [(deadline: Uptime, order: UInt64)] = []

    mutating func insert(deadline: Uptime, order: UInt64) {
        heap.append((deadline, order))
        var child = heap.count - 1
        while child > 0, precedes(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func removeFirst() -> UInt64? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first.order }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && precedes(child, least) {
                least = child
            }
            guard least != parent else { return first.order }
            heap.swapAt(parent, least)
            parent = least
        }
    }

    private func precedes(_ left: Int, _ right: Int) -> Bool {
        (heap[left].deadline, heap[left].order) < (heap[right].deadline, heap[right].order)
    }
}
