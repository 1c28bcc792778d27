import Basics
import CDroverABI
import Glibc
import Linux
import PluginHostTestSupport
import Synchronization
import Testing

@testable import PluginHost

/// What a plug-in gets from its host: bound to the instance, limited, and dead after it.
@Suite struct HostTableTests {
    /// Keeps what a plug-in says.
    private final class Recorder: HostServices {
        let lines = Mutex<[String]>([])

        func log(level: Int32, message: String, fields: [UInt8]) { lines.withLock { $0.append("\(level) \(message)") } }
        func metric(_ kind: MetricKind, name: String, value: Double, labels: [UInt8]) {}
        func taskEvent(id: String, message: String, details: [UInt8]) {}
        func changed(_ what: String) { lines.withLock { $0.append("changed \(what)") } }
        func listScorers() -> Answer { Answer(code: 0, bytes: Array("[]".utf8)) }
        func score(_ name: String, columns: Block) -> Answer { Answer(PluginError(.notFound, "no scorer")) }
    }

    private struct Fixture {
        let scratch = Scratch("tables")
        let recorder = Recorder()
        let binding: HostBinding

        init(_ name: String = "p") throws {
            let identity = PluginIdentity(name: name, folder: scratch.path)
            let folders = TaskFolders()
            let clock = SystemClock()
            binding = try HostBinding(
                identity: identity, folders: folders,
                interfaces: [
                    LogInterface(services: recorder, clock: clock), KeyValueInterface(identity: identity),
                    ClockInterface(clock), EventInterface(services: recorder, folders: folders),
                    FoldersInterface(identity: identity, folders: folders),
                ])
        }

        func table<Table>(_ id: String, as type: Table.Type) throws -> Table {
            let pointer = try #require(binding.host.pointee.get_interface?(id))
            let table = pointer.load(as: type)
            #expect(pointer.load(as: UInt32.self) == UInt32(MemoryLayout<Table>.size))
            return table
        }
    }

    private func call(_ text: String, _ body: (drover_text) -> Int32?) -> Int32? { Array(text.utf8).withABI(body) }

    @Test func tablesKnowTheirInstanceAndDieWithIt() throws {
        let (first, second) = (try Fixture("first"), try Fixture("second"))
        defer { withExtendedLifetime((first, second)) {} }
        let logs = [
            try first.table(DROVER_LOG_1, as: drover_log.self), try second.table(DROVER_LOG_1, as: drover_log.self),
        ]
        for (index, log) in logs.enumerated() {
            Array("from \(index)".utf8).withABI { log.write?(DROVER_LOG_INFO, $0, drover_bytes()) }
        }
        #expect(first.recorder.lines.withLock { $0 } == ["2 from 0"])
        #expect(second.recorder.lines.withLock { $0 } == ["2 from 1"])
        #expect(first.binding.host.pointee.get_interface?("drover.nothing/1") == nil)

        let values = try first.table(DROVER_KV_1, as: drover_kv.self)
        let clock = try first.table(DROVER_CLOCK_1, as: drover_clock.self)
        #expect((clock.monotonic_ns?() ?? 0) > 0)
        first.binding.revoke()
        #expect(call("key") { values.put?($0, $0) } == DROVER_E_REVOKED)
        let sink = ResultSink()
        #expect(call("key") { values.get?($0, sink.raw) } == DROVER_E_REVOKED)
        #expect(String(decoding: sink.bytes, as: UTF8.self) == "this instance of first has been destroyed")
        #expect(clock.monotonic_ns?() == 0)
        Array("late".utf8).withABI { logs[0].write?(DROVER_LOG_INFO, $0, drover_bytes()) }
        #expect(first.recorder.lines.withLock { $0.count } == 1)
        #expect(first.binding.host.pointee.get_interface?(DROVER_LOG_1) == nil)
        #expect(call("key") { try? second.table(DROVER_KV_1, as: drover_kv.self).put?($0, $0) } == 0)
    }

