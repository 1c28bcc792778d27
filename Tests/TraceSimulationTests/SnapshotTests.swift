import Basics
import Consensus
import Linux
import Model
import PluginHostTestSupport
import Raft
import StateStore
import Testing

@testable import TraceSimulation

/// States of live clusters, placed anew by the real libraries.
@Suite struct SnapshotTests {
    @Test func instancesThatWouldBeElsewhereAreMoves() async throws {
        var live = LiveCluster()
        live.addNode("a", in: "dc1")
        live.addNode("b", in: "dc1")
        live.addNode("c", in: "dc2")
        live.addNode("d", in: "dc3")
        // Both are where they may not be, as after a change of the job's datacenters.
        live.place(.asking("strays", cpu: 100, count: 2, in: "dc2"), on: [0, 1])
        live.place(.asking("home", cpu: 100, count: 2, in: "dc3"), on: [3, 3])
        // Two of three have room.
        live.place(.asking("wide", cpu: 1_500, count: 3, in: "dc2"), on: [])
        let outcome = try await Self.play(live)
        #expect(outcome.moves == 2 && outcome.placed == 6 && outcome.failed == 1 && outcome.rejected == 0)
        #expect(try await Self.play(live).placementHash == outcome.placementHash)
        // 2 * 100 + 2 * 100 + 2 * 1,500 of 4 * 4,000 MHz
        #expect(outcome.utilisation.cpuPercent == 100 * 3_400.0 / 16_000)
    }

    @Test func instancesOfAGroupAreAlike() async throws {
        var live = LiveCluster()
        live.addNode("a")
        live.addNode("b")
        var job = Job.asking("apart", cpu: 100, count: 2)
        var constraint = Constraint()
        constraint.operand = "distinct_hosts"
        job.constraints = [constraint]
        for nodes in [[0, 1], [1, 0]] as [[UInt32]] {
            var live = live
            live.place(job, on: nodes)
            let outcome = try await Self.play(live)
            #expect(outcome.placed == 2 && outcome.moves == 0)
        }
    }

    @Test func whoHasToMakeRoomFails() async throws {
        var live = LiveCluster()
        var configuration = SchedulerConfiguration()
        configuration.preemptionConfig.batchSchedulerEnabled = true
        live.apply(.schedulerConfiguration(SchedulerConfigurationChange(configuration: configuration)))
        live.addNode("a")
        live.place(.asking("low", cpu: 3_000, count: 1, priority: 20), on: [])
        live.place(.asking("high", cpu: 3_000, count: 1, priority: 80), on: [0])
        let outcome = try await Self.play(live)
        #expect(outcome.placed == 1 && outcome.failed == 1 && outcome.moves == 0)
    }

    @Test func devicesAreCountedAsInTraces() async throws {
        var live = LiveCluster()
        live.addNode("a", devices: 2)
        live.addNode("b", devices: 2)
        live.place(.asking("half", cpu: 100, count: 2, share: 0.5), on: [])
        live.place(.asking("whole", cpu: 100, count: 2, share: 1), on: [])
        let outcome = try await Self.play(live, "fragmentation")
        #expect(outcome.placed == 4 && outcome.failed == 0)
        #expect(outcome.utilisation.devicePercent == 75)
        #expect(outcome.curve.unallocated(at: 25) == 75 && outcome.curve.unallocated(at: 75) == 25)
    }

