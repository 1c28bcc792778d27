import APIClient
import Basics
import HTTPAPI
import Model
import RPC
import Testing

@Suite("Writes")
struct WriteTests {
    static let servers: @Sendable () -> FakeServers = {
        FakeServers { call, _ in
            var reply = JobReply()
            reply.evalID = ID(high: 7, low: 7)
            reply.index = 9
            switch call {
            case is CollectGarbage: return IndexReply(index: 9)
            case is SetSchedulerConfiguration: return UpdatedReply()
            case is SetNodeEligibility: return NodeUpdateReply()
            case is PlanJob: return PlanJobReply()
            default: return reply
            }
        }
    }

    @Test func registersAJob() async throws {
        let servers = WriteTests.servers()
        try await withAPI(servers: servers) { client in
            var job = Job()
            job.id = "web"
            job.priority = 70
            let response = try await client.register(job, checkIndex: 3, evalPriority: 60)
            #expect(response.evalID == ID(high: 7, low: 7))
        }
        let call = try #require(servers.received(RegisterJob.self).first)
        #expect(call.job.id == "web" && call.job.priority == 70 && call.job.namespace == "default")
        #expect(call.enforceIndex && call.jobModifyIndex == 3 && call.evalPriority == 60)
    }

    @Test func aCallerMayWaitForThePlacement() async throws {
        let servers = FakeServers { call, _ in
            var reply = JobReply()
            reply.evalID = ID(high: 7, low: 7)
            guard (call as? RegisterJob)?.placement == .immediate else { return reply }
            var report = PlacementReport()
            report.status = .complete
            report.evalID = reply.evalID
            var allocation = PlacedAllocation()
            allocation.nodeName = "n1"
            report.allocations = [allocation]
            reply.placement = report
            return reply
        }
        try await withAPI(servers: servers) { client in
            var job = Job()
            job.id = "web"
            #expect(try await client.register(job).placement == nil)
            let report = try #require(try await client.register(job, placement: .immediate).placement)
            #expect(report.status == .complete && report.evalID == ID(high: 7, low: 7))
            #expect(report.allocations.map(\.nodeName) == ["n1"])
        }
    }

