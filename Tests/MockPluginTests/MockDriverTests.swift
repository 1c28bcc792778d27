import DroverSDK
import Glibc
import PluginTestSupport
import Testing

@testable import MockPlugin

@Suite("mock_driver")
struct MockDriverTests {
    static let second: Int64 = 1_000_000_000

    private func task(_ config: String, logs: String = "") throws -> TaskDocument {
        let logs = logs.isEmpty ? "" : ",\"logs\":{\"dir\":\"\(logs)\",\"stdout\":\"t.stdout\",\"stderr\":\"t.stderr\"}"
        return try TaskDocument("{\"id\":\"t\",\"config\":\(config)\(logs)}")
    }

    private func plugin(_ host: Host, _ config: JSON = [:]) throws -> (MockPlugin, any Driver) {
        let plugin = try MockPlugin(host: host, config: config)
        return (plugin, try #require(plugin.driver))
    }

    @Test(arguments: [
        ("{\"run_for\":\"10s\",\"exit_code\":3}", TaskExit(exitCode: 3)),
        ("{\"run_for\":\"10s\",\"exit_signal\":9,\"exit_err_msg\":\"boom\"}", TaskExit(signal: 9, error: "boom")),
        ("{\"run_for\":10000000000}", TaskExit()),
    ])
    func runsForItsTimeAndEndsAsScripted(config: String, exit: TaskExit) throws {
        try FakeHost.run { fake, host in
            let (_, driver) = try plugin(host)
            let (started, waited) = (Outcome(), Outcome())
            try driver.start(task(config), call: started.call)
            #expect(started.json?["handle"]?["version"]?.integer == 1)
            try driver.wait(id: "t", call: waited.call)
            fake.advance(nanoseconds: 10 * Self.second - 1)
            #expect(waited.result == nil)
            fake.advance(nanoseconds: 1)
            #expect(waited.json == exit.json)
            let again = Outcome()
            try driver.wait(id: "t", call: again.call)
            #expect(again.json == exit.json, "wait answers for an ended task, until destroy")
            try driver.destroy(id: "t", force: false)
            #expect(throws: PluginError.self) { try driver.wait(id: "t", call: Outcome().call) }
            #expect(fake.stored.isEmpty && fake.pendingTimers == 0, "nothing is left behind")
        }
    }

    @Test(arguments: [(true, PluginError.Code.retry), (false, .invalid)])
    func failsToStart(recoverable: Bool, code: PluginError.Code) throws {
        try FakeHost.run { fake, host in
            let (_, driver) = try plugin(host)
            let started = Outcome()
            let config =
                "{\"start_error\":\"no luck\",\"start_error_recoverable\":\(recoverable),\"start_block_for\":\"2s\"}"
            try driver.start(task(config), call: started.call)
            #expect(started.result == nil, "the start is blocked")
            fake.advance(nanoseconds: 2 * Self.second)
            #expect(started.error == PluginError(code, "no luck"))
            #expect(throws: PluginError.self, "nothing runs after an error") { try driver.inspect(id: "t") }
        }
    }

    @Test func startingTwiceStartsOnce() throws {
        try FakeHost.run { fake, host in
            let (_, driver) = try plugin(host)
            let (first, second) = (Outcome(), Outcome())
            try driver.start(task("{\"run_for\":\"1h\",\"start_block_for\":\"1s\"}"), call: first.call)
            try driver.start(task("{\"run_for\":\"1h\",\"start_block_for\":\"1s\"}"), call: second.call)
            fake.advance(nanoseconds: Self.second)
            #expect(first.json != nil)
            #expect(first.json == second.json)
        }
    }

    struct Stop {
        let killAfter: String, timeout: Int64, endsAfter: Int64, signal: Int64
    }

    @Test(arguments: [
        Stop(killAfter: "0s", timeout: 5, endsAfter: 0, signal: 2),
        Stop(killAfter: "3s", timeout: 5, endsAfter: 3, signal: 2),
        Stop(killAfter: "9s", timeout: 5, endsAfter: 5, signal: 9),
    ])
    func stopsWhenItObeysOrIsKilled(_ row: Stop) throws {
        try FakeHost.run { fake, host in
            let (_, driver) = try plugin(host)
            let (stopped, waited) = (Outcome(), Outcome())
            try driver.start(task("{\"run_for\":\"1h\",\"kill_after\":\"\(row.killAfter)\"}"), call: Outcome().call)
            try driver.wait(id: "t", call: waited.call)
            try driver.stop(
                id: "t", signal: "SIGINT", timeoutNanoseconds: row.timeout * Self.second, call: stopped.call)
            if row.endsAfter > 0 {
                fake.advance(nanoseconds: row.endsAfter * Self.second - 1)
                #expect(stopped.result == nil)
                fake.advance(nanoseconds: 1)
            }
            #expect(stopped.json == .null)
            #expect(waited.json?["signal"]?.integer == row.signal)
        }
    }

    /// The host was killed between the start and its answer, or lost the plug-in: the next instance finds the task.
    @Test(arguments: [true, false])
    func anotherInstanceRecoversATask(hasHandle: Bool) throws {
        try FakeHost.run { fake, host in
            let config = "{\"run_for\":\"10s\",\"exit_code\":4}"
            let (first, driver) = try plugin(host)
            let (started, abandoned) = (Outcome(), Outcome())
            try driver.start(task(config), call: started.call)
            try driver.wait(id: "t", call: abandoned.call)
            fake.advance(nanoseconds: 4 * Self.second)
            first.shutdown()
            #expect(abandoned.error?.code == .cancelled)
            #expect(fake.pendingTimers == 0)

            let (_, next) = try plugin(host)
            let (recovered, waited) = (Outcome(), Outcome())
            try next.recover(task(config), handle: hasHandle ? started.json?["handle"] : nil, call: recovered.call)
            #expect(recovered.json == started.json)
            try next.wait(id: "t", call: waited.call)
            fake.advance(nanoseconds: 6 * Self.second)
            #expect(waited.json?["exit_code"]?.integer == 4, "its time went on meanwhile")

            let (_, last) = try plugin(host)
            let late = Outcome()
            try last.recover(task(config), handle: nil, call: Outcome().call)
            try last.wait(id: "t", call: late.call)
            #expect(late.json?["exit_code"]?.integer == 4, "an ended task is found too")
        }
    }

    @Test func aTaskNobodyStartedIsNotFound() throws {
        try FakeHost.run { _, host in
            let (_, driver) = try plugin(host)
            let error = #expect(throws: PluginError.self) {
                try driver.recover(task("{}"), handle: nil, call: Outcome().call)
            }
            #expect(error?.code == .notFound)
        }
    }

