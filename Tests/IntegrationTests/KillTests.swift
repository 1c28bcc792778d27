import Basics
import Foundation
import Linux
import TestSupport
import Testing

/// Who dies at a fault point (Sources/Linux/FaultPoint.swift).
enum Victim: String, CaseIterable {
    case agent
    case host
    case shim
}

/// A fault point and the process that is killed at it.
struct KillPoint: CustomTestStringConvertible {
    var victim: Victim
    /// Of the point, with the count where it is not the first time that kills.
    var name: String
    var isInAgent = false

    var testDescription: String { "\(victim) at \(name)\(isInAgent ? ", plug-ins in the agent" : "")" }

    var configuration: String { isInAgent ? "plugin \"raw_exec\" {\n  isolation = \"agent\"\n}\n" : "" }

    /// Every side of every moment: one that the process never reaches fails its test.
    static let all = FaultPoint.Moment.allCases.flatMap { moment in
        FaultPoint.Side.allCases.flatMap { side in
            let name = FaultPoint.name(side, moment)
            return switch moment {
            case .clientIdentity, .agentAnswer, .clientHandle, .clientEnd: [KillPoint(victim: .agent, name: name)]
            // The first report says that a task is pending, the third that one runs or has ended.
            case .clientReport, .serverAcknowledgement:
                [KillPoint(victim: .agent, name: name), KillPoint(victim: .agent, name: name + ":3")]
            case .diskSync: (8...11).map { KillPoint(victim: .agent, name: "\(name):\($0)") }
            case .executorSpawn, .executorAnswer:
                [KillPoint(victim: .host, name: name), KillPoint(victim: .agent, name: name, isInAgent: true)]
            case .hostAnswer: [KillPoint(victim: .host, name: name)]
            case .shimSpawn, .shimAnswer, .shimEnd: [KillPoint(victim: .shim, name: name)]
            }
        }
    }
}

/// `kill -9` before and after each moment: acknowledged jobs are there, each task runs exactly once, and nothing is left at the end.
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
