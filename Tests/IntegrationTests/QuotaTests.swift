import Basics
import TestSupport
import Testing

/// A namespace under a quota, in a running agent, by the command line.
@Suite struct QuotaTests {
    private func apply(_ agent: AgentProcess, cpu: Int) throws {
        try agent.folder.write(
            "quota.hcl", "name = \"small\"\nlimit {\n  region = \"global\"\n  region_limit { cpu = \(cpu) }\n}\n")
        let applied = try agent.drover("quota", "apply", agent.folder.path + "/quota.hcl")
        #expect(applied.code == 0, "\(applied.output)")
    }

    @Test func aQuotaHoldsBackAndLetsGo() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        try apply(agent, cpu: 25)
        let put = try agent.drover("namespace", "apply", "-quota", "small", "default")
        #expect(put.code == 0, "\(put.output)")
        try agent.register(Jobs.shell("web", "exec sleep 300", count: 3))
        try agent.wait("web", "running", count: 2)
        let blocked = try agent.http.getJSON("/v1/evaluations?status=blocked").array ?? []
        #expect(blocked.map { $0["QuotaLimitReached"] } == [.string("small")])
        let status = try agent.drover("quota", "status", "small")
        #expect(status.output.contains("20 / 25"), "\(status.output)")

        // Another job waits as well, and gets what the first one gives back.
        try agent.register(Jobs.shell("other", "exec sleep 300"))
        let stopped = try agent.drover("job", "stop", "-detach", "web")
        #expect(stopped.code == 0, "\(stopped.output)")
        try agent.wait("other", "running")

        // A raised quota lets in what waits.
        try agent.register(Jobs.shell("third", "exec sleep 300", count: 2))
        try agent.wait("third", "running")
        try apply(agent, cpu: 30)
        try agent.wait("third", "running", count: 2)
        let refused = try agent.drover("quota", "delete", "small")
        #expect(refused.code == 1 && refused.output.contains("in use by namespace"), "\(refused.output)")
    }
}