    @Test func keyValueStateIsKeptLimitedAndListed() throws {
        let fixture = try Fixture()
        defer { withExtendedLifetime(fixture) {} }
        let values = try fixture.table(DROVER_KV_1, as: drover_kv.self)
        for key in ["b", "a/../x", "a\u{0}b", String(repeating: "k", count: 256)] {
            #expect(call(key) { values.put?($0, $0) } == DROVER_OK)
        }
        #expect(call(String(repeating: "k", count: 257)) { values.put?($0, $0) } == DROVER_E_LIMIT)
        #expect(call("") { values.put?($0, $0) } == DROVER_E_LIMIT)
        let large = [UInt8](repeating: 1, count: 64 << 10)
        #expect(large.withABI { value in call("large") { values.put?($0, value) } } == DROVER_OK)
        #expect((large + [1]).withABI { value in call("large") { values.put?($0, value) } } == DROVER_E_LIMIT)
        var count = 0
        while large.withABI({ value in call("n\(count)") { values.put?($0, value) } }) == DROVER_OK { count += 1 }
        #expect(count == 254)

        let sink = ResultSink()
        #expect(call("a") { values.list?($0, sink.raw) } == DROVER_OK)
        #expect(String(decoding: sink.bytes, as: UTF8.self) == #"["a\u0000b","a/../x"]"#)
        #expect(call("b") { values.remove?($0) } == DROVER_OK)
        let none = ResultSink()
        #expect(call("b") { values.get?($0, none.raw) } == DROVER_E_NOT_FOUND)
        #expect(String(decoding: none.bytes, as: UTF8.self) == "no key \"b\"")
    }

    @Test func logIsLimited() throws {
        let fixture = try Fixture()
        defer { withExtendedLifetime(fixture) {} }
        let log = try fixture.table(DROVER_LOG_1, as: drover_log.self)
        for _ in 0..<3_000 { Array("x".utf8).withABI { log.write?(DROVER_LOG_INFO, $0, drover_bytes()) } }
        [UInt8](repeating: 65, count: 17 << 10).withABI { log.write?(DROVER_LOG_INFO, $0, drover_bytes()) }
        #expect(fixture.recorder.lines.withLock { $0.count } < 2_100)
    }

    @Test func eventsAreChecked() throws {
        let fixture = try Fixture()
        defer { withExtendedLifetime(fixture) {} }
        let events = try fixture.table(DROVER_EVENT_1, as: drover_event.self)
        #expect(call("fingerprint") { events.changed?($0) } == DROVER_OK)
        #expect(call("weather") { events.changed?($0) } == DROVER_E_INVALID)
        #expect(call("nobody") { events.task?($0, $0, drover_bytes()) } == DROVER_E_NOT_FOUND)
        #expect(fixture.recorder.lines.withLock { $0 } == ["changed fingerprint"])
    }

    /// Sleeps end by time, by cancellation, or with the instance; each once.
    @Test func sleepsEnd() throws {
        let fixture = try Fixture()
        defer { withExtendedLifetime(fixture) {} }
        let clock = try fixture.table(DROVER_CLOCK_1, as: drover_clock.self)
        let answers = Mutex<[Int32]>([])
        let done = Condition()
        func sleep(_ delay: Int64) -> PendingCall {
            let call = PendingCall { answer in
                answers.withLock { $0.append(answer.code) }
                done.locked { done.broadcast() }
            }
            clock.sleep?(delay, call.raw(deadline: 0))
            return call
        }
        func wait(for count: Int) {
            done.locked { while answers.withLock({ $0.count }) < count { done.wait() } }
        }
        _ = sleep(0)
        wait(for: 1)
        sleep(3_600_000_000_000).cancel()
        wait(for: 2)
        _ = sleep(3_600_000_000_000)
        fixture.binding.revoke()
        wait(for: 3)
        _ = sleep(0)
        wait(for: 4)
        #expect(answers.withLock { $0 } == [DROVER_OK, DROVER_E_CANCELLED, DROVER_E_REVOKED, DROVER_E_REVOKED])
    }
}
