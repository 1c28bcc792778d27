import Basics
import Consensus
import Logging
import RPC
import Raft
import SimulatedSeam
import Synchronization
import Testing

@testable import Server

/// Servers on simulated time, disks and network that find each other.
final class SimulatedServers: Sendable {
    /// Of one of them.
    struct Settings: Sendable {
        var number: Int
        var expect = 3
        var region = "global"
        var join = [1, 2, 3]
        var id: String?
        var name: String?
        var pool: FakePool?
        /// It answers as a release does that knows no workers of other servers and no batches of heartbeats.
        var isEarlier = false
    }

    /// What a server hears from others, counted.
    private struct Ear: CallHandler {
        let server: ServerAgent
        let isEarlier: Bool
        let heard: @Sendable (CallMethod) -> Void

        func handle(_ method: UInt16, _ body: [UInt8], from caller: CallOrigin) async throws -> [UInt8] {
            let later: [CallMethod] = [.takeEvaluation, .submitPlan, .finishEvaluation, .heartbeatBatch]
            if let known = CallMethod(rawValue: method) { heard(known) }
            guard !isEarlier || !later.contains(where: { $0.rawValue == method }) else {
                throw CallError(.unsupported, "this server knows no call number \(method)")
            }
            return try await server.handle(method, body, from: caller)
        }

        func handleStream(
            _ method: UInt16, _ body: [UInt8], from caller: CallOrigin, to sink: any ItemSink
        ) async throws {
            try await server.handleStream(method, body, from: caller, to: sink)
        }
    }

    let world: SimulatedWorld
    private let disks = Mutex<[Int: SimulatedDisk]>([:])
    private let servers = Mutex<[Int: ServerAgent]>([:])
    private let heard = Mutex<[CallMethod: Int]>([:])

    init(seed: UInt64 = 1) { world = SimulatedWorld(seed: seed) }

    static func address(_ number: Int) -> NetworkAddress { NetworkAddress(host: "192.0.2.\(number)", port: 4647) }

    subscript(number: Int) -> ServerAgent? { servers.withLock { $0[number] } }

    /// How often one server has made such a call to another.
    func calls(_ method: CallMethod) -> Int { heard.withLock { $0[method] ?? 0 } }

    var all: [ServerAgent] { servers.withLock { $0.sorted { $0.key < $1.key }.map(\.value) } }

    /// Opens and runs a server until its task is cancelled; with the same number again on the same disk.
    func run(_ settings: Settings) async throws {
        var options = ServerOptions(folder: "/data/server")
        options.id = settings.id ?? "id-\(settings.number)"
        options.name = settings.name ?? "server-\(settings.number)"
        options.region = settings.region
        options.expect = settings.expect
        options.rpcAddress = Self.address(settings.number)
        options.join = settings.join.map(Self.address)
        // No snapshot but those that are asked for, and a log that soon has segments to let go.
        options.snapshotAfterBytes = 1 << 30
        options.logSegmentBytes = 64 << 10
        let disk = disks.withLock { disks in
            let disk = disks[settings.number]?.processDeath() ?? SimulatedDisk()
            disks[settings.number] = disk
            return disk
        }
        let seam = world.seam(disk: disk, name: "server-\(settings.number)")
        let server = try await ServerAgent.open(
            options, seam: seam, placers: FakeSchedulers(),
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, pool: settings.pool)
        servers.withLock { $0[settings.number] = server }
        defer { servers.withLock { $0[settings.number] = nil } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            let address = Self.address(settings.number)
            let handler = Ear(server: server, isEarlier: settings.isEarlier) { method in
                self.heard.withLock { $0[method, default: 0] += 1 }
            }
            group.addTask { try await seam.network.serve(at: address, handler: handler) { _ in } }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Runs `body` while the servers run.
    static func run(
        _ settings: [Settings], seed: UInt64 = 1, _ body: @escaping @Sendable (SimulatedServers) async throws -> Void
    ) throws {
        let group = SimulatedServers(seed: seed)
        try group.world.run {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for one in settings { tasks.addTask { try? await group.run(one) } }
                try await body(group)
                tasks.cancelAll()
            }
        }
    }

    func sleep(_ duration: Duration) async throws { try await world.loop.sleep(for: duration) }

    /// Waits up to a simulated minute.
    func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
        for _ in 0..<600 {
            if try await condition() { return }
            try await sleep(.milliseconds(100))
        }
        Issue.record("not within a minute: \(what)")
    }

    /// Whether all these servers are voters of one cluster, and all know it.
    func isFormed(_ numbers: [Int]) -> Bool {
        let agents = numbers.compactMap { self[$0] }
        let ids = Set(numbers.map { ServerID("id-\($0)") })
        return agents.count == numbers.count && Set(agents.map { $0.allegiance.cluster }).count == 1
            && agents.allSatisfy { Set($0.consensus.status.membership.voters) == ids }
            && agents.contains { $0.isLeader }
    }

    func snapshots(of number: Int) throws -> [String] {
        try disks.withLock { $0[number] }?.list("/data/server/raft/snapshots") ?? []
    }

    var leader: ServerAgent? { all.first { $0.isLeader } }
}
