import Basics
import Consensus
import Dispatch
import Raft
import Synchronization

/// Remembers every entry it is given, as text.
final class TestMachine: StateMachine {
    struct UnknownKind: Error, CustomStringConvertible {
        let kind: UInt16
        var description: String { "unknown entry kind \(kind)" }
    }

    typealias Command = Never

    private let state = Mutex<(applied: [String], restores: Int)>(([], 0))

    var applied: [String] { state.withLock { $0.applied } }
    var restores: Int { state.withLock { $0.restores } }

    static func knows(_ entry: LogEntry) -> Bool { true }

    func apply(_ entries: ArraySlice<LogEntry>, commands: [Never?]) async throws -> [String] {
        try entries.map { entry in
            guard entry.kind == .firstApplication else { throw UnknownKind(kind: entry.kind.rawValue) }
            let text = String(decoding: entry.data, as: UTF8.self)
            state.withLock { $0.applied.append(text) }
            return text
        }
    }

    func snapshot() async throws -> any StateSnapshot { TestSnapshot(lines: applied) }

    func restore(from chunks: SnapshotChunks) async throws {
        var bytes: [UInt8] = []
        while let chunk = try await chunks.next() { bytes += chunk }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        state.withLock { $0 = (lines, $0.restores + 1) }
    }
}

private struct TestSnapshot: StateSnapshot {
    let lines: [String]

    func write(to emit: ([UInt8]) throws -> Void) throws { for line in lines { try emit(Array((line + "\n").utf8)) } }
}

/// A value under a lock that closures can share.
final class Shared<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }

    func withLock<Result: Sendable>(_ body: @Sendable (inout Value) -> Result) -> Result {
        value.withLock { body(&$0) }
    }
}

/// Lets nobody pass while closed.
final class Gate: Sendable {
    private let isClosed = Mutex(false)
    private let waiting = DispatchSemaphore(value: 0)
    private let waiters = Mutex(0)

    func close() { isClosed.withLock { $0 = true } }

    func pass() {
        guard isClosed.withLock({ $0 }) else { return }
        waiters.withLock { $0 += 1 }
        waiting.wait()
    }

    func open() {
        isClosed.withLock { $0 = false }
        for _ in 0..<1_000 { waiting.signal() }
    }
}

struct TestTime: TimeSource {
    /// What was asked for.
    let slept: Shared<[Duration]>?

    var now: Timestamp { .never }
    var uptime: Uptime { Uptime(nanoseconds: 0) }
    func sleep(for duration: Duration) async throws {
        slept?.withLock { $0.append(duration) }
        try await Task.sleep(for: duration)
    }
}

struct TestRandom: RandomSource {
    func next() -> UInt64 { .random(in: 0 ... .max) }
}

/// One Dispatch queue a lane.
final class TestBlocking: BlockingExecutor {
    private let free = DispatchQueue(label: "free", attributes: .concurrent)
    private let lanes = Mutex<[BlockingLane: DispatchQueue]>([:])

    func run<Result: Sendable>(
        lane: BlockingLane?, _ work: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        let queue = lane.map { lane in
            lanes.withLock { lanes in
                if let known = lanes[lane] { return known }
                let queue = DispatchQueue(label: lane.name)
                lanes[lane] = queue
                return queue
            }
        }
        return try await withCheckedThrowingContinuation { continuation in
            (queue ?? free).async { continuation.resume(with: Swift.Result(catching: work)) }
        }
    }
}

struct NoNetwork: Network {
    func peer(at address: NetworkAddress) -> any Peer { NoPeer() }
    func serve(
        at address: NetworkAddress, handler: any CallHandler, ready: @escaping @Sendable (NetworkAddress) -> Void
    ) async throws {}
}

private struct NoPeer: Peer {
    func call(_ method: UInt16, _ body: [UInt8], deadline: Duration) async throws -> [UInt8] {
        throw CallError(.unavailable, "no network")
    }
    func stream(_ method: UInt16, _ body: [UInt8]) async throws -> any ItemStream {
        throw CallError(.unavailable, "no network")
    }
}

/// A disk and the settings of a server that is started on it again and again.
struct TestWorld: Sendable {
    typealias Server = ReplicatedLog<TestMachine>

    let disk: MemoryDisk
    private let configuration: ConsensusConfiguration
    private let slept: Shared<[Duration]>?

