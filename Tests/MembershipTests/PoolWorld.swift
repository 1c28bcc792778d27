import Basics
import Gossip
import Linux
import Logging

@testable import Membership

/// The machine's clock, threads and disk; these tests call nobody by RPC.
let systemSeam = Seam.system(network: NoNetwork())

/// Says nothing.
let quietLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

private struct NoNetwork: Network {
    func peer(at address: NetworkAddress) -> any Peer { NoPeer() }

    func serve(
        at address: NetworkAddress, handler: any CallHandler, ready: @escaping @Sendable (NetworkAddress) -> Void
    ) async throws { throw CallError(.unsupported, "no network here") }
}

private struct NoPeer: Peer {
    func call(_ method: UInt16, _ body: [UInt8], deadline: Duration) async throws -> [UInt8] {
        throw CallError(.unsupported, "no network here")
    }

    func stream(_ method: UInt16, _ body: [UInt8]) async throws -> any ItemStream {
        throw CallError(.unsupported, "no network here")
    }
}

/// A member on the loopback interface, run beside a test's body.
struct TestMember {
    let pool: GossipPool
    let address: String
    /// What became of the pool, in order.
    let events: AsyncStream<MemberEvent>
    private let stopping: AsyncStream<Void>.Continuation

    /// Ends without a word, as a killed process does.
    func stop() { stopping.finish() }

    /// Runs `body` with members of `configurations`, all entered, and ends them.
    static func with(
        _ configurations: [PoolConfiguration], _ body: @escaping @Sendable ([TestMember]) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var members: [TestMember] = []
            for configuration in configurations {
                let pool = try GossipPool(configuration, seam: systemSeam, log: quietLogger)
                let (stopped, stopping) = AsyncStream.makeStream(of: Void.self)
                let (entered, entering) = AsyncStream.makeStream(of: String.self)
                let events = pool.events()
                group.addTask {
                    await withTaskGroup(of: Void.self) { race in
                        race.addTask {
                            do {
                                try await pool.run { entering.yield("\($0)") }
                            } catch {
                                entering.yield("failed: \(error)")
                            }
                        }
                        race.addTask { for await _ in stopped {} }
                        await race.next()
                        race.cancelAll()
                    }
                }
                var iterator = entered.makeAsyncIterator()
                let address = await iterator.next() ?? ""
                members.append(TestMember(pool: pool, address: address, events: events, stopping: stopping))
            }
            try await body(members)
            for member in members { member.stop() }
            try await group.waitForAll()
        }
    }

    /// Member `name` at a free port, with times a tenth of the usual.
    static func configuration(
        _ name: String, tags: [String: String] = [:], keys: [[UInt8]] = [], label: String = ""
    ) throws -> PoolConfiguration {
        var configuration = PoolConfiguration(
            name: name, bind: NetworkAddress(host: "127.0.0.1", port: 0), tags: tags,
            keyring: keys.isEmpty ? nil : try Keyring(keys: keys))
        configuration.label = label
        configuration.settings.probeInterval = .milliseconds(200)
        configuration.settings.probeTimeout = .milliseconds(100)
        configuration.settings.gossipInterval = .milliseconds(20)
        configuration.settings.leavePropagateDelay = .milliseconds(200)
        configuration.settings.streamTimeout = .seconds(3)
        return configuration
    }

    /// What the member lists, as `name:status`.
    var listing: [String] { pool.members.map { "\($0.name):\($0.status)" } }
}

/// Waits until `condition` holds, looked at every 20 ms; false after `limit`.
func holds(within limit: Duration, _ condition: () async throws -> Bool) async throws -> Bool {
    let end = systemSeam.time.uptime + limit
    while systemSeam.time.uptime < end {
        if try await condition() { return true }
        try await systemSeam.time.sleep(for: .milliseconds(20))
    }
    return try await condition()
}
