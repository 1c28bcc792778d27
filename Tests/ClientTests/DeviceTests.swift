import Basics
import Client
import Model
import PluginHost
import RPC
import Synchronization
import Testing

/// What a client does with the devices of its node, from the plug-in's answer to the task and back.
@Suite struct DeviceTests {
    private static func allocation(_ ids: [String], share: Double? = nil) -> Allocation {
        var allocation = makeAllocation(.service, [makeTask("train"), makeTask("other")])
        var device = AllocatedDeviceResource()
        (device.vendor, device.type, device.name, device.deviceIDs) = ("acme", "gpu", "A1", ids)
        device.share = share
        allocation.allocatedResources.tasks["train"]?.devices = [device]
        return allocation
    }

    private static func fixture() -> (ClientFixture, FakeDevices) {
        var fixture = ClientFixture()
        let devices = FakeDevices()
        fixture.devices = devices
        return (fixture, devices)
    }

    @Test func nodesTellWhatPluginsFind() async throws {
        let (fixture, _) = Self.fixture()
        defer { fixture.close() }
        let client = try await fixture.client()
        try await fixture.run(client) { try await $0.waitUntilReady() }
        let group = try #require(fixture.servers.state.withLock { $0.node }?.nodeResources.devices.first)
        #expect((group.vendor, group.type, group.name) == ("acme", "gpu", "A1"))
        #expect(group.attributes["memory"]?.int == 16 && group.attributes["memory"]?.unit == "GiB")
        #expect(group.attributes["cores"]?.int == 7)
        #expect(group.attributes["board"]?.string == "x 9", "9 is no unit")
        #expect(group.attributes["fraction_min_milli"]?.int == 1_000, "what all instances allow")
        #expect(group.instances.map(\.id) == ["u1", "u2"])
        #expect(group.instances[0].locality?.pciBusID == "0000:01:00.0" && group.instances[0].locality?.numaNode == 1)
        #expect(group.instances[1].locality == nil)
    }

    @Test func tasksAreToldHowToUseTheirs() async throws {
        let (fixture, devices) = Self.fixture()
        defer { fixture.close() }
        let allocation = Self.allocation(["u1", "u2"], share: 0.25)
        fixture.servers.place(allocation)
        let client = try await fixture.client()
        try await fixture.run(client) { client in
            // The other task, without devices, may run before it.
            try await fixture.reported(allocation.id, "running") { $0.taskStates["train"]?.state == .running }
            let spec = try #require(fixture.driver.spec("train"))
            #expect(spec.environment["ACME_VISIBLE"] == "u1,u2")
            #expect(spec.devices.first?["ids"] == .array([.string("u1"), .string("u2")]))
            #expect(spec.devices.first?["reservation"]?["devices"] == .array([]))
            #expect(try await fixture.eventually { fixture.driver.spec("other") != nil })
            #expect(fixture.driver.spec("other")?.devices == [])
            let request = try #require(devices.requests.first)
            #expect(request["task_id"]?.string == spec.id && request["fs_isolation"]?.string == "none")
            #expect(request["instances"]?.array?.map { $0["share_milli"] } == [.integer(250), .integer(250)])

            let host = try await client.hostStatistics()
            let stats = try #require(host["DeviceStats"]?.array?.first)
            #expect(stats["Name"] == .string("A1"))
            let unit = try #require(stats["InstanceStats"]?["u1"])
            #expect(unit["Summary"]?["IntNumeratorVal"] == .integer(5))
            #expect(unit["Summary"]?["IntDenominatorVal"] == .integer(16))
            #expect(unit["Stats"]?["Attributes"]?["heat"]?["FloatNumeratorVal"] == .number(41.5))
        }
    }

