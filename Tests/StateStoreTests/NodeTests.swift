import Basics
import Model
import Testing

@testable import StateStore

@Suite struct NodeTests {
    @Test func goingDownTellsTheJobsConcernedOnce() throws {
        var fixture = Fixture()
        let nodes = fixture.addNodes(3)
        for id in ["web", "api"] {
            fixture.register(fixture.job(id))
            fixture.apply(.plans([fixture.plan(id, count: 3)]))
        }
        fixture.register(fixture.job("idle"))
        fixture.register(fixture.job("each", type: .system))
        let change = NodeStatusChange(
            nodes: [nodes[0], nodes[1], .none], status: .down, message: "Node heartbeat missed", time: fixture.time)
        let outcome = fixture.apply(.nodeStatus(change))
        #expect(outcome.evaluations.map(\.jobID) == ["api", "each", "web"])
        #expect(outcome.evaluations.allSatisfy { $0.triggeredBy == .nodeUpdate && $0.nodeID == nodes[0] })
        #expect(outcome.freedNodes.isEmpty)
        let node = try #require(fixture.snapshot.node(nodes[1]))
        #expect(node.status == .down)
        #expect(node.events.map(\.message) == ["Node registered", "Node heartbeat missed"])
        #expect(fixture.apply(.nodeStatus(change)).evaluations.isEmpty)
    }

    @Test func comingUpFreesItsClassAndTellsSystemJobs() throws {
        var fixture = Fixture()
        fixture.register(fixture.job("each", type: .system))
        fixture.register(fixture.job("web"))
        let node = fixture.node("n", id: ID(random: &fixture.generator), status: .initializing)
        #expect(fixture.apply(.nodeRegister(NodeRegistration(node: node, time: fixture.time))).evaluations.isEmpty)
        let ready = NodeStatusChange(nodes: [node.id], status: .ready, message: "Node ready", time: fixture.time)
        let outcome = fixture.apply(.nodeStatus(ready))
        #expect(outcome.evaluations.map(\.jobID) == ["each"])
        #expect(outcome.freedNodes == [0])
    }