    @Test(arguments: [
        ("/v1/jobs", #"{"Job": {"ID": "a", "Namespace": "n1"}}"#, "n1", "global"),
        ("/v1/jobs?namespace=n2", #"{"Job": {"ID": "a"}}"#, "n2", "global"),
        ("/v1/jobs?namespace=n2", #"{"Job": {"ID": "a", "Namespace": "n1"}}"#, "n1", "global"),
        ("/v1/jobs", #"{"Namespace": "n3", "Job": {"ID": "a", "Region": "eu"}}"#, "n3", "eu"),
        ("/v1/jobs?region=us", #"{"Job": {"ID": "a", "Region": "eu"}}"#, "default", "us"),
        ("/v1/job/a", #"{"job": {"id": "a"}}"#, "default", "global"),
    ])
    func namespaceAndRegion(path: String, body: String, namespace: String, region: String) async throws {
        let servers = WriteTests.servers()
        try await withAPI(servers: servers) { client in
            let answer = try await client.send("POST", path, body: Array(body.utf8))
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer.index == 9)
        }
        let context = try #require(servers.contexts.first)
        #expect(context.namespace == namespace && context.region == region)
        #expect(servers.received(RegisterJob.self).first?.job.namespace == namespace)
    }

    @Test(arguments: [
        ("PUT", "/v1/jobs", "", "Job must be specified"),
        ("PUT", "/v1/jobs", #"{"Job": null}"#, "Job must be specified"),
        ("PUT", "/v1/jobs", #"{"Job": {}}"#, "Job ID hasn't been provided"),
        ("PUT", "/v1/jobs", #"{"Job": {"ID": 5}}"#, "Job.ID: expected a string, got a number"),
        ("PUT", "/v1/jobs", #"{"Job": {"ID": "a", "TaskGroups": [{"Count": "x"}]}}"#, "Job.TaskGroups[0].Count"),
        ("PUT", "/v1/jobs", #"{"Job": {"ID": "a"}, "Placement": "now"}"#, "Placement: unknown value \"now\""),
        ("PUT", "/v1/jobs", "{\"Job\": \u{0}}", "line 1, column 9"),
        ("PUT", "/v1/jobs", String(repeating: "[", count: 5000), "nested deeper"),
        ("PUT", "/v1/job/b", #"{"Job": {"ID": "a"}}"#, "Job ID does not match name"),
        ("PUT", "/v1/job/b/plan", #"{"Job": {"ID": "a"}}"#, "Job ID does not match"),
        ("PUT", "/v1/jobs/parse", "{}", "Job spec is empty"),
        ("PUT", "/v1/jobs/parse", #"{"JobHCL": "job {"}"#, "job.nomad.hcl:1,"),
        ("PUT", "/v1/node/\(ID(high: 1, low: 1))/eligibility", #"{"Eligibility": "maybe"}"#, "eligible or ineligible"),
        ("PUT", "/v1/client/allocation/\(FakeClient.allocation)/signal", "{}", "must provide the signal"),
        ("PUT", "/v1/search", #"{"Context": "quux"}"#, "unknown context"),
    ])
    func badBodies(method: String, path: String, body: String, text: String) async throws {
        try await withAPI(servers: WriteTests.servers()) { client in
            let answer = try await client.send(method, path, body: Array(body.utf8))
            #expect(answer.status == 400)
            #expect(answer.text.contains(text), "\(answer.text)")
        }
    }

    @Test(arguments: [5_000, 10_000_000])
    func bodiesHaveALimit(count: Int) async throws {
        try await withAPI(change: { $0.bodyBytesMax = 1_000_000 / (count > 5_000 ? 1 : 1_000) }) { client in
            let answer = try await client.send("PUT", "/v1/jobs", body: Array(repeating: 0x20, count: count))
            #expect(answer.status == 413)
            #expect(answer.text.hasPrefix("request body is larger than 1000"))
        }
    }

    @Test func otherWritesReachTheServers() async throws {
        let servers = WriteTests.servers()
        let id = ID(high: 3, low: 3)
        try await withAPI(servers: servers) { client in
            _ = try await client.deregister("a/b", purge: true, evalPriority: 5)
            _ = try await client.stopAllocation(id, noShutdownDelay: true)
            try await client.collectGarbage()
            _ = try await client.setSchedulerConfiguration(SchedulerConfiguration(), checkIndex: 4)
            _ = try await client.put(
                "/v1/node/\(id)/eligibility", body: .object([("Eligibility", .string("ineligible"))]))
            _ = try await client.put(
                "/v1/job/a/evaluate", body: .object([("EvalOptions", .object([("ForceReschedule", .bool(true))]))]))
            var job = Job()
            job.id = "p"
            _ = try await client.plan(job)
        }
        let stop = try #require(servers.received(DeregisterJob.self).first)
        #expect(stop.jobID == "a/b" && stop.purge && stop.evalPriority == 5)
        #expect(servers.received(StopAllocation.self).first?.noShutdownDelay == true)
        #expect(servers.received(CollectGarbage.self).count == 1)
        let cas = try #require(servers.received(SetSchedulerConfiguration.self).first)
        #expect(cas.checkAndSet && cas.modifyIndex == 4)
        #expect(servers.received(SetNodeEligibility.self).first?.eligibility == .ineligible)
        #expect(servers.received(EvaluateJob.self).first?.forceReschedule == true)
        #expect(servers.received(PlanJob.self).first?.diff == true)
    }

    @Test func jobFilesAreParsedAndChecked() async throws {
        let source = """
            variable "n" { default = 1 }
            job "web" {
              group "g" {
                count = var.n
                task "t" {
                  driver = "raw_exec"
                  config { command = "true" }
                }
              }
            }
            """
        try await withAPI { client in
            let body = JSON.object([
                ("JobHCL", .string(source)), ("Variables", .string("n = 3")), ("Canonicalize", .bool(true)),
            ])
            let job: Job = try await client.put("/v1/jobs/parse", body: body).decode()
            #expect(job.id == "web" && job.priority == 50)
            #expect(job.taskGroups.first?.count == 3)
        }
    }

    /// Newer clients send what this version does not know: accepted, and told.
    @Test(arguments: ["/v1/jobs", "/v1/validate/job", "/v1/job/web/plan"])
    func unknownKeysBecomeWarnings(path: String) async throws {
        let servers = FakeServers { call, _ in
            switch call {
            case is RegisterJob: JobReply()
            case is ValidateJob: ValidateJobReply()
            default: PlanJobReply()
            }
        }
        try await withAPI(servers: servers) { client in
            let text = #"{"Job": {"ID": "web", "taskgroups": [{"Cuont": 1}]}, "Submission": {}, "Hurry": true}"#
            _ = try await client.put(path, body: try JSONParser.parse(text))
        }
        let notes =
            servers.received(RegisterJob.self).map(\.notes) + servers.received(ValidateJob.self).map(\.notes)
            + servers.received(PlanJob.self).map(\.notes)
        #expect(notes == [["unknown key Hurry is ignored", "unknown key Job.taskgroups[0].Cuont is ignored"]])
    }

    /// The servers decide: only they know the drivers.
    @Test func jobsAreValidatedByTheServers() async throws {
        let servers = FakeServers { call, _ in
            var reply = ValidateJobReply()
            reply.validationErrors = ["job \((call as? ValidateJob)?.job.id ?? "") is odd"]
            return reply
        }
        try await withAPI(servers: servers) { client in
            var job = Job()
            job.id = "web"
            let answer = try await client.validate(job)
            #expect(answer.validationErrors == ["job web is odd"])
        }
    }

    /// The servers answer the bare configuration; clients of Nomad's API look under `SchedulerConfig`.
    @Test func schedulerConfigurationIsWrapped() async throws {
        let servers = FakeServers { _, _ in
            var configuration = SchedulerConfiguration()
            configuration.schedulerAlgorithm = "spread"
            var reply = QueryReply()
            reply.index = 5
            reply.body = RawJSON(configuration.jsonBytes)
            return reply
        }
        try await withAPI(servers: servers) { client in
            let configuration = try await client.schedulerConfiguration().schedulerConfig
            #expect(configuration.schedulerAlgorithm == "spread")
        }
    }

    @Test func schedulerStatusIsWhatTheLeaderAnswers() async throws {
        let servers = FakeServers { _, _ in
            var record = SchedulerRecord()
            record.name = "scored"
            record.faults = ["late": 2]
            var status = SchedulerStatus()
            status.schedulers = [record]
            status.shadow.agreed = 7
            var reply = QueryReply()
            reply.body = RawJSON(status.jsonBytes)
            return reply
        }
        try await withAPI(servers: servers) { client in
            let status = try await client.schedulerStatus()
            #expect(status.schedulers.first?.faults == ["late": 2] && status.shadow.agreed == 7)
        }
        #expect(servers.received(Query.self).map(\.kind) == [.schedulerStatus])
    }

    @Test func searchListsIdsByKind() async throws {
        let servers = FakeServers { call, _ in
            var reply = QueryReply()
            let count = (call as? Query)?.kind == .jobs ? 25 : 0
            reply.body = RawJSON(JSON.array((0..<count).map { .object([("ID", .string("web\($0)"))]) }).bytes)
            return reply
        }
        try await withAPI(servers: servers) { client in
            let body = JSON.object([("Prefix", .string("we")), ("Context", .string("all"))])
            let found = try await client.put("/v1/search", body: body).json()
            #expect(found["Matches"]?["jobs"]?.array?.count == 20)
            #expect(found["Truncations"]?["jobs"]?.bool == true)
            #expect(found["Matches"]?["nodes"]?.array?.isEmpty == true)
        }
        #expect(servers.received(Query.self).allSatisfy { $0.prefix == "we" })
    }
}
