import Basics
import Foundation
import TestSupport
import Testing

/// What must survive a kill, and what must be refused.
@Suite struct SurvivalTests {
    /// Processes that run the marker as their argument.
    private func processes(_ marker: String) -> [pid_t] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { pid_t($0) }.filter { pid in
            guard let bytes = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") else { return false }
            let words = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            return words.first?.hasSuffix("sleep") == true && words.dropFirst().first == marker
        }
    }

    @Test func aKilledAgentFindsItsTasksAgain() throws {
        let agent = try AgentProcess(["-dev"])
        try agent.start()
        try agent.waitUntilReady()
        let marker = "30\(Int.random(in: 1000...9999))"
        try agent.register(Jobs.shell("keeper", "exec sleep \(marker)", count: 3))
        try agent.wait("keeper", "running", count: 3)
        let before = Set(processes(marker))
        #expect(before.count == 3)

        agent.kill()
        #expect(Set(processes(marker)) == before, "tasks outlive their agent")
        try agent.start()
        try agent.waitUntilReady()
        try agent.wait("keeper", "running", count: 3)
        #expect(Set(processes(marker)) == before, "the same processes, none doubled")
        #expect(try agent.allocations("keeper").count == 3, "nothing was placed anew")

        _ = try agent.http.request("DELETE", "/v1/job/keeper")
        try eventually("the tasks have ended") { processes(marker).isEmpty }
    }

    @Test func acknowledgedJobsSurviveAKillAtAnyMoment() throws {
        let agent = try AgentProcess(["-dev"])
        var acknowledged: [String] = []
        for round in 0..<5 {
            try agent.start()
            try agent.waitUntilReady()
            let http = agent.http
            for number in 0..<Int.random(in: 1...12) {
                let id = "job-\(round)-\(number)"
                if let response = try? http.put("/v1/jobs", Jobs.shell(id, "true", type: "batch")),
                    response.status == 200
                {
                    acknowledged.append(id)
                }
            }
            agent.kill()
        }
        try agent.start()
        try agent.waitUntilReady()
        let present = Set(try agent.http.getJSON("/v1/jobs").array?.compactMap { $0["ID"]?.string } ?? [])
        #expect(Set(acknowledged).subtracting(present).isEmpty, "acknowledged and lost")
    }

    @Test func aSecondAgentOnTheSameFolderIsRefused() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        let other = try AgentProcess()
        let result = try Binaries.run(
            "drover",
            ["agent", "-dev", "-data-dir", agent.folder.path + "/data", "-config", other.folder.path + "/agent.hcl"])
        #expect(result.code != 0)
        #expect(result.output.contains("another agent"), "says who holds it: \(result.output)")
        #expect(try agent.http.get("/v1/jobs").status == 200, "the first goes on")
    }

    @Test func aPortInUseIsNamed() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        let folder = try TemporaryFolder()
        try folder.write("agent.hcl", "ports {\n http = \(agent.httpPort)\n rpc = \(try freePort())\n}\n")
        let result = try Binaries.run(
            "drover", ["agent", "-dev", "-data-dir", folder.path + "/data", "-config", folder.path + "/agent.hcl"])
        #expect(result.code != 0)
        #expect(result.output.contains("\(agent.httpPort)") && result.output.contains("in use"), "\(result.output)")
    }

    @Test func anUnwritableFolderIsNamed() throws {
        let result = try Binaries.run("drover", ["agent", "-dev", "-data-dir", "/proc/nowhere"])
        #expect(result.code != 0)
        #expect(result.output.contains("/proc/nowhere"), "\(result.output)")
    }
}
