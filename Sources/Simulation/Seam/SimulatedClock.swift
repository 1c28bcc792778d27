package import Basics
internal import Synchronization

/// A machine's own clock: it runs a little fast or slow, and its wall-clock time may be set.
package final class SimulatedClock: TimeSource {
    /// What a clock of even pace counts in a second.
    package static let evenPace: Int64 = 1_000

    private let loop: SimulatedLoop
    /// Of its milliseconds so many pass in a second of the simulation.
    private let pace: Int64
    private let offset = Mutex(Duration.zero)

    package init(loop: SimulatedLoop, pace: Int64 = SimulatedClock.evenPace) {
        self.loop = loop
        self.pace = pace
    }

    /// How far its wall-clock time is from what it would be had nobody set it.
    package func set(offset: Duration) { self.offset.withLock { $0 = offset } }

    package var uptime: Uptime { Uptime(nanoseconds: loop.uptime.nanoseconds / Self.evenPace * pace) }

    package var now: Timestamp {
        SimulatedLoop.epoch + .nanoseconds(uptime.nanoseconds) + offset.withLock { $0 }
    }

    /// Rounds up: whoever sleeps until a moment of this clock must find that it has come.
    package func sleep(for duration: Duration) async throws {
        let nanoseconds = duration.nanosecondCount / pace * Self.evenPace
        try await loop.sleep(for: duration > .zero ? .nanoseconds(nanoseconds + 2 * Self.evenPace) : .zero)
    }
}
