import Basics
import Model
import Testing

@testable import StateStore

@Suite struct AllocationTests {
    @Test func placementsAreFoundByEveryWay() throws {
        var fixture = Fixture()
        let nodes = fixture.addNodes(3)
        let evaluation = try #require(fixture.register(fixture.job("web", count: 6)).evaluations.first)
        let plan = fixture.plan("web", count: 6, evaluation: evaluation.id)
        let outcome = fixture.apply(.plans([plan]))
        #expect(outcome.placedCount == 6)
        #expect(Set(outcome.servedNodes) == [0, 1, 2])
        let snapshot = fixture.snapshot
        #expect(snapshot.allocations(ofJob: "web", namespace: "default").map(\.id) == plan.placements[0].ids)
        #expect(snapshot.allocations(ofEvaluation: evaluation.id).count == 6)
        #expect(snapshot.allocations(ofNode: 1).map(\.nameIndex) == [1, 4])
        let whole = try #require(snapshot.allocation(plan.placements[0].ids[4]))
        #expect(whole.name == "web.web[4]")
        #expect(whole.nodeID == nodes[1])
        #expect(whole.nodeName == "n1")
        #expect(whole.job?.id == "web")
        #expect(whole.metrics?.nodesEvaluated == 3)
        #expect(whole.allocatedResources.tasks["main"]?.cpu.cpuShares == 100)
        #expect(snapshot.nodeUsage(1).cpu == 200)
        #expect(snapshot.nodeUsage(1).disk == 600)
        #expect(snapshot.job("default", "web")?.status == .running)
        #expect(snapshot.jobSummary("default", "web")?.summary["web"]?.starting == 6)
    }

    /// Whether `memory_max` counts is decided when an allocation is placed, and stays so.
    @Test(arguments: [(oversubscribes: false, most: Int64(0)), (true, 256)])
    func memoryMaxIsGivenWhereMemoryIsOversubscribed(oversubscribes: Bool, most: Int64) throws {
        var fixture = Fixture()
        _ = fixture.addNodes(1)
        var job = fixture.job("web", count: 1)
        job.taskGroups[0].tasks[0].resources?.memoryMaxMB = 256
        fixture.register(job)
        var plan = fixture.plan("web", count: 1)
        plan.placements[0].oversubscribesMemory = oversubscribes
        var bytes = StateEntry.plans([plan]).encoded
        #expect(try StateEntry(decoding: bytes) == .plans([plan]))
        fixture.apply(try StateEntry(decoding: bytes))
        bytes = fixture.snapshot.encoded
        var reader = SnapshotReader()
        try reader.read(bytes)
        for snapshot in [fixture.snapshot, try reader.finish().snapshot()] {
            let memory = snapshot.allocation(plan.placements[0].ids[0])?.allocatedResources.tasks["main"]?.memory
            #expect(memory?.memoryMB == 64 && memory?.memoryMaxMB == most)
            #expect(snapshot.nodeUsage(0).memory == 64)
        }
    }

    /// A report that was under way for long does not bring an ended allocation back; what is lost may be found.
    @Test func whatHasEndedStaysEnded() throws {
        var fixture = Fixture()
        _ = fixture.addNodes(1)
        fixture.register(fixture.job("web", count: 2))
        let plan = fixture.plan("web", count: 2)
        fixture.apply(.plans([plan]))
        let ids = plan.placements[0].ids
        for (id, end) in zip(ids, [AllocationClientStatus.complete, .failed]) {
            fixture.send([fixture.report(id, .running)])
            fixture.send([fixture.report(id, end)])
            for late in [AllocationClientStatus.pending, .running, .unknown] {
                fixture.send([fixture.report(id, late)])
                #expect(fixture.snapshot.allocation(id)?.clientStatus == end)
            }
        }
        #expect(fixture.snapshot.jobRecord("default", "web")?.liveCount == 0)
        fixture.send([fixture.report(ids[0], .lost), fixture.report(ids[0], .running)])
        #expect(fixture.snapshot.allocation(ids[0])?.clientStatus == .running)
    }

