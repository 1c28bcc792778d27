import Basics
import Client
import Linux
import Model
import PluginHost
import RPC
import Synchronization
import Testing

/// A whole client on real folders and a real database, with servers and drivers that tests hold.
@Suite struct ClientTests {
    @Test func registersWhatItFound() async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        let client = try await fixture.client()
        try await fixture.run(client) { try await $0.waitUntilReady() }
        let node = try #require(fixture.servers.state.withLock { $0.node })
        #expect(node.id == client.nodeID)
        #expect(node.name == "box")
        #expect(node.status == .initializing)
        #expect(client.node.status == .ready, "a later registration must not take the node out of scheduling")
        #expect(node.attributes["cpu.arch"] == "amd64")
        #expect(node.attributes["driver.fake"] == "1")
        #expect(node.drivers["fake"]?.healthy == true)
        let schema = try #require(fixture.driver.taskSchema)
        #expect(node.drivers["fake"]?.configSchema == DriverSchema.name(of: schema))
        #expect(fixture.servers.state.withLock { $0.schemas } == [DriverSchema.name(of: schema): schema])
        #expect(node.nodeResources.cpu.cpuShares == 4_000)
        #expect(node.nodeResources.memory.memoryMB == 1_024)
        #expect(node.nodeResources.networks.map(\.mBits) == [1_000])
        #expect(!node.computedClass.isEmpty)
        // The identity stays over a restart.
        #expect(try await fixture.client(store: MemoryClientStore()).nodeID == client.nodeID)
    }

    @Test func settingsWinOverWhatItFound() async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        let client = try await fixture.client {
            $0.cpuTotalCompute = 9_000
            $0.memoryTotalMB = 512
            $0.networkSpeed = 25
        }
        try await fixture.run(client) { try await $0.waitUntilReady() }
        let found = try #require(fixture.servers.state.withLock { $0.node }).nodeResources
        #expect(found.cpu.cpuShares == 9_000 && found.memory.memoryMB == 512)
        #expect(found.networks.map(\.mBits) == [25] && found.nodeNetworks.map(\.speed) == [25])
    }

    /// What the driver is told of memory: `memory_max = -1` is all that the machine has, and without it the reservation is the limit.
    @Test(arguments: [(most: Int64(0), told: Int64(0)), (96, 96 << 20), (-1, 1_024 << 20)])
    func memoryMaxReachesTheDriver(most: Int64, told: Int64) async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        var allocation = makeAllocation(.service, [makeTask("server")])
        allocation.allocatedResources.tasks["server"]?.memory.memoryMaxMB = most
        let id = allocation.id
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { _ in
            try await fixture.reported(id) { $0.clientStatus == .running }
            let spec = try #require(fixture.driver.spec("server"))
            #expect(spec.resources.memoryBytes == 64 << 20 && spec.resources.memoryMaxBytes == told)
        }
    }

    @Test func runsAServiceAndStopsItWhenAsked() async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        let allocation = makeAllocation(.service, [makeTask("server")])
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { _ in
            let update = try await fixture.reported(allocation.id) { $0.clientStatus == .running }
            #expect(update.events("server") == ["Received", "Task Setup", "Started"])
            #expect(update.taskStates["server"]?.state == .running)
            #expect(update.clientDescription == "Tasks are running")
            let spec = try #require(fixture.driver.spec("server"))
            #expect(spec.environment["NOMAD_PORT_http_api"] == "23456")
            #expect(SmallFile.exists(spec.directories.local) && SmallFile.exists(spec.logs.directory))
            fixture.servers.change(allocation.id) { $0.desiredStatus = .stop }
            let end = try await fixture.reported(allocation.id) { $0.clientStatus == .complete }
            #expect(end.events("server").suffix(3) == ["Killing", "Terminated", "Killed"])
            #expect(end.taskStates["server"]?.failed == false)
            let signals = fixture.driver.state.withLock { $0.records[spec.id]?.signals }
            #expect(signals == ["stop SIGTERM"])
            // The servers forget it: nothing is left of it.
            fixture.servers.forget(allocation.id)
            let gone = try await fixture.eventually { !SmallFile.exists("\(fixture.folder)/alloc/\(allocation.id)") }
            #expect(gone)
        }
    }

    @Test(arguments: [
        (type: JobType.batch, exit: TaskExit(), starts: 1, status: AllocationClientStatus.complete),
        (.batch, TaskExit(code: 1), 2, .failed), (.service, TaskExit(), 2, .failed),
        (.sysbatch, TaskExit(), 1, .complete), (.system, TaskExit(signal: 9), 2, .failed),
    ])
    func restartsByPolicy(type: JobType, exit: TaskExit, starts: Int, status: AllocationClientStatus) async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        fixture.driver.script("work", exit)
        let allocation = makeAllocation(type, [makeTask("work")])
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { _ in
            let update = try await fixture.reported(allocation.id) { $0.clientStatus.isTerminal }
            #expect(update.clientStatus == status)
            #expect(fixture.driver.started.count == starts)
            #expect(update.taskStates["work"]?.restarts == UInt64(starts - 1))
            if status == .failed {
                #expect(update.events("work").suffix(2) == ["Terminated", "Not Restarting"])
                #expect(update.events("work").contains("Restarting"))
                let text = update.taskStates["work"]?.events.last?.displayMessage
                #expect(text == "Exceeded allowed attempts 1 in interval 10m0s and mode is \"fail\"")
            }
        }
    }

    @Test func startsAndEndsTasksInLifecycleOrder() async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        fixture.driver.script("init", TaskExit())
        fixture.driver.script("after", TaskExit())
        fixture.driver.script("cleanup", TaskExit())
        let tasks = [
            makeTask("cleanup", hook: "poststop"), makeTask("after", hook: "poststart"), makeTask("main"),
            makeTask("proxy", hook: "prestart", sidecar: true), makeTask("init", hook: "prestart"),
        ]
        let allocation = makeAllocation(.batch, tasks)
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { _ in
            try await fixture.reported(allocation.id) { $0.taskStates["after"]?.state == .dead }
            #expect(Set(fixture.driver.started.prefix(2)) == ["proxy", "init"])
            #expect(fixture.driver.started.suffix(2) == ["main", "after"])
            fixture.driver.end("main")
            let end = try await fixture.reported(allocation.id) { $0.clientStatus == .complete }
            #expect(fixture.driver.started.last == "cleanup")
            #expect(end.events("proxy").contains("Main Tasks Dead"))
        }
    }

    @Test func aFailedTaskOrADeadLeaderEndsTheOthers() async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        let failing = makeAllocation(.service, [makeTask("a"), makeTask("b")]) { $0.restartPolicy?.attempts = 0 }
        let led = makeAllocation(.batch, [makeTask("boss", leader: true), makeTask("helper")])
        fixture.servers.place(failing)
        fixture.servers.place(led)
        try await fixture.run(try await fixture.client()) { _ in
            for id in [failing.id, led.id] {
                try await fixture.reported(id) { $0.taskStates.values.allSatisfy { $0.state == .running } }
            }
            fixture.driver.end("a", TaskExit(code: 3))
            let failed = try await fixture.reported(failing.id) {
                $0.taskStates.values.allSatisfy { $0.state == .dead }
            }
            #expect(failed.clientStatus == .failed)
            #expect(failed.events("b").contains("Sibling Task Failed"))
            #expect(failed.taskStates["b"]?.failed == false)
            #expect(failed.taskStates["a"]?.events.last?.displayMessage == "Policy allows no restarts")
            fixture.driver.end("boss")
            let done = try await fixture.reported(led.id) { $0.clientStatus == .complete }
            #expect(done.events("helper").contains("Leader Task Dead"))
        }
    }

    @Test func aRestartedClientFindsItsTasksAgain() async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        let allocation = makeAllocation(.service, [makeTask("server")])
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { _ in
            try await fixture.reported(allocation.id) { $0.clientStatus == .running }
        }
        #expect(fixture.driver.running("server") != nil)
        fixture.servers.state.withLock { $0.updates = [:] }
        try await fixture.run(try await fixture.client()) { _ in
            try await fixture.reported(allocation.id) { $0.clientStatus == .running }
            #expect(fixture.driver.started.count == 1)
            fixture.driver.end("server", TaskExit(code: 1))
            try await fixture.reported(allocation.id) { $0.taskStates["server"]?.restarts == 1 }
        }
    }

    /// The client dies between asking the driver and hearing its answer; then the state database is damaged as well.
    @Test(arguments: [false, true])
    func anAnswerThatWasLostDoublesNothing(databaseIsDamaged: Bool) async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        let allocation = makeAllocation(.service, [makeTask("server")])
        fixture.servers.place(allocation)
        fixture.driver.state.withLock { $0.withholdsAnswers = true }
        try await fixture.run(try await fixture.client()) { _ in
            let started = try await fixture.eventually { fixture.driver.started.count == 1 }
            #expect(started)
        }
        if databaseIsDamaged {
            for suffix in ["-wal", "-shm"] { try? Folder.remove(fixture.folder + "/client/state.db" + suffix) }
            try SmallFile.replace(fixture.folder + "/client/state.db", with: Array(repeating: 0x41, count: 9_000))
        }
        fixture.driver.state.withLock { $0.withholdsAnswers = false }
        try await fixture.run(try await fixture.client()) { _ in
            try await fixture.reported(allocation.id) { $0.clientStatus == .running }
            #expect(fixture.driver.started.count == 1)
        }
        let aside = Folder.names(fixture.folder + "/client").filter { $0.contains("damaged") }
        #expect(aside.isEmpty != databaseIsDamaged)
    }

    /// The plug-in's process dies with the answer of `start`, and is away for a moment: the running task is found, not doubled.
    @Test func aCrashOfThePluginDuringStartDoublesNothing() async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        let allocation = makeAllocation(.service, [makeTask("server")])
        fixture.driver.state.withLock { state in
            state.lateErrors = [PluginError(.crashed, "the plug-in's process ended")]
            state.recoverErrors = [PluginError(.unavailable, "restarting")]
        }
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { _ in
            let update = try await fixture.reported(allocation.id) { $0.clientStatus == .running }
            #expect(update.taskStates["server"]?.restarts == 0)
            #expect(fixture.driver.started.count == 1)
        }
    }

    @Test func failuresSayWhatAndWhere() async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        var misspelt = makeTask("misspelt")
        misspelt.config = .object([("comand", .string("x"))])
        var foreign = makeTask("foreign")
        foreign.driver = "docker"
        var denied = makeTask("denied")
        denied.config = .object([("command", .string("x"))])
        let allocations = [misspelt, foreign, denied].map { task in
            makeAllocation(.batch, [task]) { $0.restartPolicy?.attempts = 0 }
        }
        try await fixture.run(try await fixture.client()) { client in
            try await client.waitUntilReady()
            for (allocation, expected) in zip(
                allocations.prefix(2),
                [
                    ("Failed Validation", "command"), ("Driver Failure", "\"docker\" is not available"),
                ])
            {
                fixture.servers.place(allocation)
                let update = try await fixture.reported(allocation.id) { $0.clientStatus == .failed }
                let event = update.taskStates.values.first?.events.first { $0.type == expected.0 }
                #expect(event?.displayMessage.contains(expected.1) == true, "\(event?.displayMessage ?? "no event")")
            }
            fixture.driver.state.withLock { $0.startErrors = [PluginError(.notFound, "program \"x\" not found")] }
            fixture.servers.place(allocations[2])
            let update = try await fixture.reported(allocations[2].id) { $0.clientStatus == .failed }
            #expect(update.events("denied").suffix(2) == ["Driver Failure", "Not Restarting"])
            #expect(fixture.driver.started.isEmpty)
        }
    }

    @Test func userRestartsAndSignals() async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        let allocation = makeAllocation(.service, [makeTask("server")])
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { client in
            try await fixture.reported(allocation.id) { $0.clientStatus == .running }
            let first = try #require(fixture.driver.running("server"))
            try await client.signal(allocation: allocation.id, task: nil, signal: "SIGHUP")
            let signals = fixture.driver.state.withLock { $0.records[first]?.signals }
            #expect(signals == ["SIGHUP"])
            try await client.restart(allocation: allocation.id, task: "server", allTasks: false)
            try await fixture.reported(allocation.id) {
                $0.taskStates["server"]?.restarts == 1 && $0.taskStates["server"]?.state == .running
            }
            #expect(fixture.driver.running("server") != first)
            await #expect(throws: CallError.self) { try await client.collectGarbage(allocation: allocation.id) }
            await #expect(throws: CallError.self) {
                try await client.restart(allocation: .none, task: nil, allTasks: false)
            }
        }
    }

    @Test func reportsHealthToADeployment() async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        var allocation = makeAllocation(.service, [makeTask("server")]) { group in
            var update = UpdateStrategy()
            update.minHealthyTime = .milliseconds(10)
            group.update = update
        }
        allocation.deploymentID = SystemRandom().id()
        fixture.servers.place(allocation)
        let id = allocation.id
        try await fixture.run(try await fixture.client()) { _ in
            try await fixture.reported(id) { $0.deploymentStatus?.healthy == true }
        }
    }

    @Test func keepsOnlySoManyEndedAllocations() async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        fixture.driver.script("work", TaskExit())
        let allocations = (0..<5).map { _ in makeAllocation(.batch, [makeTask("work")]) }
        for allocation in allocations { fixture.servers.place(allocation) }
        let client = try await fixture.client {
            $0.endedAllocationsMax = 2
            $0.diskUsageMax = 101
        }
        try await fixture.run(client) { _ in
            for allocation in allocations { try await fixture.reported(allocation.id) { $0.clientStatus == .complete } }
            let collected = try await fixture.eventually { Folder.names(fixture.folder + "/alloc").count == 2 }
            #expect(collected)
        }
    }
}
