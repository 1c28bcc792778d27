internal import Synchronization

/// One thread that runs work at given times; started with the first of them.
final class TimerThread: Sendable {
    /// Timers at the same time, at most.
    static let timersMax = 65_536

    private final class State: @unchecked Sendable {
        var timers: [UInt64: (time: Int64, work: @Sendable () -> Void)] = [:]
        var next: UInt64 = 1
        var isRunning = false
    }

    private let condition = Condition()
    private let state = State()

    /// Runs `work` on the timer's thread once `delay` nanoseconds have passed; nil, and never, beyond ``timersMax``.
    func schedule(after delay: Int64, _ work: @escaping @Sendable () -> Void) -> UInt64? {
        condition.locked {
            guard state.timers.count < TimerThread.timersMax else { return nil }
            if !state.isRunning {
                guard HostThread.start("drover-timer", { self.serve() }) else { return nil }
                state.isRunning = true
            }
            let token = state.next
            state.next += 1
            state.timers[token] = (Condition.moment(after: delay), work)
            condition.signal()
            return token
        }
    }

    /// Forgets a timer; false when it has run or is running.
    func cancel(_ token: UInt64) -> Bool {
        condition.locked { state.timers.removeValue(forKey: token) != nil }
    }

    private func serve() {
        while true {
            let work = condition.locked { () -> @Sendable () -> Void in
                while true {
                    guard let (token, timer) = state.timers.min(by: { $0.value.time < $1.value.time }) else {
                        condition.wait()
                        continue
                    }
                    if timer.time <= Condition.now {
                        state.timers[token] = nil
                        return timer.work
                    }
                    _ = condition.wait(until: timer.time)
                }
            }
            work()
        }
    }
}
