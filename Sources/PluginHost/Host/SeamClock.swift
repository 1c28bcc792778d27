internal import Basics
internal import Synchronization

/// The seam's time and randomness for plug-ins in the agent; timers run as children of ``run()``.
final class SeamClock: PluginClock {
    private let seam: Seam
    private let timers: AsyncStream<Timer>
    private let starts: AsyncStream<Timer>.Continuation
    private let state = Mutex<(work: [UInt64: @Sendable () -> Void], next: UInt64)>(([:], 1))

    static let timersMax = 65_536

    private struct Timer: Sendable {
        let number: UInt64
        let deadline: Uptime
    }

    init(_ seam: Seam) {
        self.seam = seam
        (timers, starts) = AsyncStream.makeStream()
    }

    var monotonic: Int64 { seam.time.uptime.nanoseconds }
    var wall: Int64 { seam.time.now.nanoseconds }
    func random() -> UInt64 { seam.random.next() }

    func schedule(after delay: Int64, _ work: @escaping @Sendable () -> Void) -> UInt64? {
        let number = state.withLock { state -> UInt64? in
            guard state.work.count < SeamClock.timersMax else { return nil }
            defer { state.next += 1 }
            state.work[state.next] = work
            return state.next
        }
        guard let number else { return nil }
        starts.yield(Timer(number: number, deadline: seam.time.uptime + .nanoseconds(max(0, delay))))
        return number
    }

    func cancel(_ timer: UInt64) -> Bool { state.withLock { $0.work.removeValue(forKey: timer) != nil } }

    /// Serves timers until cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await timer in timers {
                group.addTask { [self] in
                    guard (try? await seam.time.sleep(until: timer.deadline)) != nil else { return }
                    state.withLock { $0.work.removeValue(forKey: timer.number) }?()
                }
            }
            group.cancelAll()
        }
    }
}
