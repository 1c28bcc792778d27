import Basics
import Glibc
import PluginHost
import PluginHostTestSupport
import Testing

/// A driver behaves alike in the agent and in a process of its own.
@Suite struct DriverTests {
    @Test(.enabled(if: geteuid() == 0, "needs root")) func networksOfGroups() async throws {
        let library = try PluginBuilder.library("Tests/PluginHostTests/Plugins/driver.c")
        try await withHost([(library, "driver.so")], configure: isolated(.process, "faulty")) { host, _ in
            let driver = try #require(host.driver(named: "faulty"))
            try await NetworkConformance(driver, unique: "\(getpid())").check {
                let pid = host.status[0].pid
                try killProcess(pid)
                try await eventually("it is back") { ![pid, 0].contains(host.status[0].pid) }
            }
        }
    }

    @Test(arguments: [
        ("garbage", PluginError.Code.garbage, "is not the absolute path of a network namespace"),
        ("refuse", .retry, "no room today"),
    ])
    func networksThatAreNotMade(name: String, code: PluginError.Code, text: String) async throws {
        let library = try PluginBuilder.library("Tests/PluginHostTests/Plugins/driver.c")
        try await withHost([(library, "driver.so")], configure: isolated(.process, "faulty")) { host, _ in
            let driver = try #require(host.driver(named: "faulty"))
            let error = await pluginError { try await driver.createNetwork("a1", hostname: name) }
            #expect(error?.code == code && error?.message.contains(text) == true, "\(String(describing: error))")
            #expect(host.status[0].restarts == 0)
        }
    }

    @Test(arguments: [PluginIsolation.process, .agent])
    func wholeLifeOfATask(isolation: PluginIsolation) async throws {
        let library = try PluginBuilder.library("Tests/PluginHostTests/Plugins/driver.c")
        try await withHost([(library, "driver.so")], configure: isolated(isolation, "faulty")) { host, _ in
            #expect(host.driverNames == ["faulty"])
            let driver = try #require(host.driver(named: "faulty"))
            #expect(driver.capabilities.exec && driver.capabilities.sendSignals)
            let fingerprint = try await driver.fingerprint()
            #expect(fingerprint.health == .healthy)
            #expect(fingerprint.attributes == ["driver.faulty": "1"])
            #expect(fingerprint.period == .zero)

            let events = host.driverEvents()
            var spec = TaskSpec(id: "t1")
            spec.directories.local = "/some/local"
            spec.config = .object([("fault", .string("folders"))])
            let handle = try await driver.start(spec)
            #expect(handle.pid == 4_711)
            #expect(handle.network == DriverNetwork(ip: "10.0.0.2", portMap: ["http": 80]))
            var reader = events.makeAsyncIterator()
            #expect(
                await reader.next()
                    == .task(
                        driver: "faulty", taskID: "t1", message: "on its way",
                        details: .object([("step", .string("1"))])))

            let stats = try await driver.stats([])
            #expect(stats.map(\.taskID) == ["t1"])
            #expect(stats[0].cpu == .nanoseconds(42) && stats[0].memoryRSSBytes == 4_096 && stats[0].pids == nil)
            #expect(stats[0].ioReadBytes == 7 && stats[0].ioWriteBytes == 8)
            let error = await pluginError { try await driver.signal("t1", "SIGHUP") }
            #expect(error == PluginError(.state, "plug-in faulty, signal: cannot send SIGHUP"))
            #expect(try await driver.inspect("t1")["tasks"] == .array([.string("task.t1")]))

            async let exit = driver.wait("t1")
            try await driver.stop("t1", signal: "", timeout: .seconds(1))
            #expect(try await exit == TaskExit(code: 5))
            try await driver.destroy("t1", force: false)
            #expect(try await driver.inspect("t1")["tasks"] == .array([]))
            #expect(host.metrics.map(\.key.name) == ["starts"])
            #expect(host.metrics.map(\.value) == [1])
            let pid = try await driver.inspect("t1")["pid"]?.integer
            #expect((pid == Int64(getpid())) == (isolation == .agent))
        }
    }

    @Test(arguments: [PluginIsolation.process, .agent])
    func execPassesDescriptors(isolation: PluginIsolation) async throws {
        let library = try PluginBuilder.library("Tests/PluginHostTests/Plugins/driver.c")
        try await withHost([(library, "driver.so")], configure: isolated(isolation, "faulty")) { host, _ in
            var input: [Int32] = [0, 0]
            var output: [Int32] = [0, 0]
            pipe(&input)
            pipe(&output)
            defer { for descriptor in input + output { close(descriptor) } }
            write(input[1], "hello", 5)
            let driver = try #require(host.driver(named: "faulty"))
            let request = ExecRequest(
                id: "e1", arguments: ["cat"], input: input[0], output: output[1], error: output[1])
            #expect(try await driver.exec("t1", request) == TaskExit(code: 3))
            var buffer = [UInt8](repeating: 0, count: 16)
            #expect(read(output[0], &buffer, 16) == 5)
            #expect(String(decoding: buffer[..<5], as: UTF8.self) == "hello")
        }
    }

    @Test func waitEndsWhenCancelledAndCanBeAskedAgain() async throws {
        let library = try PluginBuilder.library("Tests/PluginHostTests/Plugins/driver.c")
        try await withHost([(library, "driver.so")]) { host, _ in
            let driver = try #require(host.driver(named: "faulty"))
            _ = try await driver.start(TaskSpec(id: "t1"))
            let error = await pluginError {
                try await withThrowingTaskGroup(of: TaskExit.self) { group in
                    group.addTask { try await driver.wait("t1") }
                    group.cancelAll()
                    return try await group.next()
                }
            }
            #expect(error != nil)
            async let exit = driver.wait("t1")
            try await driver.stop("t1", signal: "", timeout: .zero)
            #expect(try await exit.code == 5)
        }
    }

    /// The key, and what is allowed, are named; the plug-in never sees such a task.
    @Test(arguments: [
        ("colour", JSON.string("red"), "task \"web\" config: unknown key \"colour\"; allowed: delay, fault"),
        ("delay", .string("soon"), "task \"web\" config: delay: expected a duration such as \"30s\", got a string"),
        ("fault", .integer(1), "task \"web\" config: fault: expected a string, got a number"),
    ])
    func badTaskConfigIsNamed(key: String, value: JSON, message: String) async throws {
        let library = try PluginBuilder.library("Tests/PluginHostTests/Plugins/driver.c")
        try await withHost([(library, "driver.so")]) { host, _ in
            let driver = try #require(host.driver(named: "faulty"))
            var spec = TaskSpec(id: "t1")
            spec.name = "web"
            spec.config = .object([(key, value)])
            let error = await pluginError { try await driver.start(spec) }
            #expect(error == PluginError(.invalid, message))
        }
    }
}
