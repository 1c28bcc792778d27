import Basics
import Glibc
import PluginHost
import PluginHostTestSupport
import Testing

/// Libraries change while the agent runs.
@Suite struct ReplaceTests {
    private static let source = "Tests/PluginHostTests/Plugins/driver.c"

    /// Puts `library` where `name` is, as an installer does: beside it, then renamed over it.
    private func install(_ library: String, as name: String, in scratch: Scratch) throws {
        try scratch.add(library, as: name + ".new")
        #expect(rename("\(scratch.path)/plugins/\(name).new", "\(scratch.path)/plugins/\(name)") == 0)
    }

    @Test(arguments: [PluginIsolation.process, .agent])
    func aNewVersionTakesOverTasksAndWaits(isolation: PluginIsolation) async throws {
        let old = try PluginBuilder.library(ReplaceTests.source)
        let new = try PluginBuilder.library(ReplaceTests.source, defines: ["VERSION='\"2.0.0\"'"])
        try await withHost([(old, "driver.so")], configure: isolated(isolation, "faulty")) { host, scratch in
            let driver = try #require(host.driver(named: "faulty"))
            _ = try await driver.start(TaskSpec(id: "t1"))
            let pid = host.status[0].pid
            #expect(await host.rescan().isEmpty)
            try await withThrowingTaskGroup(of: TaskExit.self) { group in
                group.addTask { try await driver.wait("t1") }
                try await Task.sleep(for: .milliseconds(20))
                try install(new, as: "driver.so", in: scratch)
                let results = await host.rescan()
                #expect(results.map(\.file) == ["\(scratch.path)/plugins/driver.so"])
                #expect(results.map(\.problem) == [nil])
                let status = host.status[0]
                #expect(status.version == "2.0.0" && status.state == "running" && status.restarts == 0)
                #expect(status.reason == "replaced 1.2.3 by 2.0.0")
                #expect((status.pid != pid) == (isolation == .process))
                #expect(isolation == .agent || kill(pid, 0) != 0)
                try await driver.stop("t1", signal: "", timeout: .zero)
                #expect(try await group.next() == TaskExit(code: 5))
            }
        }
    }

    @Test func aBrokenVersionLeavesTheOldOneRunning() async throws {
        let old = try PluginBuilder.library(ReplaceTests.source)
        let broken = try PluginBuilder.library(ReplaceTests.source, defines: ["VERSION='\"2.0.0\"'", "WRONG_MAGIC"])
        try await withHost([(old, "driver.so")]) { host, scratch in
            try install(broken, as: "driver.so", in: scratch)
            let results = await host.rescan()
            #expect(results.first?.problem?.contains("field magic") == true)
            #expect(host.status[0].version == "1.2.3" && host.status[0].state == "running")
            #expect(try await host.driver(named: "faulty")?.fingerprint().health == .healthy)
        }
    }

    @Test(arguments: [PluginIsolation.process, .agent])
    func aNewConfigurationTakesOverTasksAndWaits(isolation: PluginIsolation) async throws {
        let library = try PluginBuilder.library(ReplaceTests.source)
        try await withHost([(library, "driver.so")], configure: isolated(isolation, "faulty")) { host, _ in
            func block(
                _ create: String, _ isolation: PluginIsolation = isolation
            ) -> [String: PluginHostConfiguration.Plugin] {
                var plugin = PluginHostConfiguration.Plugin()
                plugin.isolation = isolation
                plugin.config = .object([("create", .string(create))])
                return ["faulty": plugin]
            }
            let driver = try #require(host.driver(named: "faulty"))
            _ = try await driver.start(TaskSpec(id: "t1"))
            try await withThrowingTaskGroup(of: TaskExit.self) { group in
                group.addTask { try await driver.wait("t1") }
                try await Task.sleep(for: .milliseconds(20))
                let pid = host.status[0].pid
                for create in ["once", "twice"] {
                    let results = await host.reconfigure(block(create))
                    #expect(results.map(\.plugin) == ["faulty"] && results.map(\.problem) == [nil], "\(results)")
                    #expect(host.status[0].state == "running" && host.status[0].reason == "configured anew")
                    #expect(await host.reconfigure(block(create)).isEmpty)
                }
                #expect((host.status[0].pid != pid) == (isolation == .process))
                let last = host.status[0].pid
                #expect(await host.reconfigure(block("refuse")).first?.problem?.contains("says refuse") == true)
                #expect(host.status[0].pid == last && host.status[0].state == "running")
                let moved = await host.reconfigure(block("twice", isolation == .agent ? .process : .agent))
                #expect(moved.first?.problem?.contains("when the agent starts") == true)
                let strange = await host.reconfigure(
                    block("twice").merging(["nobody": block("x").values.first ?? .init()]) { $1 })
                #expect(strange.map(\.plugin) == ["nobody"] && strange.first?.problem?.contains("no plug-in") == true)
                try await driver.stop("t1", signal: "", timeout: .zero)
                #expect(try await group.next() == TaskExit(code: 5))
            }
        }
    }

    @Test func newLibrariesAreLoadedAndQuarantinedOnesTriedAgain() async throws {
        let driver = try PluginBuilder.library(ReplaceTests.source)
        let broken = try PluginBuilder.library(ReplaceTests.source, defines: ["NO_CREATE"])
        let scheduler = try PluginBuilder.library("Tests/PluginHostTests/Plugins/scheduler.c")
        try await withHost([(broken, "driver.so")]) { host, scratch in
            #expect(host.status.map(\.state) == ["quarantined"])
            try install(driver, as: "driver.so", in: scratch)
            try scratch.add(scheduler, as: "scheduler.so")
            try scratch.add(driver, as: "second.so")
            _ = await host.rescan()
            #expect(host.status.map(\.name) == ["faulty", "faulty", "wayward"])
            #expect(host.status.map(\.state) == ["running", "stopped", "running"])
            #expect(host.driverNames == ["faulty"] && host.schedulerNames == ["wayward"])
        }
    }
}