    init(
        snapshotAfterBytes: UInt64 = 1 << 30, waitingCountMax: Int = 1_000_000, isBootstrapped: Bool = true,
        id: String = "s1", members: [String] = ["s1"], cacheBytesMax: Int = 64 << 20,
        tickMultiplier: Int = 1, slept: Shared<[Duration]>? = nil, beforeSync: (@Sendable () -> Void)? = nil
    ) {
        disk = MemoryDisk(beforeSync: beforeSync)
        let members = members.map { Membership.Member(id: ServerID($0), address: $0) }
        let group = isBootstrapped ? Membership(members: members) : nil
        var configuration = ConsensusConfiguration(id: ServerID(id), folder: "/data", bootstrap: group)
        configuration.log.segmentBytes = 4_096
        configuration.log.zeroedAheadBytes = 1_024
        configuration.snapshotAfterBytes = snapshotAfterBytes
        configuration.waitingCountMax = waitingCountMax
        configuration.cacheBytesMax = cacheBytesMax
        configuration.tick = .milliseconds(4)
        configuration.tickMultiplier = tickMultiplier
        self.slept = slept
        self.configuration = configuration
    }

    func open(_ machine: TestMachine, transport: any RaftTransport = NoPeers()) async throws -> Server {
        let seam = Seam(
            time: TestTime(slept: slept), random: TestRandom(), blocking: TestBlocking(), disk: disk,
            network: NoNetwork())
        return try await Server.open(configuration, machine: machine, transport: transport, seam: seam)
    }

    /// Runs a server while `body` runs.
    func run(_ body: (Server, TestMachine) async throws -> Void) async throws {
        let machine = TestMachine()
        let server = try await open(machine)
        try await run(server) { try await body(server, machine) }
    }

    func run(_ server: Server, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do { try await server.run() } catch is CancellationError {}
            }
            // An empty folder's server leads as soon as its loops run.
            try await body()
            group.cancelAll()
        }
    }
}

/// Servers joined by a transport in memory.
final class TestGroup: RaftTransport {
    private let names: [String]
    private let snapshotAfterBytes: UInt64
    private let cacheBytesMax: Int
    private let servers = Mutex<[ServerID: TestWorld.Server]>([:])
    private let machines = Mutex<[ServerID: TestMachine]>([:])
    private let isCut = Mutex<Set<ServerID>>([])

    init(_ names: [String], snapshotAfterBytes: UInt64 = 1 << 30, cacheBytesMax: Int = 64 << 20) {
        self.names = names
        self.snapshotAfterBytes = snapshotAfterBytes
        self.cacheBytesMax = cacheBytesMax
    }

    func run(_ body: @Sendable () async throws -> Void) async throws {
        for name in names {
            let machine = TestMachine()
            let world = TestWorld(
                snapshotAfterBytes: snapshotAfterBytes, id: name, members: names, cacheBytesMax: cacheBytesMax)
            let server = try await world.open(machine, transport: self)
            servers.withLock { $0[ServerID(name)] = server }
            machines.withLock { $0[ServerID(name)] = machine }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for server in servers.withLock({ Array($0.values) }) {
                group.addTask {
                    do { try await server.run() } catch is CancellationError {}
                }
            }
            try await body()
            group.cancelAll()
        }
    }

    func send(_ messages: [Message], membership: Membership) {
        let cut = isCut.withLock { $0 }
        for message in messages where !cut.contains(message.from) && !cut.contains(message.to) {
            servers.withLock { $0[message.to] }?.receive(message)
        }
    }

    func sendSnapshot(
        _ metadata: SnapshotMetadata, _ chunks: SnapshotChunks, to peer: Membership.Member, term: UInt64
    ) async -> Bool {
        guard let server = servers.withLock({ $0[peer.id] }) else { return false }
        do {
            let incoming = try await server.receiveSnapshot(metadata)
            while let chunk = try await chunks.next() { try await incoming.append(chunk) }
            try await incoming.finish()
        } catch {
            return false
        }
        server.receive(Message(from: leaderID(term: term), to: peer.id, term: term, body: .installSnapshot(metadata)))
        return true
    }

    private func leaderID(term: UInt64) -> ServerID {
        servers.withLock { servers in servers.first { $0.value.isLeader && $0.value.status.term == term }?.key }
            ?? ServerID("")
    }

    func server(_ name: String) -> TestWorld.Server? { servers.withLock { $0[ServerID(name)] } }

    func heal() { isCut.withLock { $0 = [] } }

    func cut(_ id: ServerID?) { if let id { _ = isCut.withLock { $0.insert(id) } } }

    func machine(of server: TestWorld.Server) -> TestMachine {
        let id = servers.withLock { servers in servers.first { $0.value === server }?.key }
        return id.flatMap { id in machines.withLock { $0[id] } } ?? TestMachine()
    }

    /// Waits until some server other than the one named leads.
    func leader(otherThan old: ServerID? = nil) async -> TestWorld.Server {
        while true {
            let found = servers.withLock { servers in
                servers.first { $0.key != old && $0.value.isLeader }?.value
            }
            if let found { return found }
            try? await Task.sleep(for: .milliseconds(2))
        }
    }
}
