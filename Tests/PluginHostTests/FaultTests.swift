import Basics
import Glibc
import PluginHost
import PluginHostTestSupport
import Testing

/// What an isolated driver can do wrong costs its calls only, is reported with its cause, and the driver comes back.
@Suite struct FaultTests {
    private static let source = "Tests/PluginHostTests/Plugins/driver.c"

    private func spec(_ id: String, fault: String) -> TaskSpec {
        var spec = TaskSpec(id: id)
        spec.config = .object([("fault", .string(fault))])
        return spec
    }

    private func restarted(_ host: PluginManager, times: Int = 1) async throws -> PluginStatus {
        try await eventually("restart \(times)") {
            host.status[0].restarts == times && host.status[0].state == "running"
        }
        return host.status[0]
    }

    @Test(arguments: [
        ("segv", "was ended by signal 11 (SIGSEGV) during start"),
        ("abort", "was ended by signal 6 (SIGABRT) during start; its last output: the end is near"),
        ("exit", "exited with code 9 during start"),
    ])
    func crashBeforeTheTaskExistsFailsTheStart(fault: String, report: String) async throws {
        let library = try PluginBuilder.library(FaultTests.source)
        try await withHost([(library, "driver.so")]) { host, _ in
            let driver = try #require(host.driver(named: "faulty"))
            let pid = host.status[0].pid
            let error = await pluginError { try await driver.start(spec("t1", fault: fault)) }
            #expect(error?.code == .crashed)
            #expect(error?.message == "the process of plug-in faulty (pid \(pid)) \(report)")
            let status = try await restarted(host)
            #expect(status.pid != pid && status.reason == error?.message)
            #expect(try await driver.fingerprint().health == .healthy)
        }
    }

    @Test func crashAfterTheTaskExistsIsSettledByRecover() async throws {
        let library = try PluginBuilder.library(FaultTests.source)
        try await withHost([(library, "driver.so")]) { host, _ in
            let driver = try #require(host.driver(named: "faulty"))
            let handle = try await driver.start(spec("t1", fault: "late segv"))
            #expect(String(decoding: handle.bytes, as: UTF8.self) == #"{"version":1,"recovered":true}"#)
            #expect(try await restarted(host).restarts == 1)
        }
    }

    @Test(arguments: [false, true])
    func killedIdleOrBusyTasksAreTakenOver(busy: Bool) async throws {
        let library = try PluginBuilder.library(FaultTests.source)
        try await withHost([(library, "driver.so")]) { host, _ in
            let driver = try #require(host.driver(named: "faulty"))
            _ = try await driver.start(TaskSpec(id: "t1"))
            let events = host.driverEvents()
            try await withThrowingTaskGroup(of: TaskExit?.self) { group in
                if busy {
                    group.addTask { try await driver.wait("t1") }
                    try await Task.sleep(for: .milliseconds(30))
                }
                try killProcess(host.status[0].pid)
                let status = try await restarted(host)
                #expect(status.reason.contains("was ended by signal 9 (SIGKILL)"))
                #expect(status.reason.contains(busy ? "during wait" : "; its last call was start"))
                if !busy { group.addTask { try await driver.wait("t1") } }
                try await driver.stop("t1", signal: "", timeout: .zero)
                #expect(try await group.next() == TaskExit(code: 5))
            }
            var reader = events.makeAsyncIterator()
            guard case .unavailable("faulty", _) = await reader.next() else {
                Issue.record("not told that the driver is gone")
                return
            }
            #expect(await reader.next() == .available(driver: "faulty"))
        }
    }

    @Test func hangIsEndedAndReported() async throws {
        let library = try PluginBuilder.library(FaultTests.source)
        var configure = isolated(.process, "faulty", config: .object([("probe", .string("hang"))]))
        let inner = configure
        configure = { inner(&$0) }
        try await withHost([(library, "driver.so")], configure: configure) { host, _ in
            let plugin = try #require(host.plugin(named: "faulty"))
            let error = await pluginError {
                try await plugin.call("drover.driver/1", "fingerprint", within: .milliseconds(50))
            }
            #expect(error == PluginError(.deadline, "plug-in faulty: fingerprint took longer than 50ms"))
            let status = try await restarted(host)
            #expect(status.reason.contains("because it hung: fingerprint was still open 100ms after its deadline"))
            #expect(try await plugin.call("drover.driver/1", "fingerprint", within: .seconds(5)).count > 10)
        }
    }