    @Test func whatIsOverIsLeftOut() async throws {
        var live = LiveCluster()
        live.addNode("a")
        live.place(.asking("over", cpu: 100, count: 1), on: [])
        live.apply(.jobDeregister(JobDeregistration(key: JobKey(namespace: "default", id: "over"), time: live.time)))
        #expect(throws: TraceError("state: 1 nodes and 0 jobs that want instances; both are needed")) {
            try SnapshotTrace(live.snapshot, file: "state")
        }
        live.place(.asking("stays", cpu: 100, count: 1), on: [])
        #expect(try SnapshotTrace(live.snapshot, file: "state").jobs.map(\.id) == ["stays"])
    }

    @Test func chanceIsForTracesOnly() async throws {
        let libraries = await PluginRunTests.libraries()
        let error = #expect(throws: TraceError.self) { try libraries.set(named: "random") }
        #expect(
            error?.description.contains("there is no scheduler \"random\" here; -plugin is one of: batch, ") == true)
    }

    // MARK: - Files

    @Test func aFileIsReadAsItWasWritten() async throws {
        var live = LiveCluster()
        live.addNode("a")
        live.place(.asking("job", cpu: 100, count: 2), on: [0, 0])
        let scratch = Scratch("snapshot")
        let path = try Self.save(live.snapshot.encoded, in: scratch.path)
        let read = try await StoredState.read(path, disk: SystemDisk())
        #expect(read.encoded == live.snapshot.encoded)
        // The folder in which a server keeps it does as well.
        #expect(try await StoredState.read(scratch.path, disk: SystemDisk()).encoded == read.encoded)
    }

    @Test(arguments: [
        (offset: 8, "has format version 254, newer than this program reads"),
        (offset: 3, "byte 0: it is not a snapshot"),
        (offset: 14, "byte 0: the header does not read back"),
        (offset: 200, ": a chunk does not read back"),
    ])
    func damageIsNamed(offset: Int, message: String) async throws {
        var live = LiveCluster()
        live.addNode("a")
        let scratch = Scratch("snapshot")
        var bytes = try SystemDisk().read(Self.save(live.snapshot.encoded, in: scratch.path), limit: 1 << 20)
        bytes[offset] ^= 0xff
        let path = try scratch.write("damaged", bytes)
        let error = await #expect(throws: TraceError.self) { try await StoredState.read(path, disk: SystemDisk()) }
        #expect(error?.description.hasPrefix("cannot read the state in \(path): ") == true)
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test func whatIsCutOffOrNoStateIsNamed() async throws {
        var live = LiveCluster()
        live.addNode("a")
        let scratch = Scratch("snapshot")
        let bytes = try SystemDisk().read(Self.save(live.snapshot.encoded, in: scratch.path), limit: 1 << 20)
        let short = try scratch.write("short", Array(bytes.dropLast(5)))
        var error = await #expect(throws: TraceError.self) { try await StoredState.read(short, disk: SystemDisk()) }
        #expect(error?.description.contains("its end does not fit its content") == true)
        let foreign = try Self.save(Array("something else".utf8), in: scratch.path + "/other")
        error = await #expect(throws: TraceError.self) { try await StoredState.read(foreign, disk: SystemDisk()) }
        #expect(error?.description.contains("damaged state data at byte ") == true)
    }

    private struct Content: StateSnapshot {
        let bytes: [UInt8]
        func write(to emit: ([UInt8]) throws -> Void) throws { try emit(bytes) }
    }

    /// Writes a snapshot file below `folder` as a server does; its path.
    private static func save(_ content: [UInt8], in folder: String) throws -> String {
        let metadata = SnapshotMetadata(
            index: 9, term: 1, membership: Membership(members: [.init(id: ServerID("s"), address: "h:1")]))
        let disk = SystemDisk()
        _ = try SnapshotStore(disk: disk, folder: folder + "/snapshots").save(metadata, Content(bytes: content))
        return folder + "/snapshots/" + (try #require(try disk.list(folder + "/snapshots").first))
    }

    private static func play(_ live: LiveCluster, _ name: String = "batch") async throws -> TraceOutcome {
        let libraries = await PluginRunTests.libraries()
        let trace = try SnapshotTrace(live.snapshot, file: "state")
        return try SnapshotRun(trace, schedulers: libraries.set(named: name), time: SystemTime()).run()
    }
}

/// A cluster's state, made by hand.
private struct LiveCluster {
    let time = Timestamp(seconds: 1_000)
    private var tables = StateTables()
    private var generator = SeededGenerator(seed: 1)

    var snapshot: Snapshot { tables.snapshot() }

    mutating func apply(_ entry: StateEntry) { _ = tables.apply(entry, index: tables.index + 1) }

    mutating func addNode(_ name: String, in datacenter: String = "dc1", devices: Int = 0) {
        var node = Node()
        node.id = ID(random: &generator)
        node.name = name
        node.datacenter = datacenter
        node.nodePool = "default"
        node.status = .ready
        node.attributes = ["kernel.name": "linux", "unique.hostname": name]
        var driver = DriverInfo()
        driver.detected = true
        driver.healthy = true
        node.drivers["mock_driver"] = driver
        node.nodeResources.cpu.cpuShares = 4_000
        node.nodeResources.memory.memoryMB = 8_192
        node.nodeResources.disk.diskMB = 100_000
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
        if devices > 0 { node.nodeResources.devices = [resource] }
        apply(.nodeRegister(NodeRegistration(node: node, time: time)))
    }

    /// Registers a job and commits its first instances to the nodes of these rows, whatever the job says of them.
    mutating func place(_ job: Job, on nodes: [UInt32]) {
        apply(.jobRegister(JobRegistration(job: job, time: time)))
        var batch = PlacementBatch()
        batch.taskGroup = "group"
        batch.nodes = nodes
        batch.ids = nodes.map { _ in ID(random: &generator) }
        batch.nameIndexes = nodes.indices.map(UInt32.init)
        var plan = Plan()
        plan.namespace = "default"
        plan.jobID = job.id
        plan.createTime = time
        plan.placements = [batch]
        apply(.plans([plan]))
    }
}

extension Job {
    /// A batch job of one group; `share` is the part of a device that each instance asks for.
    fileprivate static func asking(
        _ id: String, cpu: Int, count: Int, priority: Int = 50, share: Double = 0, in datacenter: String = "*"
    ) -> Job {
        var job = Job()
        job.id = id
        job.name = id
        job.namespace = "default"
        job.nodePool = "default"
        job.type = .batch
        job.priority = priority
        job.datacenters = [datacenter]
        var group = TaskGroup()
        group.name = "group"
        group.count = count
        var task = JobTask()
        task.name = "main"
        task.driver = "mock_driver"
        var resources = Resources()
        resources.cpu = cpu
        resources.memoryMB = 64
        var device = RequestedDevice()
        device.name = "gpu"
        device.share = share
        if share > 0 { resources.devices = [device] }
        task.resources = resources
        group.tasks = [task]
        job.taskGroups = [group]
        return job
    }
}
