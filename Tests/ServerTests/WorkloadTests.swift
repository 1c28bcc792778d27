import Basics
import CDroverABI
import FragmentationSchedulerPlugin
import Model
import PluginHost
import RPC
import SimulatedSeam
import Simulation
import StateStore
import Synchronization
import Testing

@testable import Server

/// Schedulers are told what the cluster's live work asks for, and `fragmentation` goes by it.
@Suite struct WorkloadTests {
    @Test func theViewTellsOfLiveWork() throws {
        let seen = Mutex<[Told]>([])
        let told = try ServerFixture.run(nodes: 0) { fixture in
            fixture.schedulers.tell(
                "batch",
                .ask { view, _ in
                    seen.withLock { $0 = Told.all(view) }
                    return []
                })
            try await fixture.addNode("gpus", cpu: 8_000, devices: 4)
            _ = try await fixture.place(ServerFixture.job("plain", count: 3))
            _ = try await fixture.place(.asking("half", type: .service, cpu: 300, devices: 1, share: 0.5, instances: 2))
            _ = try await fixture.place(ServerFixture.job("probe", type: .batch))
            return seen.withLock { $0 }
        }
        #expect(
            told == [
                Told(weight: 3, cpu: 500, memory: 256, devices: 0, shares: []),
                Told(weight: 2, cpu: 300, memory: 64, devices: 1, shares: [500]),
            ])
    }

    /// With pairs of devices common, a single device is taken where no pair is broken; without, where least room is left.
    @Test(arguments: [(pairs: 2, node: "single"), (0, "pair")])
    func fragmentationKeepsNodesGoodForLiveWork(pairs: Int, node: String) throws {
        let chosen = try ServerFixture.run(nodes: 0) { fixture in
            let fragmentation = FragmentationScheduler()
            fixture.schedulers.tell("bold", .ask { try fragmentation.answer($0, $1) })
            try await fixture.configure { $0.schedulerAlgorithm = "bold" }
            try await fixture.addNode("full", cpu: 4_000, devices: 4)
            if pairs > 0 {
                let report = try await fixture.place(.asking("pairs", cpu: 2_000, devices: 2, instances: pairs))
                #expect(report?.allocations.map(\.nodeName) == ["full", "full"])
            }
            let full = try #require(fixture.server.snapshot.node(0))
            try await fixture.server.propose(
                .nodeEligibility(
                    NodeEligibilityChange(node: full.id, eligibility: .ineligible, time: fixture.world.loop.now)))
            try await fixture.addNode("pair", cpu: 4_000, devices: 2)
            try await fixture.addNode("single", cpu: 8_000, devices: 1)
            return try await fixture.place(.asking("one", cpu: 500, devices: 1, instances: 1))?.allocations.first?
                .nodeName
        }
        #expect(chosen == node)
    }
}

/// A `drover_workload`, as plain values.
private struct Told: Equatable {
    var weight: UInt32
    var cpu: Int64
    var memory: Int64
    var devices: UInt32
    var shares: [UInt32]

    static func all(_ view: Block) -> [Told] {
        let head = view.base.load(as: drover_cluster_view.self)
        return (0..<Int(head.workload_count)).map { number in
            let offset = Int(head.workload) + number * MemoryLayout<drover_workload>.stride
            let raw = view.base.load(fromByteOffset: offset, as: drover_workload.self)
            let groups = raw.shares == 0 ? 0 : Int(head.device_group_count)
            return Told(
                weight: raw.weight, cpu: raw.ask.0, memory: raw.ask.2, devices: raw.device_count,
                shares: (0..<groups).map {
                    view.base.load(fromByteOffset: Int(raw.shares) + 4 * $0, as: UInt32.self)
                })
        }
    }
}

extension FragmentationScheduler {
    /// The records that the plug-in writes.
    func answer(_ view: Block, _ batch: Block) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try withUnsafeMutablePointer(to: &bytes) { pointer in
            let sink = drover_sink(context: UnsafeMutableRawPointer(pointer)) { context, written in
                context?.assumingMemoryBound(to: [UInt8].self).pointee
                    .append(contentsOf: UnsafeBufferPointer(start: written.data, count: Int(written.length)))
                return 0
            }
            try place(view: view.base, batch: batch.base, into: sink)
        }
        return bytes
    }
}

extension Job {
    fileprivate static func asking(
        _ id: String, type: JobType = .batch, cpu: Int, devices: Int, share: Double? = nil, instances: Int
    ) -> Job {
        var job = ServerFixture.job(id, type: type, count: instances)
        var device = RequestedDevice()
        device.name = "gpu"
        device.count = devices
        device.share = share
        var resources = Resources()
        resources.cpu = cpu
        resources.memoryMB = 64
        resources.devices = [device]
        job.taskGroups[0].tasks[0].resources = resources
        return job
    }
}

extension ServerFixture {
    /// Registers a node of so many MHz and whole devices.
    fileprivate func addNode(_ name: String, cpu: Int64, devices: Int) async throws {
        var node = Node.simulated(number: 0, random: world.random)
        node.name = name
        node.nodeResources.cpu.cpuShares = cpu
        var resource = NodeDeviceResource()
        resource.vendor = "maker"
        resource.type = "gpu"
        resource.name = "model"
        resource.instances = (0..<devices).map { number in
            var device = NodeDevice()
            device.id = "\(name)-\(number)"
            device.healthy = true
            return device
        }
        node.nodeResources.devices = [resource]
        try await server.propose(.nodeRegister(NodeRegistration(node: node, time: world.loop.now)))
    }
}
