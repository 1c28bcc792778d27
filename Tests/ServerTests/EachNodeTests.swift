import Basics
import Model
import RPC
import SimulatedSeam
import Simulation
import StateStore
import Testing

@testable import Server

/// Jobs that run on each node, when a node that was left out comes to suit them.
@Suite struct EachNodeTests {
    private static func constrained(
        _ id: String, _ type: JobType, _ left: String, _ operand: String, _ right: String
    ) -> Job {
        var job = ServerFixture.job(id, type: type)
        var constraint = Constraint()
        (constraint.lTarget, constraint.operand, constraint.rTarget) = (left, operand, right)
        job.constraints = [constraint]
        return job
    }

    private static func labelled(_ id: String) -> Job {
        var job = ServerFixture.job(id)
        job.taskGroups[0].meta = ["app": id]
        return job
    }

    @Test(arguments: [JobType.system, .sysbatch])
    func aNeighbourThatGoesMakesRoom(type: JobType) throws {
        try ServerFixture.run { fixture in
            _ = try await fixture.place(Self.labelled("cache"))
            _ = try await fixture.place(Self.constrained("agent", type, "${alloc.meta.app}", "!=", "cache"))
            #expect(fixture.live("agent").count == 3)
            try await fixture.stop("cache")
            try await fixture.sleep(.seconds(2))
            #expect(fixture.live("agent").count == 4)
        }
    }

    /// It is placed beside a neighbour that arrives, and stays where one arrives that it would have kept away from.
    @Test func aNeighbourThatArrivesAttractsAndDoesNotDriveAway() throws {
        try ServerFixture.run { fixture in
            _ = try await fixture.place(Self.constrained("beside", .system, "${alloc.meta.app}", "=", "cache"))
            _ = try await fixture.place(Self.constrained("apart", .system, "${alloc.meta.app}", "!=", "cache"))
            #expect(fixture.live("beside").isEmpty && fixture.live("apart").count == 4)
            _ = try await fixture.place(Self.labelled("cache"))
            try await fixture.sleep(.seconds(2))
            #expect(fixture.live("beside").map(\.node) == fixture.live("cache").map(\.node))
            #expect(fixture.live("apart").count == 4)
        }
    }

    /// Two jobs whose wishes contradict each other come to rest.
    @Test func whoSeeksWhoFleesHimComesToRest() throws {
        try ServerFixture.run { fixture in
            var hunter = Self.constrained("hunter", .system, "${alloc.meta.app}", "=", "prey")
            hunter.meta = ["app": "hunter"]
            var prey = Self.constrained("prey", .system, "${alloc.meta.app}", "!=", "hunter")
            prey.meta = ["app": "prey"]
            _ = try await fixture.place(hunter)
            _ = try await fixture.place(prey)
            try await fixture.sleep(.seconds(5))
            let (count, live) = (fixture.evaluations("prey"), fixture.live("prey").count)
            #expect(live == 4 && fixture.live("hunter").count == 4)
            try await fixture.sleep(.seconds(20))
            #expect(fixture.evaluations("prey") == count && fixture.live("prey").count == 4)
        }
    }

    @Test func whatItDoesNotAskForDoesNotWakeIt() throws {
        try ServerFixture.run { fixture in
            _ = try await fixture.place(Self.constrained("agent", .system, "${alloc.meta.app}", "!=", "cache"))
            try await fixture.sleep(.seconds(2))
            let before = fixture.evaluations("agent")
            var other = ServerFixture.job("other")
            other.meta = ["tier": "front"]
            _ = try await fixture.place(other)
            try await fixture.change(node: 0) { $0.attributes["unique.storage.bytesfree"] = "17" }
            try await fixture.sleep(.seconds(3))
            #expect(fixture.evaluations("agent") == before)
        }
    }

    /// Many neighbours that come and go make few evaluations.
    @Test func aStormIsMetByOneEvaluationASecond() throws {
        try ServerFixture.run { fixture in
            _ = try await fixture.place(Self.constrained("agent", .system, "${alloc.meta.app}", "!=", "no"))
            try await fixture.sleep(.seconds(2))
            let (before, begin) = (fixture.evaluations("agent"), fixture.world.loop.uptime)
            for number in 0..<30 {
                var job = ServerFixture.job("job\(number)")
                job.meta = ["app": "\(number)"]
                _ = try await fixture.place(job)
                try await fixture.stop(job.id)
                try await fixture.sleep(.milliseconds(100))
            }
            try await fixture.sleep(.seconds(2))
            let seconds = (fixture.world.loop.uptime - begin) / .seconds(1)
            let made = fixture.evaluations("agent") - before
            #expect(made >= 1 && Double(made) <= seconds + 1)
        }
    }

