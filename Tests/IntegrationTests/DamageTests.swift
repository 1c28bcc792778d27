import Basics
import Foundation
import TestSupport
import Testing

/// Damaged files and wrong plug-ins: a message that says what and where, and the agent goes on or refuses to start.
@Suite struct DamageTests {
    // MARK: - Data folder

    @Test func aTornLogTailIsCutAndWhatCameBeforeIsThere() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        for number in 0..<5 { try agent.register(Jobs.shell("kept-\(number)", "true", type: "batch")) }
        for number in 0..<5 { try agent.wait("kept-\(number)", "complete") }
        // The last batch of the log, which a crash may tear, is then none that a kept job depends on.
        try agent.register(Jobs.shell("last", "true", type: "batch"))
        try agent.wait("last", "complete")
        agent.kill()

        let log = try newestLog(agent)
        var bytes = try Data(contentsOf: log)
        let end = try #require(bytes.lastIndex { $0 != 0 })
        for position in end - 2...end { bytes[position] ^= 0xff }
        try bytes.write(to: log)

        try agent.start()
        try agent.waitUntilReady()
        let jobs = Set(try agent.http.getJSON("/v1/jobs").array?.compactMap { $0["ID"]?.string } ?? [])
        #expect(jobs.isSuperset(of: (0..<5).map { "kept-\($0)" }))
        #expect(agent.log.contains("torn"), "\(agent.log.suffix(4_000))")
        try agent.register(Jobs.shell("next", "true", type: "batch"))
        try agent.wait("next", "complete")
    }

    @Test func aLogDamagedInTheMiddleIsRefusedAndLeftAlone() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        for number in 0..<5 { try agent.register(Jobs.shell("kept-\(number)", "true", type: "batch")) }
        for number in 0..<5 { try agent.wait("kept-\(number)", "complete") }
        agent.kill()

        let log = try newestLog(agent)
        let whole = try Data(contentsOf: log)
        var bytes = whole
        let end = try #require(bytes.lastIndex { $0 != 0 })
        bytes[end / 2] ^= 0xff
        try bytes.write(to: log)
        try agent.start()
        #expect(agent.hasEnded(seconds: 10), "it does not start on changed data")
        #expect(agent.wait() != 0)
        #expect(agent.log.contains(log.path()) && agent.log.contains("damaged at byte"), "\(agent.log.suffix(2_000))")
        #expect(try Data(contentsOf: log) == bytes, "nothing was touched")

        // With the log back, so is all that was acknowledged.
        try whole.write(to: log)
        try agent.start()
        try agent.waitUntilReady()
        #expect(try agent.http.getJSON("/v1/jobs").array?.count == 5)
    }

    @Test(arguments: ["truncated", "overwritten"])
    func aDamagedStateDatabaseIsMovedAside(how: String) throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        let tasks = try MarkedTasks()
        try agent.register(Jobs.shell("keeper", tasks.line))
        try agent.wait("keeper", "running")
        agent.kill()

        let database = URL(filePath: agent.folder.path + "/data/client/state.db")
        var bytes = try Data(contentsOf: database)
        if how == "truncated" {
            bytes = bytes.prefix(2_048)
        } else {
            bytes = Data((0..<max(bytes.count, 8_192)).map { UInt8(truncatingIfNeeded: $0) })
        }
        try bytes.write(to: database)
        for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: database.path() + suffix) }
        try agent.start()
        try agent.waitUntilReady()
        try agent.wait("keeper", "running")
        // Cut within its first page it is an empty database to SQLite; both are recovered from alike.
        #expect(how == "truncated" || agent.log.contains("state database is damaged"), "\(agent.log.suffix(4_000))")
        try eventually("one process runs", details: { agent.describe("keeper") }) { tasks.processes.count == 1 }
        #expect(tasks.starts.count == 1, "found again, not started anew")
        #expect(try agent.allocations("keeper").count == 1)
        try agent.end(["keeper"])
        #expect(tasks.processes.isEmpty)
    }

    private func newestLog(_ agent: AgentProcess) throws -> URL {
        let folder = agent.folder.path + "/data/server/raft/log"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".wal") }.sorted()
        return URL(filePath: folder + "/" + (try #require(names.last)))
    }

    // MARK: - Plug-ins

    @Test func wrongPluginsAreQuarantinedWithTheReasonAndTheAgentGoesOn() throws {
        let plugins = try TemporaryFolder("plugins")
        let whole = plugins.path + "/libdrover-driver-shell.so"
        try CPlugin.build("driver.c", as: whole)
        let bytes = try Data(contentsOf: URL(filePath: whole))
        try FileManager.default.removeItem(atPath: whole)
        let wrong: [(name: String, content: Data, reason: String)] = [
            ("truncated", bytes.prefix(bytes.count / 2), "truncated"),
            ("empty", Data(), "ELF"),
            ("text", Data(String(repeating: "no library\n", count: 100).utf8), "ELF magic"),
            ("foreign", bytes.replacing(at: 18, with: [183, 0]), "aarch64"),
            ("stale", try bytes.replacingHash(), "rebuild the plug-in"),
        ]
        for one in wrong {
            try one.content.write(to: URL(filePath: "\(plugins.path)/libdrover-driver-\(one.name).so"))
        }
        let agent = try AgentProcess(configuration: "plugin_dir = \"\(plugins.path)\"\n")
        try agent.start()
        try agent.waitUntilReady()
        let shown = try agent.http.getJSON("/v1/agent/plugins").array ?? []
        for one in wrong {
            let file = "\(plugins.path)/libdrover-driver-\(one.name).so"
            let plugin = try #require(shown.first { $0["File"]?.string == file }, "\(one.name) is shown")
            #expect(plugin["State"] == .string("quarantined"))
            #expect(
                plugin["Reason"]?.string?.contains(one.reason) == true, "\(one.name): \(plugin["Reason"]?.text ?? "")")
            #expect(agent.log.contains(file), "\(one.name) is logged")
        }
        let status = try agent.drover("plugin", "status", "-json")
        #expect(status.code == 0 && status.output.contains("aarch64"))
        try agent.register(Jobs.shell("fine", "true", type: "batch"))
        try agent.wait("fine", "complete")
    }

    // MARK: - Jobs

    @Test func aMissingCommandIsReportedByName() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        let task = JSON.object([
            ("Name", .string("main")), ("Driver", .string("raw_exec")),
            ("Config", .object([("command", .string("/nowhere/program"))])),
            ("Resources", .object([("CPU", .integer(10)), ("MemoryMB", .integer(10))])),
        ])
        try agent.register(Jobs.task("missing", type: "batch", restart: Jobs.noRestart, task))
        try agent.wait("missing", "failed")
        let events = try agent.allocations("missing").first?["TaskStates"]?["main"]?["Events"]?.array ?? []
        let failure = events.first { $0["Type"] == .string("Driver Failure") }
        #expect(failure?["DisplayMessage"]?.string?.contains("/nowhere/program") == true, "\(events)")
    }

    @Test func aJobForAnUnknownDriverWaitsForANodeThatHasIt() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        let task = JSON.object([
            ("Name", .string("main")), ("Driver", .string("teleport")), ("Config", .object([])),
            ("Resources", .object([("CPU", .integer(10)), ("MemoryMB", .integer(10))])),
        ])
        try agent.register(Jobs.task("unknown", task))
        try eventually("the job is blocked for want of the driver", details: { agent.describe("unknown") }) {
            let evaluations = try agent.http.getJSON("/v1/job/unknown/evaluations").array ?? []
            return evaluations.contains { evaluation in
                evaluation["FailedTGAllocs"]?["group"]?["ConstraintFiltered"]?["missing drivers"] == .integer(1)
            } && evaluations.contains { $0["Status"] == .string("blocked") }
        }
        #expect(try agent.allocations("unknown").isEmpty)
    }
}

extension AgentProcess {
    /// Stops the jobs and waits until their tasks have ended and no shim is left.
    func end(_ jobs: [String]) throws {
        for job in jobs { try stop(job) }
        try eventually("no shim is left", details: { self.log }) { ProcessList.shims(below: folder.path).isEmpty }
    }
}

extension Data {
    fileprivate func replacing(at offset: Int, with bytes: [UInt8]) -> Data {
        var copy = self
        copy.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        return copy
    }

    /// The library as headers with another hash would have made it.
    fileprivate func replacingHash() throws -> Data {
        let key = Data("\"abi_hash\":\"".utf8)
        guard let range = range(of: key) else { throw NeverHappened(description: "no abi_hash in the library") }
        return replacing(at: range.upperBound, with: Array("0123456789abcdef".utf8))
    }
}
