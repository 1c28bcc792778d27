import Basics
import Foundation
import TestSupport
import Testing

/// Who dies at a fault point (Sources/Linux/FaultPoint.swift).
enum Victim: String, CaseIterable {
    case agent
    case host
    case shim
}

/// A moment and the process that is killed at it.
struct KillPoint: CustomTestStringConvertible {
    var victim: Victim
    var name: String
    var configuration = ""

    var testDescription: String { "\(victim) at \(name)\(configuration.isEmpty ? "" : " in the agent")" }

    private static let inAgent = "plugin \"raw_exec\" {\n  isolation = \"agent\"\n}\n"

    static let all: [KillPoint] =
        [
            "client.identity.before", "client.identity.after", "client.answer", "client.handle.before",
            "client.handle.after",
            "client.report.before", "client.report.before:3", "client.acknowledged", "client.acknowledged:3",
            "client.end.before", "client.end.after",
            "disk.sync.before:8", "disk.sync.after:9", "disk.sync.before:10", "disk.sync.after:11",
        ].map { KillPoint(victim: .agent, name: $0) }
        + ["executor.spawn.before", "executor.spawned", "executor.spawn.after"].map {
            KillPoint(victim: .agent, name: $0, configuration: inAgent)
        }
        + [
            "executor.spawn.before", "executor.spawned", "executor.spawn.after", "host.answer.before",
            "host.answer.after",
        ].map { KillPoint(victim: .host, name: $0) }
        + [
            "shim.spawn.before", "shim.spawn.after", "shim.answer.before", "shim.answer.after", "shim.end.before",
            "shim.end.after",
        ].map {
            KillPoint(victim: .shim, name: $0)
        }
}

/// `kill -9` at each named moment: acknowledged jobs are there, each task runs exactly once, and nothing is left at the end.
@Suite struct KillTests {
    private static let quickRestarts = JSON.object([
        ("Attempts", .integer(50)), ("Mode", .string("delay")), ("Interval", .integer(3_600_000_000_000)),
        ("Delay", .integer(20_000_000)),
    ])

    @Test(arguments: KillPoint.all)
    func nothingIsLostOrDoubled(_ point: KillPoint) throws {
        let agent = try AgentProcess(["-dev"], configuration: point.configuration)
        let (keeper, once) = (try MarkedTasks(), try MarkedTasks())
        let jobs = [
            Jobs.shell("keeper", keeper.line, restart: Self.quickRestarts),
            Jobs.shell("once", once.note, type: "batch", restart: Self.quickRestarts),
        ]
        let mark = agent.folder.path + "/struck"
        try agent.start(environment: ["DROVER_FAULT_POINT": point.name, "DROVER_FAULT_MARK": mark])
        var acknowledged: Set<Int> = []
        if agent.becomesReady() {
            for (number, job) in jobs.enumerated() where (try? agent.register(job)) != nil {
                acknowledged.insert(number)
            }
        }
        if point.victim == .agent {
            #expect(agent.hasEnded(seconds: 10), "the agent reached \(point.name)\n\(agent.describe("keeper"))")
            agent.kill()
            try agent.start()
            try agent.waitUntilReady()
        }
        try eventually("\(point.name) is reached") { FileManager.default.fileExists(atPath: mark) }
        let present = Set(try agent.http.getJSON("/v1/jobs").array?.compactMap { $0["ID"]?.string } ?? [])
        #expect(!acknowledged.contains(0) || present.contains("keeper"), "acknowledged and lost")
        #expect(!acknowledged.contains(1) || present.contains("once"), "acknowledged and lost")
        for (number, job) in jobs.enumerated() where !acknowledged.contains(number) { try agent.register(job) }

        try agent.wait("keeper", "running")
        try agent.wait("once", "complete")
        // An agent or a plug-in host that dies costs no start; a shim that dies takes its attempt with it.
        let startsMax = point.victim == .shim ? 2 : 1
        for (job, tasks) in [("keeper", keeper), ("once", once)] {
            // A task may be reported running, lose its shim before it has done anything, and start again.
            try eventually("\(job) has started", details: { agent.describe(job) }) { !tasks.starts.isEmpty }
            #expect((1...startsMax).contains(tasks.starts.count), "\(job): \(tasks.starts)\n\(agent.describe(job))")
            let allocations = try agent.allocations(job)
            #expect(allocations.count == 1, "\(agent.describe(job))")
            let restarts = try #require(allocations.first?["TaskStates"]?["main"]?["Restarts"]?.integer)
            #expect(tasks.starts.count <= restarts + 1, "every start but the first is a restart")
            #expect(point.victim != .agent || restarts == 0, "\(agent.describe(job))")
        }
        try eventually("one process runs", details: { "\(keeper.processes)" }) { keeper.processes.count == 1 }

        try agent.stop("keeper")
        try eventually("the task has ended", details: { agent.describe("keeper") }) { keeper.processes.isEmpty }
        try agent.wait("keeper", "complete")
        try eventually("no shim is left", details: { agent.log }) {
            ProcessList.shims(below: agent.folder.path).isEmpty
        }
    }
}
