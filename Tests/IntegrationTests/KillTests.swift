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

/// A fault point, the process that is killed at it, and the driver of the tasks.
struct KillPoint: CustomTestStringConvertible {
    var driver = "raw_exec"
    var victim: Victim
    /// Of the point, with the count where it is not the first time that kills.
    var name: String
    var isInAgent = false

    var testDescription: String { "\(driver): \(victim) at \(name)\(isInAgent ? ", plug-ins in the agent" : "")" }

    /// The driver's block; `config` is a block of its own in there, or empty.
    func configuration(_ config: String) -> String {
        "plugin \"\(driver)\" {\n  isolation = \"\(isInAgent ? "agent" : "process")\"\n  \(config)\n}\n"
    }

    /// Every side of every moment: one that the process never reaches fails its test.
    static let programs = FaultPoint.Moment.allCases.flatMap { moment in
        FaultPoint.Side.allCases.flatMap { side -> [KillPoint] in
            let name = FaultPoint.name(side, moment)
            return switch moment {
            case .clientIdentity, .agentAnswer, .clientHandle, .clientEnd: [KillPoint(victim: .agent, name: name)]
            // NetworkTests kill there: these tasks are in the machine's network.
            case .clientNetwork: []
            // The first report says that a task runs, the second that another does, or has ended.
            case .clientReport, .serverAcknowledgement:
                [KillPoint(victim: .agent, name: name), KillPoint(victim: .agent, name: name + ":2")]
            case .diskSync: (8...11).map { KillPoint(victim: .agent, name: "\(name):\($0)") }
            case .executorSpawn, .executorAnswer:
                [KillPoint(victim: .host, name: name), KillPoint(victim: .agent, name: name, isInAgent: true)]
            case .hostAnswer: [KillPoint(victim: .host, name: name)]
            case .shimSpawn, .shimAnswer, .shimEnd: [KillPoint(victim: .shim, name: name)]
            }
        }
    }

    /// Those at which it matters which driver runs the task: its start, its end, and who knows of them.
    static func all(of driver: String) -> [KillPoint] {
        let common: [FaultPoint.Moment] = [.clientReport, .serverAcknowledgement, .diskSync]
        let skipped = common.flatMap { moment in FaultPoint.Side.allCases.map { FaultPoint.name($0, moment) } }
        return programs.filter { point in !skipped.contains { point.name.hasPrefix($0) } }.map { point in
            var point = point
            point.driver = driver
            return point
        }
    }

    /// The engine is the executor of containers, and has no shims.
    static let containers = all(of: "docker").filter { $0.victim != .shim && !$0.name.hasPrefix("executor.") }
}

/// `kill -9` before and after each moment: acknowledged jobs are there, each task runs exactly once, and nothing is left at the end.
@Suite struct KillTests {
    private static let quickRestarts = JSON.object([
        ("Attempts", .integer(50)), ("Mode", .string("delay")), ("Interval", .integer(3_600_000_000_000)),
        ("Delay", .integer(20_000_000)),
    ])

    @Test(arguments: KillPoint.programs)
    func nothingIsLostOrDoubled(_ point: KillPoint) throws { try strike(point) }

    @Test(.enabled(if: geteuid() == 0, "needs root"), arguments: KillPoint.all(of: "exec"))
    func noIsolatedTaskIsLostOrDoubled(_ point: KillPoint) throws { try strike(point) }

    @Test(.enabled(if: DockerEngine.isHere, "\(DockerEngine.reason)"), arguments: KillPoint.containers)
    func noContainerIsLostOrDoubled(_ point: KillPoint) throws {
        let engine = try DockerEngine.shared.get()
        try strike(
            point, plugin: "config { endpoint = \"\(engine.endpoint)\" }",
            config: [("image", .string("box:1")), ("network_mode", .string("none"))])
        try eventually("no container is left") { engine.containers.isEmpty }
    }

    private func strike(_ point: KillPoint, plugin: String = "", config: [(String, JSON)] = []) throws {
        let agent = try AgentProcess(["-dev"], configuration: point.configuration(plugin))
        let (keeper, once) = (try MarkedTasks(on: agent), try MarkedTasks(on: agent))
        let jobs = [("keeper", keeper.line, "service"), ("once", once.note, "batch")].map { id, line, type in
            Jobs.shell(
                id, line, driver: point.driver, config: config, type: type, restart: Self.quickRestarts)
        }
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
        for (job, tasks) in [("keeper", keeper), ("once", once)] { try check(job, tasks, point, agent) }
        try eventually("one process runs", details: { "\(keeper.processes)" }) { keeper.processes.count == 1 }

        try agent.stop("keeper")
        try eventually("the task has ended", details: { agent.describe("keeper") }) { keeper.processes.isEmpty }
        try agent.wait("keeper", "complete")
        try eventually("no shim is left", details: { agent.log }) { agent.shims().isEmpty }
        let ids = try ["keeper", "once"].flatMap { try agent.allocations($0).compactMap { $0["ID"]?.string } }
        try eventually("no control group is left", details: { "\(groups(of: ids))\n\(agent.log)" }) {
            groups(of: ids).isEmpty
        }
    }

    private func check(_ job: String, _ tasks: MarkedTasks, _ point: KillPoint, _ agent: AgentProcess) throws {
        // An agent or a plug-in host that dies costs no start; a shim that dies takes its attempt with it.
        let startsMax = point.victim == .shim ? 2 : 1
        // A task may be reported running, lose its shim before it has done anything, and start again.
        try eventually("\(job) has started", details: { agent.describe(job) }) { !tasks.starts.isEmpty }
        #expect((1...startsMax).contains(tasks.starts.count), "\(job): \(tasks.starts)\n\(agent.describe(job))")
        let allocations = try agent.allocations(job)
        #expect(allocations.count == 1, "\(agent.describe(job))")
        let restarts = try #require(allocations.first?["TaskStates"]?["main"]?["Restarts"]?.integer)
        #expect(tasks.starts.count <= restarts + 1, "every start but the first is a restart")
        #expect(point.victim != .agent || restarts == 0, "\(agent.describe(job))")
    }

    /// The control groups of these allocations' tasks, in any hierarchy.
    private func groups(of ids: [String]) -> [String] {
        Set((CgroupHost.current?.mounts ?? [:]).values).sorted().flatMap { mount in
            Folder.names(mount + "/drover").filter { name in ids.contains { name.hasPrefix($0) } }
                .map { "\(mount)/drover/\($0)" }
        }
    }
}