    /// Labels of allocations that come or go are told, once an entry, with the jobs they are of.
    @Test func labelsThatComeAndGoAreTold() throws {
        var fixture = Fixture()
        _ = fixture.addNodes(2)
        var cache = fixture.job("cache")
        cache.meta = ["team": "ops"]
        cache.taskGroups[0].meta = ["app": "cache"]
        fixture.register(cache)
        fixture.register(fixture.job("plain"))
        let key = JobKey(namespace: "default", id: "cache")
        let plan = fixture.plan("cache", count: 3)
        let all: [String: Set<JobKey>] = ["team": [key], "app": [key]]
        #expect(fixture.apply(.plans([plan, fixture.plan("plain", count: 2)])).movedLabels == all)
        let ids = plan.placements[0].ids
        #expect(fixture.send([fixture.report(ids[0], .running)]).movedLabels.isEmpty)
        #expect(fixture.send([fixture.report(ids[0], .complete)]).movedLabels == all)
        var stop = fixture.plan("cache", count: 0)
        stop.stops = [PlannedStop(id: ids[1], description: "stop")]
        #expect(fixture.apply(.plans([stop])).movedLabels == all)
    }

    @Test func snapshotsDoNotSeeTheFuture() throws {
        var fixture = Fixture()
        _ = fixture.addNodes(2)
        fixture.register(fixture.job("web"))
        let first = fixture.plan("web", count: 5000)
        fixture.apply(.plans([first]))
        let before = fixture.snapshot
        let second = fixture.plan("web", count: 100)
        fixture.apply(.plans([second]))
        fixture.send(first.placements[0].ids.prefix(10).map { fixture.report($0, .running) })
        #expect(before.allocationCount == 5000)
        #expect(before.allocations(ofJob: "web", namespace: "default").count == 5000)
        #expect(before.allocation(second.placements[0].ids[0]) == nil)
        #expect(before.allocation(first.placements[0].ids[0])?.clientStatus == .pending)
        #expect(fixture.snapshot.allocation(first.placements[0].ids[0])?.clientStatus == .running)
        #expect(fixture.snapshot.allocationCount == 5100)
    }

