import Agent
import Basics
import Logging
import Synchronization
import Testing

/// A clock that is set by hand.
private final class SetClock: TimeSource {
    private let seconds = Mutex<Int64>(0)

    func go(to value: Int64) { seconds.withLock { $0 = value } }

    var now: Timestamp { .never }
    var uptime: Uptime { Uptime(nanoseconds: seconds.withLock { $0 } * 1_000_000_000) }
    func sleep(for duration: Duration) async throws {}
}

private struct LineCounter: LogHandler {
    final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    let lines: Lines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let text = ["port", "reason", "held_back"].map { "\(event.metadata?[$0] ?? "")" }.joined(separator: " ")
        lines.all.withLock { $0.append(text) }
    }
}

struct RefusalLogTests {
    private let clock = SetClock()
    private let lines = LineCounter.Lines()
    private let refusals: RefusalLog

    init() {
        let lines = lines
        refusals = RefusalLog(log: Logger(label: "test") { _ in LineCounter(lines: lines) }, time: clock)
    }

    @Test func oneLineAKindInTenSeconds() {
        for second in 0..<25 {
            clock.go(to: Int64(second))
            for _ in 0..<10 { refusals.note(port: "rpc", address: "192.0.2.1", reason: "garbage") }
            if second == 3 { refusals.note(port: "http", address: "192.0.2.2", reason: "garbage") }
        }
        let seen = lines.all.withLock { $0 }
        #expect(seen == ["rpc garbage 0", "http garbage 0", "rpc garbage 99", "rpc garbage 99"])
    }

    /// Reasons that strangers choose, such as names in certificates, cannot fill memory or log.
    @Test func kindsAreBounded() {
        for number in 0..<10_000 { refusals.note(port: "rpc", address: "192.0.2.1", reason: "reason \(number)") }
        #expect(lines.all.withLock { $0.count } <= 65)
    }
}
