import Basics
import TestSupport
import Testing

/// One dev agent, used as a user would.
@Suite struct FirstLightTests {
    @Test func runsServiceBatchAndSystemJobs() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()

        try agent.register(Jobs.shell("web", "echo serving as $NOMAD_ALLOC_NAME; exec sleep 300", count: 2))
        try agent.register(Jobs.shell("report", "echo one; echo two >&2", type: "batch"))
        try agent.register(Jobs.shell("probe", "exec sleep 300", type: "system"))
        try agent.wait("web", "running", count: 2)
        try agent.wait("report", "complete")
        try agent.wait("probe", "running")

        let names = Set(try agent.allocations("web").compactMap { $0["Name"]?.string })
        #expect(names == ["web.group[0]", "web.group[1]"])
        let report = try #require(try agent.allocations("report").first)
        #expect(try agent.logs(report) == "one\n")
        #expect(try agent.logs(report, type: "stderr") == "two\n")

        let events = report["TaskStates"]?["main"]?["Events"]?.array?.compactMap { $0["Type"]?.string } ?? []
        #expect(events.contains("Received") && events.contains("Started") && events.contains("Terminated"))

        // Counts down and up again: the highest index goes, its name is used again.
        try agent.register(Jobs.shell("web", "echo serving as $NOMAD_ALLOC_NAME; exec sleep 300", count: 1))
        try agent.wait("web", "running", count: 1)
        #expect(
            try agent.allocations("web").first { $0["ClientStatus"] == .string("running") }?["Name"]
                == .string("web.group[0]"))
        try agent.register(Jobs.shell("web", "echo serving as $NOMAD_ALLOC_NAME; exec sleep 300", count: 3))
        try agent.wait("web", "running", count: 3)

        for job in ["web", "probe"] { _ = try agent.http.request("DELETE", "/v1/job/\(job)") }
        try agent.wait("web", "running", count: 0)
        try agent.wait("probe", "running", count: 0)
        let status = try agent.http.getJSON("/v1/job/web")["Status"]
        #expect(status == .string("dead"))
    }

    /// The first and only thing an agent says whose port is taken.
    @Test(arguments: [("http", "serve the HTTP API"), ("rpc", "serve RPC"), ("serf", "gossip")])
    func aPortInUseIsToldAtOnce(key: String, purpose: String) throws {
        let first = try AgentProcess()
        try first.start()
        try first.waitUntilReady()
        let second = try AgentProcess()
        var ports = ["http": second.httpPort, "rpc": second.rpcPort, "serf": second.serfPort]
        let port = try #require(["http": first.httpPort, "rpc": first.rpcPort, "serf": first.serfPort][key])
        ports[key] = port
        let lines = ports.map { "  \($0.key) = \($0.value)\n" }.joined()
        try second.folder.write("agent.hcl", "ports {\n\(lines)}\n")
        try second.start()
        #expect(second.wait() == 1)
        #expect(
            second.log.contains(
                "cannot \(purpose) at 127.0.0.1:\(port): port \(port) is in use, perhaps by another agent; "
                    + "stop that one, or set ports.\(key)"), "\(second.log)")
        #expect(!second.log.contains("WARN"), "\(second.log)")
    }

    @Test func restartsFailedTasksByThePolicyThenFails() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        let policy = JSON.object([
            ("Attempts", .integer(2)), ("Mode", .string("fail")), ("Interval", .integer(600_000_000_000)),
            ("Delay", .integer(50_000_000)),
        ])
        try agent.register(Jobs.shell("flaky", "echo try; exit 3", type: "batch", restart: policy))
        try agent.wait("flaky", "failed")
        let allocation = try #require(try agent.allocations("flaky").first { $0["ClientStatus"] == .string("failed") })
        let state = try #require(allocation["TaskStates"]?["main"])
        #expect(state["Restarts"] == .integer(2))
        #expect(state["Failed"] == .bool(true))
        let events = state["Events"]?.array ?? []
        #expect(events.filter { $0["Type"] == .string("Restarting") }.count == 2)
        #expect(events.last { $0["Type"] == .string("Terminated") }?["ExitCode"] == .integer(3))
        #expect(events.contains { $0["Type"] == .string("Not Restarting") })
        #expect(try agent.logs(allocation) == "try\ntry\ntry\n")
    }

    @Test func blockingQueriesReturnOnChange() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        let first = try agent.http.get("/v1/jobs")
        #expect(first.status == 200 && first.index > 0)
        #expect(first.headers["x-nomad-knownleader"] == "true")
        let same = try agent.http.get("/v1/jobs?index=\(first.index)&wait=50ms")
        #expect(same.index == first.index, "nothing changed: the answer comes after the wait with the same index")
        try agent.register(Jobs.shell("web", "exec sleep 300"))
        let changed = try agent.http.get("/v1/jobs?index=\(first.index)&wait=20s")
        #expect(changed.index > first.index)
        #expect(try changed.json().array?.first?["ID"] == .string("web"))
    }

    @Test func impossibleWishesBlockWithTheReasonAndGoOnWhenMet() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        var job = Jobs.shell("windows", "exec sleep 300")
        job = job.replacing(
            ["Job", "Constraints"],
            with: .array([
                .object([
                    ("LTarget", .string("${attr.kernel.name}")), ("Operand", .string("=")),
                    ("RTarget", .string("windows")),
                ])
            ]))
        let evaluation = try #require(try agent.register(job)["EvalID"]?.string)
        try eventually("the evaluation is complete", details: { agent.describe("windows") }) {
            try agent.http.getJSON("/v1/evaluation/\(evaluation)")["Status"] == .string("complete")
        }
        let failed = try agent.http.getJSON("/v1/evaluation/\(evaluation)")["FailedTGAllocs"]?["group"]
        #expect(failed?["NodesEvaluated"] == .integer(1))
        #expect(failed?["NodesFiltered"] == .integer(1))
        #expect(failed?["ConstraintFiltered"]?["${attr.kernel.name} = windows"] == .integer(1))
        let blocked = try agent.http.getJSON("/v1/job/windows/evaluations").array?.filter {
            $0["Status"] == .string("blocked")
        }
        #expect(blocked?.count == 1)

        try agent.register(Jobs.shell("windows", "exec sleep 300"))
        try agent.wait("windows", "running")
    }

    @Test func whatIsNotThereYetIsRefusedWithTheReason() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        let plain = Jobs.shell("later", "true", type: "batch")
        let cron = JSON.object([("Enabled", .bool(true)), ("Spec", .string("@daily")), ("SpecType", .string("cron"))])
        for (path, value, word) in [
            (["Job", "Periodic"], cron, "periodic"),
            (["Job", "TaskGroups", "0", "Tasks", "0", "Vault"], .object([]), "Vault"),
        ] {
            let response = try agent.http.put("/v1/jobs", plain.replacing(path, with: value))
            #expect(response.status == 400 || response.status == 500, "\(word)")
            #expect(response.text.contains(word), "\(response.text)")
        }
        #expect(try agent.http.getJSON("/v1/jobs").array?.isEmpty == true)
        let unknown = try agent.register(
            plain.replacing(["Job", "TaskGroups", "0", "Tasks", "0", "Driver"], with: .string("fortran")))
        #expect(unknown["Warnings"]?.string?.contains("\"fortran\"") == true)
    }

    @Test func portsAreAssignedAndShownToTasks() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        let port = try freePort()
        var job = Jobs.shell("ports", "echo $NOMAD_PORT_admin $NOMAD_PORT_http; exec sleep 300")
        job = job.replacing(
            ["Job", "TaskGroups", "0", "Networks"],
            with: .array([
                .object([
                    (
                        "ReservedPorts",
                        .array([.object([("Label", .string("admin")), ("Value", .integer(Int64(port)))])])
                    ),
                    ("DynamicPorts", .array([.object([("Label", .string("http"))])])),
                ])
            ]))
        try agent.register(job)
        try agent.wait("ports", "running")
        let stub = try #require(try agent.allocations("ports").first)
        let allocation = try agent.http.getJSON("/v1/allocation/\(stub["ID"]?.string ?? "")")
        let ports = allocation["AllocatedResources"]?["Shared"]?["Ports"]?.array ?? []
        #expect(ports.first { $0["Label"] == .string("admin") }?["Value"] == .integer(Int64(port)))
        let dynamic = try #require(ports.first { $0["Label"] == .string("http") }?["Value"]?.integer)
        #expect((20_000...32_000).contains(dynamic))
        try eventually("the task printed its ports") { try agent.logs(stub) == "\(port) \(dynamic)\n" }
        // The static port is taken: a second job that wants it waits.
        try agent.register(
            job.replacing(["Job", "ID"], with: .string("rival")).replacing(["Job", "Name"], with: .string("rival")))
        try eventually("the rival is blocked", details: { agent.describe("rival") }) {
            try agent.http.getJSON("/v1/job/rival/evaluations").array?.contains { $0["Status"] == .string("blocked") }
                == true
        }
    }
}

extension JSON {
    /// The value with the one at `path` replaced; path elements are keys, or positions in arrays.
    func replacing(_ path: [String], with value: JSON) -> JSON {
        guard let first = path.first else { return value }
        let rest = Array(path.dropFirst())
        switch self {
        case .object(var object):
            object[first] = (object[first] ?? .object([])).replacing(rest, with: value)
            return .object(object)
        case .array(var items):
            guard let position = Int(first), items.indices.contains(position) else { return self }
            items[position] = items[position].replacing(rest, with: value)
            return .array(items)
        default: return rest.isEmpty ? value : JSON.object([]).replacing(path, with: value)
        }
    }
}
