package import Basics
internal import Glibc

/// The machine's clocks: CLOCK_REALTIME, and CLOCK_BOOTTIME, which goes on through suspend.
package struct SystemTime: TimeSource {
    package init() {}

    package var now: Timestamp { Timestamp(nanoseconds: SystemTime.read(CLOCK_REALTIME)) }

    package var uptime: Uptime { Uptime(nanoseconds: SystemTime.read(CLOCK_BOOTTIME)) }

    package func sleep(for duration: Duration) async throws {
        try await Task.sleep(for: duration, tolerance: .zero, clock: .continuous)
    }

    static func read(_ clock: Int32) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// The kernel's random generator.
package struct SystemRandom: RandomSource {
    package init() {}

    package func next() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}
