import Basics
import Glibc
import Linux
import TestSupport

/// A dev agent that runs real tasks for a benchmark. Leaves nothing behind.
struct TaskAgent {
    let agent: AgentProcess
    let http: HTTPConnection

    init(configuration: String = "", through launcher: [String] = []) throws {
        agent = try AgentProcess(configuration: configuration)
        try agent.start(through: launcher)
        try agent.waitUntilReady()
        http = agent.http
    }

    /// Why the node cannot run tasks of the driver, as it says itself; nil when it can. Waits for a driver that is still asking
    /// its program for a version.
    func lacks(_ driver: String) throws -> String? {
        let deadline = seconds() + 20
        while true {
            let node = try http.getJSON("/v1/nodes").array?.first
            let state = node?["Drivers"]?[driver]
            if state?["Healthy"] == .bool(true) { return nil }
            guard seconds() < deadline else {
                return state?["HealthDescription"]?.string ?? "the node has no driver \(driver)"
            }
            usleep(50_000)
        }
    }

    /// Runs a job of one task and ends it; milliseconds from its registration to its running.
    func latency(_ job: BenchmarkJob) throws -> Double {
        let begin = seconds()
        try Field.register(job, http)
        try wait(job, for: "running")
        let taken = (seconds() - begin) * 1000
        try end(job)
        return taken
    }

    /// Stops a job and waits until its tasks have ended.
    func end(_ job: BenchmarkJob) throws {
        _ = try http.request("DELETE", "/v1/job/\(job.id)")
        try wait(job, for: "complete")
    }

    /// Waits until all instances of the job have that status: by blocking queries, so that polling adds nothing.
    func wait(_ job: BenchmarkJob, for status: String) throws {
        var index: UInt64 = 0
        let deadline = seconds() + 60
        while seconds() < deadline {
            let response = try http.get("/v1/job/\(job.id)/allocations?index=\(index)&wait=10s")
            index = response.index
            let states = (try response.json().array ?? []).compactMap { $0["ClientStatus"]?.string }
            if states.count(where: { $0 == status }) >= job.count { return }
            if states.contains("failed") { break }
        }
        throw NeverHappened(description: "\(job.id) is not \(status)\n\(agent.log.suffix(4000))")
    }
}

extension Result where Success == DockerEngine, Failure == DockerEngine.Missing {
    /// Why there is no engine; nil when there is.
    var reason: String? {
        if case .failure(let missing) = self { missing.reason } else { nil }
    }
}
