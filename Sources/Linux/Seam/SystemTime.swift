package import Basics
internal import Glibc
internal import Synchronization

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

/// The kernel's random generator, asked for several numbers at a time; none is given out twice.
package final class SystemRandom: RandomSource {
    private struct Drawn {
        var words = [UInt64](repeating: 0, count: 32)
        var used = 32
    }

    private let drawn = Mutex(Drawn())

    package init() {}

    package func next() -> UInt64 {
        drawn.withLock { drawn in
            if drawn.used == drawn.words.count {
                // 256 bytes, the most that getentropy(3) gives at once.
                let failed = drawn.words.withUnsafeMutableBytes { getentropy($0.baseAddress, $0.count) } != 0
                precondition(!failed, "getentropy: errno \(errno)")
                drawn.used = 0
            }
            defer {
                drawn.words[drawn.used] = 0
                drawn.used += 1
            }
            return drawn.words[drawn.used]
        }
    }
}
