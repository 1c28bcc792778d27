/// Threads on which plug-ins are called: made when needed, gone after ten idle seconds.
///
/// A plug-in's function may block up to its deadline or hang for ever, so each call has a thread to itself and Swift's cooperative
/// pool never enters a plug-in.
final class ThreadPool: Sendable {
    /// Work waiting at the same time; ``submit(_:)`` refuses more.
    static let waitingMax = 4_096

    private final class State: @unchecked Sendable {
        var work: [@Sendable () -> Void] = []
        var first = 0
        var threads = 0
        var idle = 0

        var waiting: Int { work.count - first }

        func take() -> (@Sendable () -> Void)? {
            guard first < work.count else { return nil }
            let next = work[first]
            first += 1
            if first == work.count || first >= 1_024 {
                work.removeFirst(first)
                first = 0
            }
            return next
        }
    }

    private let name: String
    /// Threads at the same time; further work waits for one.
    private let threadsMax: Int
    private let condition = Condition()
    private let state = State()

    init(name: String, threadsMax: Int = 64) {
        self.name = name
        self.threadsMax = threadsMax
    }

    /// Runs `work` soon on a thread of the pool; false, and nothing happens, beyond ``waitingMax``.
    func submit(_ work: @escaping @Sendable () -> Void) -> Bool {
        condition.locked {
            guard state.waiting < ThreadPool.waitingMax else { return false }
            state.work.append(work)
            if state.idle >= state.waiting || state.threads >= threadsMax {
                condition.signal()
            } else if HostThread.start(name, { self.serve() }) {
                state.threads += 1
            } else if state.threads == 0 {
                state.work.removeLast()
                return false
            }
            return true
        }
    }

    private func serve() {
        while let work = next() { work() }
    }

    private func next() -> (@Sendable () -> Void)? {
        condition.locked {
            let deadline = Condition.now + 10_000_000_000
            while true {
                if let work = state.take() { return work }
                state.idle += 1
                let woken = condition.wait(until: deadline)
                state.idle -= 1
                if !woken, state.waiting == 0 {
                    state.threads -= 1
                    return nil
                }
            }
        }
    }
}