    /// Who waits for room is woken by a node that has more of it, without an evaluation in the log.
    @Test func moreRoomFreesItsClass() throws {
        var fixture = Fixture()
        fixture.register(fixture.job("each", type: .system))
        let id = try #require(fixture.addNodes(1).first)
        var node = try #require(fixture.snapshot.node(id))
        func again(_ change: (inout Node) -> Void) -> ApplyOutcome {
            change(&node)
            return fixture.apply(.nodeRegister(NodeRegistration(node: node, time: fixture.time)))
        }
        var group = NodeDeviceResource()
        (group.vendor, group.type, group.name) = ("nvidia", "gpu", "T4")
        var device = NodeDevice()
        (device.id, device.healthy) = ("1", false)
        group.instances = [device]
        _ = again { $0.nodeResources.devices = [group] }
        #expect(again { $0.nodeResources.devices[0].instances[0].healthDescription = "hot" }.freedNodes.isEmpty)
        let recovered = again { $0.nodeResources.devices[0].instances[0].healthy = true }
        #expect(recovered.freedNodes == [0] && recovered.evaluations.isEmpty)
        #expect(again { $0.nodeResources.memory.memoryMB += 1 }.freedNodes == [0])
        #expect(again { $0.nodeResources.memory.memoryMB -= 1 }.freedNodes.isEmpty)
        #expect(again { $0.attributes["unique.hostname"] = "other" }.freedNodes == [0])
        #expect(again { $0.meta["unique.slot"] = "7" }.freedNodes == [0])
        #expect(again { $0.name = "renamed" }.freedNodes == [0])
        #expect(again { $0.reservedResources.memory.memoryMB += 1 }.freedNodes == [0])
        #expect(
            again { ($0.nodeResources.minDynamicPort, $0.nodeResources.maxDynamicPort) = (20_000, 30_000) }.freedNodes
                == [0])
        #expect(again { $0.nodeResources.maxDynamicPort = 25_000 }.freedNodes.isEmpty)
        var network = NetworkResource()
        network.mode = "bridge"
        let bridged = again { $0.nodeResources.networks.append(network) }
        #expect(bridged.freedNodes == [0] && bridged.evaluations.isEmpty)
        #expect(again { _ in }.freedNodes.isEmpty)
    }

    /// A plan marks an allocation as unknown; a snapshot keeps since when; its client's report asks for a decision.
    @Test func unknownAllocationsAreWaitedFor() throws {
        var fixture = Fixture()
        let node = try #require(fixture.addNodes(1).first)
        var job = fixture.job("web", count: 1)
        var strategy = DisconnectStrategy()
        strategy.lostAfter = .seconds(60)
        job.taskGroups[0].disconnect = strategy
        fixture.register(job)
        let placed = fixture.plan("web", count: 1)
        fixture.apply(.plans([placed]))
        let id = placed.placements[0].ids[0]
        #expect(fixture.snapshot.reconnectDeadline(of: 0, since: fixture.time) == nil, "it does not run yet")
        fixture.send([fixture.report(id, .running)])
        let time = fixture.time
        #expect(fixture.snapshot.reconnectDeadline(of: 0, since: time) == time + .seconds(60))

        func since(_ fixture: Fixture) throws -> Timestamp {
            fixture.snapshot.disconnectedAt(of: try #require(fixture.snapshot.allocationRow(id)))
        }
        let away = NodeStatusChange(nodes: [node], status: .disconnected, message: "missed", time: fixture.time)
        #expect(fixture.apply(.nodeStatus(away)).evaluations.map(\.triggeredBy) == [.nodeUpdate])
        var plan = fixture.plan("web", count: 0)
        plan.placements = []
        plan.stops = [PlannedStop(id: id, desiredStatus: .run, description: "unknown", clientStatus: .unknown)]
        fixture.apply(.plans([plan]))
        #expect(try since(fixture) == plan.createTime)
        #expect(fixture.snapshot.jobSummary("default", "web")?.summary["web"]?.unknown == 1)
        var restored = fixture
        var reader = SnapshotReader()
        try reader.read(fixture.snapshot.encoded)
        restored.store = try reader.finish()
        #expect(try since(restored) == plan.createTime)

        let report = fixture.report(id, .running)
        let back = NodeStatusChange(nodes: [node], status: .ready, message: "back", time: fixture.time)
        #expect(fixture.apply(.nodeStatus(back)).evaluations.map(\.triggeredBy) == [.nodeUpdate])
        #expect(fixture.send([report]).evaluations.map(\.triggeredBy) == [.reconnect])
        #expect(try since(fixture) == plan.createTime, "nobody has decided yet")
        plan.stops = [PlannedStop(id: id, desiredStatus: .run, description: "")]
        fixture.apply(.plans([plan]))
        #expect(try since(fixture) == .never)
        #expect(fixture.snapshot.jobSummary("default", "web")?.summary["web"]?.running == 1)
    }

    @Test func registeringAgainKeepsWhatServersDecided() throws {
        var fixture = Fixture()
        let id = try #require(fixture.addNodes(1).first)
        fixture.apply(.nodeEligibility(NodeEligibilityChange(node: id, eligibility: .ineligible, time: fixture.time)))
        fixture.apply(.nodeRegister(NodeRegistration(node: fixture.node("n0", id: id), time: fixture.time)))
        let node = try #require(fixture.snapshot.node(id))
        #expect(node.schedulingEligibility == .ineligible)
        #expect(!node.isReady)
        #expect(fixture.snapshot.nodeCount == 1)
        #expect(node.events.map(\.message) == ["Node registered", "Node marked as ineligible for scheduling"])
    }

    @Test func comingBackFromBeingDownIsAnEvent() throws {
        var fixture = Fixture()
        let id = try #require(fixture.addNodes(1).first)
        let missed = NodeStatusChange(nodes: [id], status: .down, message: "missed", time: fixture.time)
        fixture.apply(.nodeStatus(missed))
        fixture.apply(.nodeRegister(NodeRegistration(node: fixture.node("n0", id: id), time: fixture.time)))
        let events = try #require(fixture.snapshot.node(id)).events
        #expect(events.map(\.message) == ["Node registered", "missed", "Node re-registered"])
    }

    @Test func uniqueAttributesDoNotMakeClasses() throws {
        let fixture = Fixture()
        let first = fixture.node("a", id: ID(high: 1, low: 1))
        var second = fixture.node("b", id: ID(high: 2, low: 2))
        #expect(ComputedClass.of(first) == ComputedClass.of(second))
        second.attributes["kernel.name"] = "plan9"
        #expect(ComputedClass.of(first) != ComputedClass.of(second))
    }

    @Test func touchedRowsLetViewsCatchUp() throws {
        var fixture = Fixture()
        _ = fixture.addNodes(4)
        let start = fixture.index
        fixture.register(fixture.job("web"))
        #expect(fixture.snapshot.touchedNodes(since: start)?.isEmpty == true)
        let plan = fixture.plan("web", count: 2)
        fixture.apply(.plans([plan]))
        #expect(fixture.snapshot.touchedNodes(since: start) == [0, 1])
        fixture.send([fixture.report(plan.placements[0].ids[1], .running)])
        #expect(fixture.snapshot.touchedNodes(since: fixture.index - 1)?.isEmpty == true)
        fixture.send([fixture.report(plan.placements[0].ids[1], .failed)])
        #expect(fixture.snapshot.touchedNodes(since: fixture.index - 1) == [1])
        var log = TouchedLog()
        for index in 1...UInt64(TouchedLog.entryCountMax + 1) { log.append(7, index: index) }
        #expect(log.rows(since: 5) == nil)
        #expect(log.rows(since: UInt64(TouchedLog.entryCountMax))?.count == 1)
    }

    @Test func downNodesWithoutAllocationsAreCollectedAndTheirRowsReused() throws {
        var fixture = Fixture()
        let nodes = fixture.addNodes(2)
        var garbage = Garbage()
        garbage.nodes = nodes
        fixture.apply(.nodeStatus(NodeStatusChange(nodes: [nodes[0]], status: .down, message: "", time: fixture.time)))
        fixture.apply(.collect(garbage))
        #expect(fixture.snapshot.node(nodes[0]) == nil)
        #expect(fixture.snapshot.node(nodes[1]) != nil)
        let fresh = fixture.node("new", id: ID(random: &fixture.generator))
        fixture.apply(.nodeRegister(NodeRegistration(node: fresh, time: fixture.time)))
        #expect(fixture.snapshot.nodeRow(fresh.id) == 0)
    }
}