    @Test(arguments: [
        ("garbage", PluginError.Code.garbage, "\"health\" is not healthy, unhealthy or undetected"),
        ("positive", .garbage, "the plug-in answered with code 7; results are 0, errors negative"),
        ("flood", .limit, "the result is larger than 67108864 bytes"),
    ])
    func garbageIsAnErrorAndTheDriverGoesOn(fault: String, code: PluginError.Code, text: String) async throws {
        let library = try PluginBuilder.library(FaultTests.source)
        let configure = isolated(.process, "faulty", config: .object([("probe", .string(fault))]))
        try await withHost([(library, "driver.so")], configure: configure) { host, _ in
            let driver = try #require(host.driver(named: "faulty"))
            let error = await pluginError { try await driver.fingerprint() }
            #expect(error?.code == code)
            #expect(error?.message.contains(text) == true)
            _ = try await driver.start(TaskSpec(id: "t1"))
            #expect(host.status[0].restarts == 0)
        }
    }

    @Test(arguments: [
        ("garbage", PluginError.Code.garbage), ("positive", .garbage), ("refuse", .retry),
    ])
    func badAnswersOfLongCalls(fault: String, code: PluginError.Code) async throws {
        let library = try PluginBuilder.library(FaultTests.source)
        try await withHost([(library, "driver.so")]) { host, _ in
            let driver = try #require(host.driver(named: "faulty"))
            let error = await pluginError { try await driver.start(spec("t1", fault: fault)) }
            #expect(error?.code == code)
            // A call completed twice is completed once.
            _ = try await driver.start(spec("t2", fault: "twice"))
            #expect(host.status[0].restarts == 0)
        }
    }

    /// What was slow, or says so itself, is loaded a little later without anybody's doing.
    @Test(arguments: ["refuse at first", "hang at first"]) func whatMayPassIsTriedAgain(fault: String) async throws {
        let library = try PluginBuilder.library(FaultTests.source)
        let configure: (inout PluginHostConfiguration) -> Void = { configuration in
            isolated(.process, "faulty", config: .object([("create", .string(fault))]))(&configuration)
            if fault == "hang at first" { configuration.loadTimeout = .seconds(3) }
        }
        try await withHost([(library, "driver.so")], configure: configure) { host, _ in
            try await eventually("it runs") { host.status[0].state == "running" }
            let driver = try #require(host.driver(named: "faulty"))
            _ = try await driver.start(TaskSpec(id: "t1"))
        }
    }

    @Test(arguments: [
        ("refuse", "create: \"create\" says refuse"), ("segv", "was ended by signal 11 (SIGSEGV)"),
        ("abort", "its last output: the end is near"), ("hang", "hung while it was loaded: no instance within 300ms"),
    ])
    func whatCannotBeLoadedIsQuarantined(fault: String, reason: String) async throws {
        let library = try PluginBuilder.library(FaultTests.source)
        for isolation in [PluginIsolation.process, .agent] {
            let configure: (inout PluginHostConfiguration) -> Void = { configuration in
                isolated(isolation, "faulty", config: .object([("create", .string(fault))]))(&configuration)
                // A crash is told as soon as it is there, however slow the machine.
                if fault == "hang" { configuration.loadTimeout = .milliseconds(300) }
            }
            try await withHost([(library, "driver.so")], configure: configure) { host, _ in
                let status = host.status[0]
                #expect(status.state == "quarantined" && status.name == "faulty")
                #expect(status.reason.contains(reason), "\(isolation)")
                #expect(host.driverNames.isEmpty)
            }
        }
    }
}
