import Basics
import Model
import RPC
import SimulatedSeam
import Simulation
import StateStore
import Testing

@testable import Server

/// Schedulers are swapped by configuration, at run time.
@Suite struct SchedulerSwapTests {
    private static func rule(
        type: String = "", pool: String = "", plugin: String = "", algorithm: String = ""
    ) -> SchedulerRule {
        var rule = SchedulerRule()
        rule.jobType = type
        rule.nodePool = pool
        rule.plugin = plugin
        rule.algorithm = algorithm
        return rule
    }

    @Test func theNextEvaluationIsPlacedByTheNewScheduler() throws {
        try ServerFixture.run { fixture in
            fixture.schedulers.tell("bold", .last)
            let first = try #require(try await fixture.place(ServerFixture.job("a"))?.allocations.first)
            #expect(first.nodeName == "node-0")
            try await fixture.configure { $0.schedulers = [Self.rule(type: "service", plugin: "bold")] }
            let second = try #require(try await fixture.place(ServerFixture.job("b"))?.allocations.first)
            #expect(second.nodeName == "node-3")
            let batch = try #require(try await fixture.place(ServerFixture.job("c", type: .batch))?.allocations.first)
            #expect(batch.nodeName == "node-0", "the rule is for services")
            try await fixture.configure { $0.schedulers = [] }
            let last = try #require(try await fixture.place(ServerFixture.job("d"))?.allocations.first)
            #expect(last.nodeName == "node-0")
        }
    }

    @Test func aPlugInIsNotAskedForWhatItDoesNotPlace() throws {
        try ServerFixture.run { fixture in
            try await fixture.configure { $0.schedulerAlgorithm = "bold" }
            let report = try #require(try await fixture.place(ServerFixture.job("probe", type: .system)))
            #expect(report.statusDescription.isEmpty)
            #expect(fixture.schedulers.calls(of: "bold") == 0 && fixture.schedulers.calls(of: "system") == 1)
        }
    }

    @Test(arguments: [
        (#"{"SchedulerAlgorithm":"best"}"#, "unknown scheduler algorithm \"best\": use \"binpack\", \"spread\" or"),
        (
            #"{"Schedulers":[{"JobType":"servise"}]}"#,
            "Schedulers[0]: unknown job type \"servise\": use service, batch, system, sysbatch or nothing"
        ),
        (
            #"{"Schedulers":[{},{"Plugin":"best"}]}"#,
            "Schedulers[1]: unknown scheduler plug-in \"best\": loaded are batch, bold, service, sysbatch, system"
        ),
        (#"{"Schedulers":[{"Algorithm":"bold"}]}"#, "unknown algorithm \"bold\": use \"binpack\", \"spread\""),
        (
            #"{"Schedulers":[{"JobType":"system","Plugin":"bold"}]}"#,
            "plug-in \"bold\" does not place system jobs but service, batch; those that do are system"
        ),
        (#"{"SchedulerDeadline":"26s"}"#, "SchedulerDeadline 26s must be between 1ms and 25s"),
        (#"{"SchedulerDeadline":0}"#, "must be between 1ms and 25s"),
        (#"{"Shadow":{"Plugin":"best"}}"#, "Shadow: unknown scheduler plug-in \"best\""),
        (
            #"{"Shadow":{"Plugin":"service","JobType":"batch"}}"#,
            "Shadow: plug-in \"service\" does not place batch jobs but service; those that do are batch, bold"
        ),
    ])
    func whatCannotBeIsRefused(configuration: String, text: String) throws {
        try ServerFixture.run { fixture in
            let wanted = try SchedulerConfiguration(json: Array(configuration.utf8))
            let error = await #expect(throws: CallError.self) { try await fixture.configure { $0 = wanted } }
            #expect(error?.code == .invalid)
            #expect(error?.message.contains(text) == true, "\(error?.message ?? "")")
            #expect(fixture.server.snapshot.schedulerConfiguration == SchedulerConfiguration())
        }
    }

    @Test func rulesHaveALimit() throws {
        var configuration = SchedulerConfiguration()
        configuration.schedulers = Array(repeating: SchedulerRule(), count: 65)
        let problems = configuration.problems(with: FakeSchedulers())
        #expect(problems == ["Schedulers has 65 rules; at most 64 are allowed"])
    }

    @Test func everyFieldIsStoredAndAnswered() throws {
        try ServerFixture.run { fixture in
            try await fixture.configure { configuration in
                configuration.schedulerAlgorithm = "spread"
                configuration.schedulers = [Self.rule(type: "batch", pool: "gpu", plugin: "bold", algorithm: "binpack")]
                configuration.schedulerDeadline = .seconds(3)
                configuration.shadow.plugin = "bold"
                configuration.shadow.jobType = "service"
                configuration.memoryOversubscriptionEnabled = true
                configuration.preemptionConfig.batchSchedulerEnabled = true
                configuration.pauseEvalBroker = true
            }
            let body = try await fixture.call(Query(.schedulerConfiguration)).body
            #expect(try SchedulerConfiguration(json: body.bytes) == fixture.server.snapshot.schedulerConfiguration)
            #expect(fixture.server.snapshot.schedulerConfiguration.schedulers.first?.nodePool == "gpu")
        }
    }

    /// `memory_max` counts where the cluster says so, unless the job's pool says otherwise; where not, the user is told.
    @Test(arguments: [
        (cluster: false, pool: Bool?.none, most: Int64(0)), (true, nil, 1024), (false, true, 1024), (true, false, 0),
    ])
    func memoryIsOversubscribedAsThePoolOrTheClusterSays(cluster: Bool, pool: Bool?, most: Int64) throws {
        try ServerFixture.run { fixture in
            try await fixture.configure { $0.memoryOversubscriptionEnabled = cluster }
            var upsert = UpsertNodePool()
            upsert.pool.name = "burst"
            upsert.pool.schedulerConfiguration = NodePoolSchedulerConfiguration()
            upsert.pool.schedulerConfiguration?.memoryOversubscriptionEnabled = pool
            _ = try await fixture.call(upsert)
            var node = Node.simulated(number: 9, random: fixture.world.random)
            node.nodePool = "burst"
            node.nodeResources.memory.memoryMB = 512
            try await fixture.server.propose(.nodeRegister(NodeRegistration(node: node, time: fixture.world.loop.now)))
            var call = RegisterJob()
            call.job = ServerFixture.job("web")
            call.job.nodePool = "burst"
            call.job.taskGroups[0].tasks[0].resources?.memoryMaxMB = 1024
            call.placement = .immediate
            let reply = try await fixture.call(call)
            let warning = "memory_max of task \"group.main\" is ignored"
            #expect(reply.warnings.contains(warning) == (most == 0), "\(reply.warnings)")
            let snapshot = fixture.server.snapshot
            let row = try #require(snapshot.allocations(ofJob: "web", namespace: "default").first)
            let memory = snapshot.allocation(row, withJob: false).allocatedResources.tasks["main"]?.memory
            #expect(memory?.memoryMB == 256 && memory?.memoryMaxMB == most)
        }
    }

    @Test func registrationCanBeRejected() throws {
        try ServerFixture.run { fixture in
            try await fixture.configure { $0.rejectJobRegistration = true }
            let error = await #expect(throws: CallError.self) { try await fixture.place(ServerFixture.job("web")) }
            #expect(error?.code == .permission)
        }
    }
}