    @Test func writesItsOutput() throws {
        let folder = try #require(mkdtemp(strdup("/tmp/drover-mock-XXXXXX")).map { String(cString: $0) })
        defer {
            unlink("\(folder)/t.stdout.0")
            unlink("\(folder)/t.stderr.0")
            rmdir(folder)
        }
        try FakeHost.run { fake, host in
            let (_, driver) = try plugin(host)
            let config = """
                {"run_for":"10s","stdout_string":"hi\\n","stdout_repeat":2,"stdout_repeat_duration":"1s",
                 "stderr_string":"oh"}
                """
            try driver.start(task(config, logs: folder), call: Outcome().call)
            #expect(read("\(folder)/t.stdout.0") == "hi\n")
            fake.advance(nanoseconds: 10 * Self.second)
            #expect(read("\(folder)/t.stdout.0") == "hi\nhi\nhi\n")
            #expect(read("\(folder)/t.stderr.0") == "oh")
        }
    }

    private func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        return String(decoding: buffer[..<fread(&buffer, 1, 4096, file)], as: UTF8.self)
    }

    @Test func signalsAndCommandsFollowTheScript() throws {
        try FakeHost.run { fake, host in
            let (_, driver) = try plugin(host)
            let config =
                "{\"run_for\":\"1h\",\"signal_error\":\"deaf\",\"exec_command\":{\"run_for\":\"1s\",\"exit_code\":2}}"
            try driver.start(task(config), call: Outcome().call)
            #expect(throws: PluginError(.io, "deaf")) { try driver.signal(id: "t", name: "SIGHUP") }
            #expect(throws: PluginError(.invalid, "unknown signal \"SIGNOPE\"")) {
                try driver.signal(id: "t", name: "SIGNOPE")
            }
            let (ran, cancelled) = (Outcome(), Outcome())
            let streams = StandardStreams(input: -1, output: -1, error: -1)
            try driver.exec(id: "t", execID: "e1", request: "{}", streams: streams, call: ran.call)
            try driver.exec(id: "t", execID: "e2", request: "{}", streams: streams, call: cancelled.call)
            cancelled.cancel()
            fake.advance(nanoseconds: Self.second)
            #expect(ran.json?["exit_code"]?.integer == 2)
            #expect(cancelled.error?.code == .cancelled)
        }
    }

    @Test func disappearsWhenTold() throws {
        try FakeHost.run { fake, host in
            let settings: JSON = ["shutdown_periodic_after": true, "shutdown_periodic_duration": 1_000_000_000]
            let (_, driver) = try plugin(host, settings)
            #expect(try driver.fingerprint().health == .healthy)
            fake.advance(nanoseconds: Self.second)
            #expect(try driver.fingerprint().health == .undetected)
        }
    }

    @Test(arguments: [
        ("{\"run_for\":\"soon\"}", "run_for"), ("{\"exit_code\":256}", "exit_code"),
        ("{\"driver_port_map\":\"http\"}", "driver_port_map"), ("{\"exec_command\":{\"exit_code\":-1}}", "exit_code"),
    ])
    func aWrongScriptNamesTheKey(config: String, key: String) throws {
        try FakeHost.run { _, host in
            let (_, driver) = try plugin(host)
            let error = #expect(throws: PluginError.self) { try driver.start(task(config), call: Outcome().call) }
            #expect(error?.code == .invalid)
            #expect(error?.message.contains("\"\(key)\"") == true)
        }
    }
}
