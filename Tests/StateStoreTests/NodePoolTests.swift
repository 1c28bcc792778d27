import Basics
import Model
import Testing

@testable import StateStore

@Suite struct NodePoolTests {
    private func pool(_ name: String, algorithm: String = "") -> NodePool {
        var pool = NodePool()
        pool.name = name
        if !algorithm.isEmpty {
            var own = NodePoolSchedulerConfiguration()
            own.schedulerAlgorithm = algorithm
            pool.schedulerConfiguration = own
        }
        return pool
    }

    @Test func builtInPoolsStay() {
        var fixture = Fixture()
        #expect(fixture.snapshot.nodePools.map(\.name) == ["all", "default"])
        #expect(fixture.apply(.nodePoolUpsert(pool("default"))).refusal?.kind == .invalid)
        #expect(fixture.apply(.nodePoolDelete(name: "all")).refusal?.kind == .invalid)
        #expect(fixture.apply(.nodePoolDelete(name: "gpu")).refusal?.kind == .notFound)
    }

    @Test func aNodeBringsItsPool() throws {
        var fixture = Fixture()
        var node = fixture.node("n", id: ID(high: 1, low: 1))
        node.nodePool = "gpu"
        let outcome = fixture.apply(.nodeRegister(NodeRegistration(node: node, time: fixture.time)))
        #expect(outcome.tables.contains(.nodePools) && fixture.snapshot.node(0)?.nodePool == "gpu")
        #expect(fixture.snapshot.nodePool("gpu")?.createIndex == outcome.index)
        #expect(fixture.apply(.nodePoolDelete(name: "gpu")).refusal?.message.contains("has nodes") == true)
        var request = ListRequest()
        request.nodePool = "gpu"
        #expect(try JSONParser.parse(fixture.snapshot.listNodes(request).body).array?.count == 1)
        request.nodePool = "default"
        #expect(try fixture.snapshot.listNodes(request).body == Array("[]".utf8))
    }

    @Test func aPoolWithLiveJobsStays() throws {
        var fixture = Fixture()
        fixture.apply(.nodePoolUpsert(pool("gpu")))
        var job = fixture.job("api")
        job.nodePool = "gpu"
        fixture.register(job)
        #expect(fixture.apply(.nodePoolDelete(name: "gpu")).refusal?.message.contains("\"api\"") == true)
        var request = ListRequest()
        request.nodePool = "gpu"
        #expect(try JSONParser.parse(fixture.snapshot.listJobs(request).body).array?.count == 1)
        var end = JobDeregistration(key: JobKey(namespace: "default", id: "api"), time: fixture.time)
        end.purge = true
        fixture.apply(.jobDeregister(end))
        #expect(fixture.apply(.nodePoolDelete(name: "gpu")).refusal == nil)
    }

    @Test(arguments: [("gpu", "spread"), ("plain", "binpack"), ("default", "binpack"), ("", "binpack")])
    func aPoolsAlgorithmGoesBeforeTheClusters(name: String, algorithm: String) throws {
        var fixture = Fixture()
        fixture.apply(.nodePoolUpsert(pool("gpu", algorithm: "spread")))
        fixture.apply(.nodePoolUpsert(pool("plain")))
        var reader = SnapshotReader()
        try reader.read(fixture.snapshot.encoded)
        let restored = try reader.finish().snapshot()
        #expect(restored.schedulerConfiguration(nodePool: name).schedulerAlgorithm == algorithm)
        #expect(restored.schedulerConfiguration(nodePool: name).choice(type: .batch, nodePool: name).plugin == "")
    }
}