    @Test(arguments: [
        (left: "${attr.unique.role}", right: "edge"), ("${meta.unique.role}", "edge"),
        ("${node.unique.name}", "edge"),
    ])
    func aNodeThatComesToSuitGetsItsInstance(left: String, right: String) throws {
        try ServerFixture.run { fixture in
            _ = try await fixture.place(Self.constrained("agent", .system, left, "=", right))
            #expect(fixture.live("agent").isEmpty)
            try await fixture.change(node: 2) { node in
                node.attributes["unique.role"] = "edge"
                node.meta["unique.role"] = "edge"
                node.name = "edge"
            }
            try await fixture.sleep(.seconds(2))
            #expect(fixture.live("agent").map(\.node) == [2])
        }
    }

    /// A node's class does not tell that its device is healthy again.
    @Test func aDeviceThatRecoversGetsItsInstance() throws {
        try ServerFixture.run { fixture in
            var card = NodeDeviceResource()
            (card.vendor, card.type, card.name) = ("nvidia", "gpu", "T4")
            var instance = NodeDevice()
            instance.id = "gpu-0"
            card.instances = [instance]
            try await fixture.change(node: 1) { [card] in $0.nodeResources.devices = [card] }
            var job = ServerFixture.job("agent", type: .system)
            var device = RequestedDevice()
            device.name = "nvidia/gpu"
            job.taskGroups[0].tasks[0].resources?.devices = [device]
            _ = try await fixture.place(job)
            #expect(fixture.live("agent").isEmpty)
            card.instances[0].healthy = true
            try await fixture.change(node: 1) { [card] in $0.nodeResources.devices = [card] }
            try await fixture.sleep(.seconds(2))
            #expect(fixture.live("agent").map(\.node) == [1])
        }
    }

    /// Whoever leads next does not know what was to be handed out.
    @Test func aNewTermLooksAtThemOnce() throws {
        try ServerFixture.run { fixture in
            let jobs = [
                Self.constrained("agent", .system, "${attr.unique.role}", "=", "edge"),
                ServerFixture.job("plain", type: .system),
            ]
            for job in jobs { _ = try await fixture.place(job) }
            try await fixture.sleep(.seconds(2))
            let before = jobs.map { fixture.evaluations($0.id) }
            try await fixture.server.whileQueuesRest {}
            try await fixture.sleep(.seconds(5))
            #expect(jobs.map { fixture.evaluations($0.id) } == [before[0] + 1, before[1]])
        }
    }

    /// Of a job that is a template only what is made from it runs.
    @Test func aTemplateIsNeverPlacedItself() throws {
        try ServerFixture.run { fixture in
            var job = ServerFixture.job("sweep", type: .sysbatch)
            job.parameterizedJob = ParameterizedJobConfig()
            var call = RegisterJob()
            call.job = job
            _ = try await fixture.call(call)
            let node = Node.simulated(number: 9, random: fixture.world.random)
            try await fixture.server.propose(
                .nodeRegister(NodeRegistration(node: node, time: fixture.world.loop.now)))
            try await fixture.sleep(.seconds(2))
            #expect(fixture.evaluations("sweep") > 0 && fixture.live("sweep").isEmpty)
            var evaluate = EvaluateJob()
            evaluate.jobID = "sweep"
            let error = await #expect(throws: CallError.self) { try await fixture.call(evaluate) }
            #expect(error?.message.contains("parameterized") == true)
        }
    }
}

extension ServerFixture {
    fileprivate func live(_ job: String) -> [AllocationRow] {
        server.snapshot.allocations(ofJob: job, namespace: "default").filter { !$0.isTerminal }
    }

    /// How many evaluations of the job there have been.
    fileprivate func evaluations(_ job: String) -> Int {
        server.snapshot.evaluations(ofJob: job, namespace: "default").count
    }

    fileprivate func stop(_ job: String) async throws {
        var stop = DeregisterJob()
        stop.jobID = job
        _ = try await call(stop)
    }

    /// Has a node report what it has become.
    fileprivate func change(node row: NodeRow, _ change: (inout Node) -> Void) async throws {
        var node = try #require(server.snapshot.node(row))
        change(&node)
        try await server.propose(.nodeRegister(NodeRegistration(node: node, time: world.loop.now)))
    }
}
