/// The one thread that starts commands inside tasks, for as long as its process lives.
///
/// Commands end with the thread that started them (`DROVER_SPAWN_DIE_WITH_PARENT`), so that none outlives the process that would
/// tell of its end. Threads of pools come and go.
final class SpawnThread: Sendable {
    /// Pieces of work that wait, at most.
    private static let workMax = 1_024

    private final class State: @unchecked Sendable {
        var work: [@Sendable () -> Void] = []
        var isRunning = false
    }

    private let condition = Condition()
    private let state = State()

    /// Runs `work` on the thread, after what was given before; false when there is too much of it, or no thread to be had.
    func run(_ work: @escaping @Sendable () -> Void) -> Bool {
        condition.locked {
            guard state.work.count < SpawnThread.workMax else { return false }
            if !state.isRunning {
                guard HostThread.start("drover-commands", { self.serve() }) else { return false }
                state.isRunning = true
            }
            state.work.append(work)
            condition.signal()
            return true
        }
    }

    private func serve() {
        while true {
            let work = condition.locked { () -> [@Sendable () -> Void] in
                while state.work.isEmpty { condition.wait() }
                defer { state.work = [] }
                return state.work
            }
            for piece in work { piece() }
        }
    }
}
