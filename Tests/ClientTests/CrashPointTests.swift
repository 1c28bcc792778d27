import Basics
import Client
import Linux
import Model
import PluginHost
import RPC
import Synchronization
import Testing

/// Counts the effects of a client on its world and, at a chosen one, ends the client as a kill would: from then on nothing that it
/// does has an effect, and nothing it waits for comes.
final class Fuse: Sendable {
    private let left: Mutex<Int>

    init(_ steps: Int) { left = Mutex(steps) }

    var isBurnt: Bool { left.withLock { $0 <= 0 } }

    /// One step; hangs once the fuse has burnt.
    func step() async throws {
        let alive = left.withLock { left in
            left -= 1
            return left > 0
        }
        if alive { return }
        while true { try await Task.sleep(for: .seconds(3_600)) }
    }

    /// A step before the effect and one after it.
    func around<Result: Sendable>(_ effect: () async throws -> Result) async throws -> Result {
        try await step()
        do {
            let result = try await effect()
            try await step()
            return result
        } catch {
            if isBurnt { try await step() }
            throw error
        }
    }
}

private struct FusedStore: ClientStore {
    let inner: any ClientStore
    let fuse: Fuse

    func load() async throws -> [StoredAllocation] { try await fuse.around { try await inner.load() } }

    func put(_ allocations: [Allocation]) async throws { try await fuse.around { try await inner.put(allocations) } }

    func put(_ record: TaskRecord, task: String, allocation: ID) async throws {
        try await fuse.around { try await inner.put(record, task: task, allocation: allocation) }
    }

    func lastContact() async throws -> Timestamp? { try await inner.lastContact() }

    func putContact(_ time: Timestamp) async throws { try await inner.putContact(time) }

    func remove(_ allocation: ID) async throws { try await fuse.around { try await inner.remove(allocation) } }
}

private struct FusedDriver: Driver {
    let inner: ShimDriver
    let fuse: Fuse
    let name = "fake"
    let capabilities = DriverCapabilities()
    let taskSchema: JSON? = nil

    func fingerprint() async throws -> DriverFingerprint { try await inner.fingerprint() }

    func start(_ task: TaskSpec) async throws -> TaskHandle { try await fuse.around { try await inner.start(task) } }

    func recover(_ task: TaskSpec, handle: TaskHandle?) async throws -> TaskHandle {
        try await fuse.around { try await inner.recover(task, handle: handle) }
    }

    func wait(_ taskID: String) async throws -> TaskExit { try await fuse.around { try await inner.wait(taskID) } }

    func stop(_ taskID: String, signal: String, timeout: Duration) async throws {
        try await fuse.around { try await inner.stop(taskID, signal: signal, timeout: timeout) }
    }

    func signal(_ taskID: String, _ signal: String) async throws {}

    func stats(_ taskIDs: [String]) async throws -> [TaskStats] { [] }

    func destroy(_ taskID: String, force: Bool) async throws {
        try await fuse.around { try await inner.destroy(taskID, force: force) }
    }

    func inspect(_ taskID: String) async throws -> JSON { .null }

    func exec(_ taskID: String, _ request: ExecRequest) async throws -> TaskExit { TaskExit() }

    func resize(exec id: String, rows: Int, columns: Int) async throws {}

    func createNetwork(_ allocation: String, hostname: String) async throws -> String { "" }

    func destroyNetwork(_ allocation: String) async throws {}
}

private struct FusedServers: Caller {
    let inner: FakeServers
    let fuse: Fuse

    func call<Call: ServerCall>(_ call: Call, context: CallContext, deadline: Duration) async throws -> Call.Reply {
        guard call is UpdateAllocations else { return try await inner.call(call, context: context, deadline: deadline) }
        return try await fuse.around { try await inner.call(call, context: context, deadline: deadline) }
    }
}

/// Every named point: before and after the identity is stored, the spawn, the answer, the handle, the report, its acknowledgement.
@Suite struct CrashPointTests {
    @Test func aClientKilledBeforeOrAfterAnyEffectLosesAndDoublesNothing() async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        let store = MemoryClientStore()
        var steps = 1
        while try await isKilled(after: steps, fixture, store) {
            steps += 1
            try #require(steps < 200)
        }
        #expect(steps > 15, "the fuse saw only \(steps) steps")
        #expect(Folder.names(fixture.folder + "/run").isEmpty)
    }

    /// One life of an allocation with a kill after so many steps; false when it ended before.
    private func isKilled(
        after steps: Int, _ fixture: ClientFixture, _ store: MemoryClientStore
    ) async throws -> Bool {
        let runs = "\(fixture.folder)/runs-\(steps)"
        var task = makeTask("work")
        task.config = .object([("command", .string("echo run >> \(runs); sleep 0.01"))])
        let allocation = makeAllocation(.batch, [task])
        fixture.servers.place(allocation)
        let fuse = Fuse(steps)
        try await fixture.run(try await fixture.client(store, fuse)) { _ in
            for _ in 0..<4_000 {
                if fuse.isBurnt || fixture.servers.latest(allocation.id)?.clientStatus == .complete { return }
                try await Task.sleep(for: .milliseconds(1))
            }
        }
        let isKilled = fuse.isBurnt
        // The next client, which nobody kills, brings it to its end.
        try await fixture.run(try await fixture.client(store, Fuse(.max))) { _ in
            let end = try await fixture.reported(allocation.id, "end after \(steps)") { $0.clientStatus.isTerminal }
            #expect(end.clientStatus == .complete, "killed after \(steps) steps")
            #expect(end.taskStates["work"]?.restarts == 0, "killed after \(steps) steps")
        }
        #expect(SmallFile.text(runs) == "run", "killed after \(steps) steps")
        fixture.servers.forget(allocation.id)
        return isKilled
    }
}

extension ClientFixture {
    fileprivate func client(_ store: MemoryClientStore, _ fuse: Fuse) async throws -> ClientAgent {
        let plugins = FakePlugins(drivers: [FusedDriver(inner: ShimDriver(folder), fuse: fuse)])
        let configuration = ClientConfiguration(stateFolder: folder + "/client", allocationFolder: folder + "/alloc")
        return try await ClientAgent(
            ClientWorld(
                configuration: configuration, seam: seam, servers: FusedServers(inner: servers, fuse: fuse),
                drivers: plugins, fingerprinters: plugins, devices: plugins,
                store: FusedStore(inner: store, fuse: fuse),
                modes: LinuxFileModes(), network: NoNetworkTools(), log: .quiet))
    }
}
