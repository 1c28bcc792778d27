import Basics
import PluginHostTestSupport
import TestSupport
import Testing

/// Schedulers of a running agent, changed, broken and tried by the command line.
@Suite struct SchedulerTests {
    private static let source = "Tests/PluginHostTests/Plugins/scheduler.c"

    /// An agent with the plug-in `wayward`, a process of its own; `fault` is what it does to every problem.
    private func agent(fault: Int?, _ body: (AgentProcess) throws -> Void) throws {
        let library = try PluginBuilder.library(Self.source, defines: fault.map { ["FAULT=\($0)"] } ?? [])
        let scratch = Scratch("scheduler")
        try scratch.add(library, as: "wayward.so")
        let agent = try AgentProcess(configuration: "plugin_dir = \"\(scratch.path)/plugins\"\n")
        try agent.start()
        try agent.waitUntilReady()
        try body(agent)
    }

    private func immediate(_ job: JSON) -> JSON { job.replacing(["Placement"], with: .string("immediate")) }

    @Test(arguments: [(2, "crashed"), (3, "late"), (4, "malformed"), (6, "malformed"), (7, "failed")])
    func aFaultySchedulerCostsNothingAndIsNamed(fault: Int, kind: String) throws {
        try agent(fault: fault) { agent in
            let set = try agent.drover(
                "operator", "scheduler", "set-config", "-scheduler-rule", "job-type=service,plugin=wayward",
                "-scheduler-deadline", "300ms")
            #expect(set.code == 0, "\(set.output)")
            let reply = try agent.register(immediate(Jobs.shell("web", "exec sleep 300")))
            let placement = try #require(reply["Placement"])
            #expect(placement["Status"] == .string("complete"), "\(reply.text)")
            #expect(placement["StatusDescription"]?.string?.hasPrefix("placed by service: ") == true)
            let allocation = try #require(placement["Allocations"]?.array?.first)
            #expect(allocation["Name"] == .string("web.group[0]") && allocation["TaskGroup"] == .string("group"))
            try agent.wait("web", "running")

            let status = try agent.http.getJSON("/v1/operator/scheduler/status")
            let recorded = try #require(status["Faults"]?.array?.first)
            #expect(recorded["Plugin"] == .string("wayward") && recorded["Kind"] == .string(kind), "\(recorded.text)")
            #expect(recorded["EvalID"] == placement["EvalID"] && recorded["JobID"] == .string("web"))
            let shown = try agent.drover("operator", "scheduler", "status")
            #expect(shown.code == 0 && shown.output.contains("1 (1 \(kind))"), "\(shown.output)")
        }
    }

    @Test func aSchedulerIsTriedInTheShadowAndThenChosen() throws {
        try agent(fault: nil) { agent in
            let set = try agent.drover("operator", "scheduler", "set-config", "-shadow-plugin", "wayward")
            #expect(set.code == 0, "\(set.output)")
            try agent.register(immediate(Jobs.shell("web", "exec sleep 300")))
            try agent.wait("web", "running")
            try eventually("the shadow has answered", details: { agent.describe("web") }) {
                try agent.http.getJSON("/v1/operator/scheduler/status")["Shadow"]?["Agreed"] == .integer(1)
            }
            let shown = try agent.drover("operator", "scheduler", "status")
            #expect(shown.output.contains("Same Node            = 1 of 1 (100 %)"), "\(shown.output)")

            let choose = try agent.drover(
                "operator", "scheduler", "set-config", "-shadow-plugin", "none", "-scheduler-algorithm", "wayward")
            #expect(choose.code == 0, "\(choose.output)")
            let reply = try agent.register(immediate(Jobs.shell("api", "exec sleep 300")))
            #expect(reply["Placement"]?["Status"] == .string("complete"))
            #expect(reply["Placement"]?["StatusDescription"] == .string(""), "\(reply.text)")
            let records = try agent.http.getJSON("/v1/operator/scheduler/status")["Schedulers"]?.array ?? []
            #expect(records.first { $0["Name"] == .string("wayward") }?["Answers"] == .integer(1))
            try agent.wait("api", "running")
        }
    }

    @Test func aDispatchIsPlacedAtOnceAndItsPayloadReachesTheTask() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        let job = Jobs.shell("resize", "cat local/input; echo \" $NOMAD_META_source\"", type: "batch")
            .replacing(
                ["Job", "ParameterizedJob"], with: .object([("MetaRequired", .array([.string("source")]))])
            )
            .replacing(
                ["Job", "TaskGroups", "0", "Tasks", "0", "DispatchPayload"], with: .object([("File", .string("input"))])
            )
        try agent.register(job)
        try agent.folder.write("pixels", "0110")
        let run = try agent.drover(
            "job", "dispatch", "-immediate", "-meta", "source=a.png", "-idempotency-token", "7", "resize",
            agent.folder.path + "/pixels")
        #expect(run.code == 0 && run.output.contains("Dispatched Job ID = resize/dispatch-"), "\(run.output)")
        let stubs = try agent.http.getJSON("/v1/jobs?prefix=resize/dispatch-").array ?? []
        let id = try #require(stubs.first?["ID"]?.string)
        #expect(stubs.count == 1 && run.output.contains("\(id).group[0]"), "\(run.output)")
        try agent.wait(id, "complete")
        #expect(try agent.logs(try #require(try agent.allocations(id).first)) == "0110 a.png\n")

        let status = try agent.drover("job", "status", "resize")
        #expect(status.output.contains("Required Metadata = source") && status.output.contains(id), "\(status.output)")
        let again = try agent.http.put(
            "/v1/job/resize/dispatch?idempotency_token=7",
            .object([("Meta", .object([("source", .string("b.png"))]))]))
        #expect(try again.json()["DispatchedJobID"] == .string(id), "\(again.text)")
        let refused = try agent.drover("job", "dispatch", "resize")
        #expect(refused.code == 1 && refused.output.contains("meta keys are missing: source"), "\(refused.output)")
    }

    @Test func runImmediatePrintsThePlacement() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        try agent.folder.write("web.json", Jobs.shell("web", "exec sleep 300").text)
        let run = try agent.drover("job", "run", "-immediate", "-json", agent.folder.path + "/web.json")
        #expect(run.code == 0 && run.output.contains("web.group[0]"), "\(run.output)")
        let huge = Jobs.shell("huge", "exec sleep 300", count: 50).replacing(
            ["Job", "TaskGroups", "0", "Tasks", "0", "Resources", "CPU"], with: .integer(1_000_000))
        try agent.folder.write("huge.json", huge.text)
        let failed = try agent.drover("job", "run", "-immediate", "-json", agent.folder.path + "/huge.json")
        #expect(failed.code == 2 && failed.output.contains("failed to place 50 allocations"), "\(failed.output)")

        let refused = try agent.drover("operator", "scheduler", "set-config", "-scheduler-algorithm", "best")
        #expect(
            refused.code == 1 && refused.output.contains("unknown scheduler algorithm \"best\""), "\(refused.output)")
        #expect(refused.output.contains("batch, fragmentation, scored, service, sysbatch, system"), "\(refused.output)")
    }
}
