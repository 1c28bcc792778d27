import Basics
import Foundation
import TestSupport
import Testing

/// What a running agent does on SIGHUP.
@Suite struct ReloadTests {
    @Test func aPluginsConfigurationIsFollowedAndItsTasksRunOn() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        let tasks = try MarkedTasks()
        try agent.register(Jobs.shell("keeper", tasks.line))
        try agent.wait("keeper", "running")
        try eventually("it sleeps") { tasks.processes.count == 1 }
        let before = tasks.processes
        let host = try agent.plugin("raw_exec")?["PID"]?.integer

        let original = try agent.folder.read("agent.hcl")
        func reload(_ config: String, until line: String) throws {
            try agent.folder.write("agent.hcl", original + "plugin \"raw_exec\" {\n  config {\n\(config)\n  }\n}\n")
            agent.signal(SIGHUP)
            try eventually("the agent says \(line)", details: { agent.log }) { agent.log.contains(line) }
        }
        try reload("enabled = true\ndenied_envvars = [\"NOMAD_JOB_*\"]", until: "the plug-in is configured anew")
        #expect(try agent.plugin("raw_exec")?["PID"]?.integer != host)
        try agent.register(Jobs.shell("once", "echo [$NOMAD_JOB_NAME]", type: "batch"))
        try agent.wait("once", "complete")
        let allocation = try #require(try agent.allocations("once").first)
        #expect(try agent.logs(allocation) == "[]\n", "what is denied now is not there")

        try reload("enabled = true\nnonsense = 1", until: "the plug-in's block is not in force")
        #expect(agent.log.contains("nonsense"))
        #expect(tasks.processes == before, "the very task runs on")
        try agent.wait("keeper", "running")
        try agent.stop("keeper")
        try eventually("the task has ended") { tasks.processes.isEmpty }
        try agent.wait("keeper", "complete")
    }
}
