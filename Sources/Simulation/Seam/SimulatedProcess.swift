internal import Synchronization

/// The threads of one simulated process: its tasks run on the loop like all others, until it is stopped as by SIGSTOP.
/// Then none of them runs, whatever is done to it, and when it goes on it does not know that time has passed.
///
/// Tasks below one that prefers this executor belong to the process.
package final class SimulatedProcess: TaskExecutor {
    private struct State {
        var isStopped = false
        var held: [UnownedJob] = []
    }

    private let loop: SimulatedLoop
    private let state = Mutex(State())

    package init(loop: SimulatedLoop) { self.loop = loop }

    package var isStopped: Bool { state.withLock { $0.isStopped } }

    package func stop() { state.withLock { $0.isStopped = true } }

    package func goOn() {
        let held = state.withLock { state in
            state.isStopped = false
            defer { state.held = [] }
            return state.held
        }
        for job in held { loop.enqueue(job, on: asUnownedTaskExecutor()) }
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        let isHeld = state.withLock { state in
            if state.isStopped { state.held.append(unowned) }
            return state.isStopped
        }
        if !isHeld { loop.enqueue(unowned, on: asUnownedTaskExecutor()) }
    }
}