    /// Two futures of one past share memory until they differ, and neither sees the other.
    @Test func forkedStoresStayApart() throws {
        var left = Fixture()
        _ = left.addNodes(2)
        left.register(left.job("web"))
        left.apply(.plans([left.plan("web", count: 10)]))
        var right = left
        right.generator = SeededGenerator(seed: 2)
        let leftPlan = left.plan("web", count: 3)
        let rightPlan = right.plan("web", count: 4)
        left.apply(.plans([leftPlan]))
        right.apply(.plans([rightPlan]))
        #expect(
            left.snapshot.allocations(ofJob: "web", namespace: "default").suffix(3).map(\.id)
                == leftPlan.placements[0].ids)
        #expect(
            right.snapshot.allocations(ofJob: "web", namespace: "default").suffix(4).map(\.id)
                == rightPlan.placements[0].ids)
        #expect(left.snapshot.allocation(rightPlan.placements[0].ids[0]) == nil)
        #expect(left.snapshot.allocations(ofNode: 0).count == 7)
        #expect(right.snapshot.allocations(ofNode: 0).count == 7)
    }

    @Test(arguments: [
        (status: AllocationClientStatus.running, events: 3), (.running, 9), (.failed, 3), (.complete, 2), (.running, 0),
    ])
    func reportsComeBackWhole(status: AllocationClientStatus, events: Int) throws {
        var fixture = Fixture()
        _ = fixture.addNodes(1)
        fixture.register(fixture.job("web"))
        let plan = fixture.plan("web", count: 2)
        fixture.apply(.plans([plan]))
        let id = plan.placements[0].ids[1]
        let first = fixture.report(id, .pending, events: ["Received"])
        let update = fixture.report(id, status, events: (0..<events).map { "Event \($0)" })
        fixture.send([first])
        fixture.send([update])
        let allocation = try #require(fixture.snapshot.allocation(id))
        #expect(allocation.taskStates == update.taskStates)
        #expect(allocation.clientDescription == update.clientDescription)
        #expect(allocation.clientStatus == status)
        fixture.send([first])
        let states = fixture.snapshot.allocation(id)?.taskStates
        #expect(states == (status.isTerminal ? update : first).taskStates)
    }

    @Test func everyFieldOfATaskStateIsPacked() throws {
        var event = TaskEvent()
        var filler = FieldFiller()
        try event.visitFields(&filler)
        var state = TaskState()
        try state.visitFields(&filler)
        state.events = [event]
        let report = AllocationReport(clientDescription: "x", taskStates: ["a": state])
        #expect(try PackedTaskStates(report).unpacked() == report)
    }

    /// Room is told of where it is one: not on a node that takes no work, not when an update takes it again.
    @Test func onlyRoomThatMayBeUsedIsFreed() throws {
        var fixture = Fixture()
        let node = try #require(fixture.addNodes(1).first)
        fixture.register(fixture.job("web", count: 2))
        let plan = fixture.plan("web", count: 2)
        fixture.apply(.plans([plan]))
        fixture.register(fixture.job("web", count: 2))
        var update = fixture.plan("web", count: 0)
        update.inPlaceUpdates = plan.placements[0].ids
        #expect(fixture.apply(.plans([update])).freedNodes.isEmpty)
        #expect(fixture.snapshot.nodeUsage(0).cpu == 200)
        fixture.apply(
            .nodeEligibility(NodeEligibilityChange(node: node, eligibility: .ineligible, time: fixture.time)))
        let outcome = fixture.send([fixture.report(plan.placements[0].ids[0], .complete)])
        #expect(outcome.freedNodes.isEmpty)
    }

    @Test func usageIsHeldUntilServerOrClientEndsIt() throws {
        var fixture = Fixture()
        _ = fixture.addNodes(1)
        fixture.register(fixture.job("web", count: 2))
        let plan = fixture.plan("web", count: 2)
        fixture.apply(.plans([plan]))
        var stop = Plan()
        stop.namespace = "default"
        stop.jobID = "web"
        stop.createTime = fixture.time
        stop.stops = [PlannedStop(id: plan.placements[0].ids[0], description: "not needed")]
        let outcome = fixture.apply(.plans([stop]))
        #expect(outcome.freedNodes == [0])
        #expect(fixture.snapshot.nodeUsage(0).cpu == 100)
        fixture.send([fixture.report(plan.placements[0].ids[0], .complete)])
        #expect(fixture.snapshot.nodeUsage(0).cpu == 100)
        fixture.send([fixture.report(plan.placements[0].ids[1], .failed)])
        #expect(fixture.snapshot.nodeUsage(0) == ResourceVector())
        let stopped = try #require(fixture.snapshot.allocation(plan.placements[0].ids[0]))
        #expect(stopped.desiredDescription == "not needed")
        #expect(stopped.desiredStatus == .stop)
    }

    @Test func portsAreHeldAndReturned() throws {
        var fixture = Fixture()
        var node = fixture.node("n", id: ID(random: &fixture.generator))
        node.reservedResources.networks.reservedHostPorts = "22, 8500-8502"
        fixture.apply(.nodeRegister(NodeRegistration(node: node, time: fixture.time)))
        var job = fixture.job("web")
        var network = NetworkResource()
        var port = Port()
        port.label = "http"
        port.to = 8080
        network.dynamicPorts = [port]
        job.taskGroups[0].networks = [network]
        fixture.register(job)
        var plan = fixture.plan("web", count: 2)
        plan.placements[0].portLabels = ["http"]
        plan.placements[0].ports = [25000, 21000]
        fixture.apply(.plans([plan]))
        #expect(fixture.snapshot.usedPorts(0) == [22, 8500, 8501, 8502, 21000, 25000])
        let allocation = try #require(fixture.snapshot.allocation(plan.placements[0].ids[1]))
        #expect(allocation.allocatedResources.shared.ports.map(\.value) == [21000])
        #expect(allocation.allocatedResources.shared.ports.map(\.to) == [8080])
        fixture.send([fixture.report(plan.placements[0].ids[1], .complete)])
        #expect(fixture.snapshot.usedPorts(0) == [22, 8500, 8501, 8502, 25000])
    }

    @Test func aPlanAppliedTwiceCountsOnce() {
        var fixture = Fixture()
        _ = fixture.addNodes(1)
        fixture.register(fixture.job("web"))
        let plan = fixture.plan("web", count: 4)
        fixture.apply(.plans([plan]))
        #expect(fixture.apply(.plans([plan])).placedCount == 0)
        #expect(fixture.snapshot.allocationCount == 4)
        #expect(fixture.snapshot.nodeUsage(0).cpu == 400)
        var mixed = fixture.plan("web", count: 3)
        mixed.placements[0].ids[1] = plan.placements[0].ids[2]
        #expect(fixture.apply(.plans([mixed])).placedCount == 2)
        #expect(fixture.snapshot.allocation(mixed.placements[0].ids[2])?.name == "web.web[2]")
    }
}

/// Gives every field a value that is not its default.
struct FieldFiller: FieldVisitor {
    var number: Int64 = 1

    mutating func field<Value: JSONForm>(_ name: StaticString, _ value: inout Value) throws(DocumentError) {
        number += 1
        let candidates: [JSON] = [
            .string("text \(number)"), .integer(number), .bool(true), .string("dead"),
            .string("2026-01-02T03:04:05.\(number)Z"), .object([("key", .string("value \(number)"))]),
        ]
        for candidate in candidates {
            if let filled = try? Value.read(candidate) {
                value = filled
                return
            }
        }
    }
}
