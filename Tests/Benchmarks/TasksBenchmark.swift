import Basics
import Glibc
import TestSupport

/// Short tasks on one dev agent: how many of one batch job start and end in a second, and what processor time one costs.
enum TasksBenchmark: Benchmark {
    static let name = "tasks"

    static func run() async throws -> BenchmarkReport {
        let group = AccountingGroup()
        defer { group?.remove() }
        return try measure(group)
    }

    private static func measure(_ group: AccountingGroup?) throws -> BenchmarkReport {
        let agent = try TaskAgent(configuration: group?.configuration ?? "", through: group?.launcher ?? [])
        var skipped: [(String, JSON)] = []
        var figures: [(String, Double)] = []
        let raw = try run(1_000, "raw_exec", agent, group)
        figures.append(("raw_exec_per_second", rounded(raw.perSecond)))
        if group == nil {
            skipped.append(("cpu_ms_a_task", .string("needs root, to count in a control group")))
        } else {
            figures.append(("cpu_ms_a_task", rounded(raw.cpuMilliseconds, 2)))
        }
        if let reason = try agent.lacks("exec") {
            skipped.append(("exec", .string(reason)))
        } else {
            let exec = try run(100, "exec", agent, group)
            figures += [("exec_per_second", rounded(exec.perSecond)), ("exec_failed", Double(exec.failed))]
        }
        return BenchmarkReport(
            setup: [
                ("command", .string("/bin/true")), ("raw_exec_tasks", .integer(1_000)), ("exec_tasks", .integer(100)),
                ("exec_root", .string("default")), ("skipped", .object(JSONObject(skipped))),
            ],
            figures: figures)
    }

    private struct Run {
        let perSecond: Double
        let cpuMilliseconds: Double
        /// Failed allocations: a task that is placed anew counts again.
        let failed: Int
    }

    /// Runs one batch job of `count` tasks to its end.
    private static func run(_ count: Int, _ driver: String, _ agent: TaskAgent, _ group: AccountingGroup?) throws -> Run
    {
        var job = BenchmarkJob.command("true-\(driver)", driver: driver, ["/bin/true"])
        job.count = count
        let (begin, cpu) = (seconds(), group?.cpuSeconds ?? .nan)
        try Field.register(job, agent.http)
        var ended = (complete: 0, failed: 0)
        while ended.complete + ended.failed < count {
            usleep(20_000)
            ended = try state(job, agent.http)
            guard seconds() - begin < 300 else {
                throw NeverHappened(description: "\(ended) of \(count) have ended\n\(agent.agent.log.suffix(4000))")
            }
        }
        let elapsed = seconds() - begin
        // The last records and reports, and the removal of allocations beyond those kept, are part of what the tasks cost.
        sleep(4)
        let spent = ((group?.cpuSeconds ?? .nan) - cpu) * 1000 / Double(count)
        print(
            "\(driver): \(count) tasks in \(rounded(elapsed, 2)) s, \(ended.failed) failed, \(rounded(spent, 2)) ms CPU each"
        )
        if ended.failed > 0 {
            for reason in try reasons(job, agent.http).prefix(5) { print("\(driver): failed: \(reason)") }
        }
        return Run(perSecond: Double(count) / elapsed, cpuMilliseconds: spent, failed: ended.failed)
    }

    /// What the tasks of failed allocations went through, each story once.
    private static func reasons(_ job: BenchmarkJob, _ http: HTTPConnection) throws -> [String] {
        let allocations = try http.getJSON("/v1/job/\(job.id)/allocations").array ?? []
        let stories = allocations.filter { $0["ClientStatus"]?.string == "failed" }.map { allocation in
            (allocation["TaskStates"]?.object?.members ?? []).map { _, task in
                (task["Events"]?.array ?? []).compactMap { $0["DisplayMessage"]?.string }.joined(separator: "; ")
            }.joined(separator: " | ")
        }
        return Set(stories).sorted()
    }

    private static func state(_ job: BenchmarkJob, _ http: HTTPConnection) throws -> (complete: Int, failed: Int) {
        let summary = try http.getJSON("/v1/job/\(job.id)/summary")["Summary"]?["group"]
        return (
            Int(summary?["Complete"]?.integer ?? 0),
            Int((summary?["Failed"]?.integer ?? 0) + (summary?["Lost"]?.integer ?? 0))
        )
    }
}
