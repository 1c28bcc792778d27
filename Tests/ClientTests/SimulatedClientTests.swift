import Basics
import Client
import Logging
import Model
import PluginHost
import RPC
import SimulatedSeam
import Synchronization
import Testing

/// The real client on the simulated side of the seam: days in milliseconds, and the same every time.
@Suite struct SimulatedClientTests {
    /// What the servers heard in one simulated hour of restarts, failures and stops, and when.
    private func hour(seed: UInt64) throws -> [String] {
        let world = SimulatedWorld(seed: seed)
        let seam = world.seam(disk: SimulatedDisk(), name: "node")
        let servers = FakeServers(time: seam.time, period: .seconds(2))
        let driver = FakeDriver()
        driver.script("fails", TaskExit(code: 1))
        driver.script("works", TaskExit())
        let plugins = FakePlugins(drivers: [driver])
        var ids = SeededGenerator(seed: seed)
        var allocations: [ID] = []
        for number in 0..<20 {
            let name = ["fails", "works", "serves"][number % 3]
            var allocation = makeAllocation(number % 2 == 0 ? .service : .batch, [makeTask(name)]) { group in
                group.restartPolicy = RestartPolicy()
            }
            allocation.id = ID(random: &ids)
            allocations.append(allocation.id)
            servers.place(allocation)
        }
        let placed = allocations
        return try world.run {
            let configuration = ClientConfiguration(stateFolder: "/client", allocationFolder: "/alloc")
            let client = try await ClientAgent(
                ClientWorld(
                    configuration: configuration, seam: seam, servers: servers, drivers: plugins,
                    fingerprinters: plugins, devices: plugins, store: MemoryClientStore(), modes: NoFileModes(),
                    network: NoNetworkTools(),
                    log: .quiet))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await client.run() }
                try await seam.time.sleep(for: .seconds(1_800))
                for id in placed.prefix(6) { servers.change(id) { $0.desiredStatus = .stop } }
                try await seam.time.sleep(for: .seconds(1_800))
                group.cancelAll()
            }
            return servers.state.withLock { state in
                state.updates.sorted { $0.key < $1.key }
                    .flatMap { $0.value.map { String(decoding: $0.jsonBytes, as: UTF8.self) } }
            }
        }
    }

    /// A group says how long its tasks run on without servers; a restarted client counts on, and says that they are not done.
    @Test(arguments: [false, true]) func tasksEndWithoutServers(isRestarted: Bool) throws {
        let world = SimulatedWorld(seed: 3)
        let seam = world.seam(disk: SimulatedDisk(), name: "node")
        let servers = FakeServers(time: seam.time, period: .seconds(2))
        let driver = FakeDriver()
        let plugins = FakePlugins(drivers: [driver])
        let store = MemoryClientStore()
        let allocation = makeAllocation(.batch, [makeTask("serves")]) { group in
            var strategy = DisconnectStrategy()
            strategy.stopOnClientAfter = .seconds(60)
            group.disconnect = strategy
        }
        servers.place(allocation)
        @Sendable func run(_ body: @Sendable () async throws -> Void) async throws {
            let client = try await ClientAgent(
                ClientWorld(
                    configuration: ClientConfiguration(stateFolder: "/client", allocationFolder: "/alloc"), seam: seam,
                    servers: servers, drivers: plugins, fingerprinters: plugins, devices: plugins, store: store,
                    modes: NoFileModes(), network: NoNetworkTools(),
                    log: .quiet))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await client.run() }
                try await body()
                group.cancelAll()
            }
        }
        try world.run {
            let until = { @Sendable (seconds: Int) in try await seam.time.sleep(for: .seconds(seconds)) }
            let loseServers = { @Sendable in
                try await until(100)
                #expect(driver.running("serves") != nil, "heartbeats keep it alive")
                servers.state.withLock { $0.isAway = true }
                try await until(30)
            }
            let comeBack = { @Sendable in
                try await until(20)
                #expect(driver.running("serves") != nil, "its time is not over")
                try await until(20)
                #expect(driver.running("serves") == nil, "it was ended without a server's word")
                servers.state.withLock { $0.isAway = false }
                try await until(60)
            }
            if isRestarted {
                try await run(loseServers)
                try await run(comeBack)
            } else {
                try await run {
                    try await loseServers()
                    try await comeBack()
                }
            }
        }
        let update = try #require(servers.latest(allocation.id))
        #expect(update.clientStatus == .lost)
        #expect(update.events("serves").contains("Contact Lost"))
    }

    @Test func oneSeedGivesOneRun() throws {
        let first = try hour(seed: 7)
        #expect(first == (try hour(seed: 7)))
        #expect(first != (try hour(seed: 8)))
        let failed = first.filter { $0.contains("Exceeded allowed attempts") }
        #expect(!failed.isEmpty, "the restart policies have come to their end in this hour")
        #expect(first.contains { $0.contains("\"ClientStatus\":\"complete\"") })
    }
}
