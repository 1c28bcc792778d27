import Basics
import Foundation
import TestSupport
import Testing

/// `kill -9` of agent, plug-in host and shim in turn at 50 random moments, while jobs are registered, updated and stopped.
@Suite struct RandomKillTests {
    @Test func fiftyRandomKillsLoseAndDoubleNothing() throws {
        let seed =
            ProcessInfo.processInfo.environment["DROVER_KILL_SEED"].flatMap(UInt64.init)
            ?? UInt64.random(in: 1...99_999)
        let storm = try KillStorm(seed: seed)
        do {
            try storm.run(kills: 50)
            try storm.settle()
        } catch {
            Issue.record("DROVER_KILL_SEED=\(seed) repeats this: \(error)")
        }
    }
}

/// One agent, its jobs, and what is known of them.
private final class KillStorm {
    /// A job as the test has asked for it.
    private struct Wanted {
        let id: String
        let isBatch: Bool
        let tasks: MarkedTasks
        var count: Int
        /// What the agent acknowledged last; nil while it has acknowledged nothing.
        var acknowledged: (count: Int, isStopped: Bool)?
        /// A request went unanswered: it may or may not have been done.
        var isDoubtful = false
    }

    private let agent: AgentProcess
    private var generator: SeededGenerator
    private var jobs: [Wanted] = []

    private static let restarts = JSON.object([
        ("Attempts", .integer(500)), ("Mode", .string("delay")), ("Interval", .integer(3_600_000_000_000)),
        ("Delay", .integer(20_000_000)),
    ])

    init(seed: UInt64) throws {
        generator = SeededGenerator(seed: seed)
        agent = try AgentProcess(["-dev"])
        try agent.start()
        try agent.waitUntilReady()
    }

    // MARK: - The storm

    func run(kills: Int) throws {
        for number in 0..<kills {
            let victims = Array(Victim.allCases)
            let victim = victims[number % victims.count]
            let pid = try pid(of: victim)
            let delay = Int.random(in: 0...250, using: &generator)
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(delay)) {
                if let pid { kill(pid, SIGKILL) }
            }
            for _ in 0..<Int.random(in: 1...3, using: &generator) { act() }
            guard victim == .agent else { continue }
            guard agent.hasEnded(seconds: 5) else { throw NeverHappened(description: "the agent survives kill -9") }
            agent.kill()
            if Bool.random(using: &generator) { try killDuringStart() }
            try agent.start()
            try agent.waitUntilReady()
        }
    }

    /// Dies again while it reads back its log and looks for its tasks.
    private func killDuringStart() throws {
        try agent.start()
        usleep(UInt32.random(in: 0...500_000, using: &generator))
        agent.kill()
    }

    /// The process to kill; nil when there is none just now.
    private func pid(of victim: Victim) throws -> pid_t? {
        switch victim {
        case .agent: return agent.pid
        case .host:
            let pid = try agent.plugin("raw_exec")?["PID"]?.integer ?? 0
            return pid > 0 ? pid_t(pid) : nil
        case .shim: return ProcessList.shims(below: agent.folder.path).randomElement(using: &generator)
        }
    }

    /// Registers, changes or stops a job; an unanswered request leaves doubt.
    private func act() {
        let choice = Int.random(in: 0..<10, using: &generator)
        if jobs.count < 4 || (choice < 3 && jobs.count < 16) {
            guard let tasks = try? MarkedTasks() else { return }
            jobs.append(
                Wanted(id: "job-\(jobs.count)", isBatch: jobs.count % 3 == 2, tasks: tasks, count: 1, acknowledged: nil)
            )
            return put(jobs.count - 1)
        }
        let index = Int.random(in: 0..<jobs.count, using: &generator)
        if choice < 7 || jobs[index].isBatch {
            jobs[index].count = jobs[index].isBatch ? 1 : Int.random(in: 1...3, using: &generator)
            put(index)
        } else {
            do {
                try agent.stop(jobs[index].id)
                jobs[index].acknowledged?.isStopped = true
                jobs[index].isDoubtful = false
            } catch { jobs[index].isDoubtful = true }
        }
    }

    private func put(_ index: Int) {
        let job = jobs[index]
        let line = job.isBatch ? "\(job.tasks.note); sleep 0.3" : job.tasks.line
        do {
            try agent.register(
                Jobs.shell(
                    job.id, line, type: job.isBatch ? "batch" : "service", count: job.count, restart: Self.restarts))
            jobs[index].acknowledged = (job.count, false)
            jobs[index].isDoubtful = false
        } catch { jobs[index].isDoubtful = true }
    }

    // MARK: - What must hold afterwards

    func settle() throws {
        for job in jobs { try check(job) }
        for job in jobs where try agent.http.get("/v1/job/\(job.id)").status == 200 { try agent.stop(job.id) }
        try eventually("all tasks have ended", details: { self.agent.log }) {
            jobs.allSatisfy { $0.tasks.processes.isEmpty }
        }
        try eventually("no shim is left", details: { self.agent.log }) {
            ProcessList.shims(below: agent.folder.path).isEmpty
        }
        let hosts = try agent.http.getJSON("/v1/agent/plugins").array?.compactMap { $0["PID"]?.integer } ?? []
        agent.kill()
        try eventually("plug-in hosts end with their agent") {
            ProcessList.all { $0.dropFirst().first == "plugin-host" }.allSatisfy { !hosts.contains(Int64($0)) }
        }
    }

    private func check(_ job: Wanted) throws {
        let response = try agent.http.get("/v1/job/\(job.id)")
        guard response.status == 200 else {
            guard job.acknowledged == nil else {
                throw NeverHappened(description: "\(job.id) was acknowledged and is lost")
            }
            return
        }
        let body = try response.json()
        let isStopped = body["Stop"] == .bool(true)
        let count = Int(body["TaskGroups"]?.array?.first?["Count"]?.integer ?? 0)
        if let acknowledged = job.acknowledged, !job.isDoubtful {
            // A stop says nothing of an unanswered change of the count before it.
            let isKept = acknowledged.isStopped ? isStopped : acknowledged == (count, isStopped)
            guard isKept else {
                throw NeverHappened(description: "\(job.id): acknowledged \(acknowledged), found \((count, isStopped))")
            }
        }
        if job.isBatch { return try checkBatch(job) }
        let wanted = isStopped ? 0 : count
        try eventually(
            "\(job.id) runs \(wanted) times", seconds: 20,
            details: { "\(job.tasks.processes.count) processes\n\(self.agent.describe(job.id))" }
        ) {
            let running = try agent.allocations(job.id).filter { $0["ClientStatus"] == .string("running") }
            return running.count == wanted && job.tasks.processes.count == wanted
        }
    }

    /// Every allocation ended well, and its starts are those that the API tells of.
    private func checkBatch(_ job: Wanted) throws {
        try eventually("\(job.id) is complete", seconds: 20, details: { self.agent.describe(job.id) }) {
            let allocations = try agent.allocations(job.id)
            return !allocations.isEmpty && allocations.allSatisfy { $0["ClientStatus"] == .string("complete") }
        }
        for allocation in try agent.allocations(job.id) {
            let starts = job.tasks.starts.filter { $0 == allocation["ID"]?.string }.count
            let restarts = Int(allocation["TaskStates"]?["main"]?["Restarts"]?.integer ?? -1)
            guard starts >= 1, starts <= restarts + 1 else {
                throw NeverHappened(
                    description: "\(job.id): started \(starts) times, \(restarts) restarts\n\(agent.describe(job.id))")
            }
        }
    }
}
