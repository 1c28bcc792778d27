internal import Basics
internal import Linux

/// The machine's clocks and random generator, for plug-ins in processes of their own.
struct SystemClock: PluginClock {
    private let time = SystemTime()
    private let generator = SystemRandom()
    private let timers = TimerThread()

    var monotonic: Int64 { time.uptime.nanoseconds }
    var wall: Int64 { time.now.nanoseconds }
    func random() -> UInt64 { generator.next() }

    func schedule(after delay: Int64, _ work: @escaping @Sendable () -> Void) -> UInt64? {
        timers.schedule(after: delay, work)
    }

    func cancel(_ timer: UInt64) -> Bool { timers.cancel(timer) }
}