    @Test(arguments: [
        (lost: true, message: "", text: "Device acme/gpu/A1[u1] is lost: plug-in \"fakes\" finds it no more"),
        (false, "fallen off the bus", "Device acme/gpu/A1[u1] is lost: fallen off the bus"),
    ])
    func aLostDeviceFailsItsAllocation(lost: Bool, message: String, text: String) async throws {
        let (fixture, devices) = Self.fixture()
        defer { fixture.close() }
        let (holder, neighbour) = (Self.allocation(["u1"]), Self.allocation(["u2"]))
        for allocation in [holder, neighbour] { fixture.servers.place(allocation) }
        let client = try await fixture.client()
        try await fixture.run(client) { client in
            for id in [holder.id, neighbour.id] {
                try await fixture.reported(id, "running") { $0.taskStates["train"]?.state == .running }
            }
            devices.change { state in
                if lost { state.instances.removeFirst() } else { state.instances[0].isHealthy = false }
                if !lost { state.instances[0].healthMessage = message }
            }
            let end = try await fixture.reported(holder.id, "failed") { $0.clientStatus == .failed }
            let event = end.taskStates["train"]?.events.first { $0.type == "Device Lost" }
            #expect(event?.displayMessage == text)
            #expect(event?.details["device"] == "acme/gpu/A1[u1]")
            #expect(end.taskStates["train"]?.failed == true)
            #expect(fixture.servers.latest(neighbour.id)?.clientStatus == .running)
            let node = client.node.nodeResources.devices.first?.instances.first { $0.id == "u1" }
            #expect(node.map { !$0.healthy } ?? lost)
        }
    }

    /// The last device of its kind goes while the client is away: nobody tells of the kind any more.
    @Test func aDeviceLostWhileTheClientWasAwayFailsItsAllocation() async throws {
        let (fixture, devices) = Self.fixture()
        defer { fixture.close() }
        let holder = Self.allocation(["u1"])
        fixture.servers.place(holder)
        try await fixture.run(try await fixture.client()) { _ in
            try await fixture.reported(holder.id, "running") { $0.clientStatus == .running }
        }
        devices.change { $0.instances = [] }
        fixture.servers.state.withLock { $0.updates = [:] }
        try await fixture.run(try await fixture.client()) { _ in
            let end = try await fixture.reported(holder.id, "failed") { $0.clientStatus == .failed }
            let event = end.taskStates["train"]?.events.first { $0.type == "Device Lost" }
            #expect(
                event?.displayMessage == "Device acme/gpu/A1[u1] is lost: no plug-in of this node finds it", "\(end)")
        }
    }

    /// Another attempt would not help: the servers are to place it elsewhere.
    @Test func aRefusedDeviceFailsTheTaskAtOnce() async throws {
        let (fixture, devices) = Self.fixture()
        defer { fixture.close() }
        devices.change { $0.reserveError = PluginError(.retry, "it is too hot") }
        let allocation = Self.allocation(["u2"])
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { _ in
            let end = try await fixture.reported(allocation.id, "failed") { $0.clientStatus == .failed }
            let events = end.taskStates["train"]?.events ?? []
            #expect(
                events.contains { $0.driverError == "plug-in \"fakes\" refuses acme/gpu/A1[u2]: it is too hot" },
                "\(events)")
            #expect(fixture.driver.spec("train") == nil)
        }
    }

    @Test func reloadedOptionsReachFingerprinters() async throws {
        let (fixture, _) = Self.fixture()
        defer { fixture.close() }
        let client = try await fixture.client { $0.options = ["rack": "r1"] }
        try await fixture.run(client) { client in
            try await client.waitUntilReady()
            #expect(client.node.attributes["option.rack"] == "r1")
            client.reload(options: ["rack": "r2"])
            #expect(try await fixture.eventually { client.node.attributes["option.rack"] == "r2" })
            #expect(
                try await fixture.eventually {
                    fixture.servers.state.withLock { $0.node?.attributes["option.rack"] == "r2" }
                })
        }
    }

    /// A plug-in that cannot be asked says nothing about its devices.
    @Test func noAnswerIsNoLoss() async throws {
        let (fixture, devices) = Self.fixture()
        defer { fixture.close() }
        let allocation = Self.allocation(["u1"])
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { client in
            try await fixture.reported(allocation.id, "running") { $0.clientStatus == .running }
            devices.change { $0.probeError = PluginError(.crashed, "gone") }
            devices.change {
                $0.probeError = nil; $0.instances[1].isHealthy = false
            }
            #expect(
                try await fixture.eventually {
                    client.node.nodeResources.devices.first?.instances.last?.healthy == false
                })
            #expect(fixture.servers.latest(allocation.id)?.clientStatus == .running)
        }
    }
}
