import Basics
import RPC
import Synchronization
import Testing

/// Servers that answer as told, and what they were asked.
private final class ScriptedNetwork: Network {
    enum Behaviour {
        case answers
        case fails(CallError.Code)
    }

    let behaviour: Mutex<[NetworkAddress: Behaviour]>
    let asked = Mutex<[NetworkAddress]>([])
    let known: [String]

    init(_ behaviour: [NetworkAddress: Behaviour], known: [String] = []) {
        self.behaviour = Mutex(behaviour)
        self.known = known
    }

    func peer(at address: NetworkAddress) -> any Peer { ScriptedPeer(network: self, address: address) }

    func serve(
        at address: NetworkAddress, handler: any CallHandler, ready: @escaping @Sendable (NetworkAddress) -> Void
    ) async throws {}

    func take() -> [NetworkAddress] {
        asked.withLock { asked in
            defer { asked = [] }
            return asked
        }
    }
}

private struct ScriptedPeer: Peer {
    let network: ScriptedNetwork
    let address: NetworkAddress

    func call(_ method: UInt16, _ body: [UInt8], deadline: Duration) async throws -> [UInt8] {
        network.asked.withLock { $0.append(address) }
        if case .fails(let code) = network.behaviour.withLock({ $0[address] }) { throw CallError(code, "as told") }
        var reply = RegisterNodeReply()
        reply.servers = network.known
        return reply.jsonBytes
    }

    func stream(_ method: UInt16, _ body: [UInt8]) async throws -> any ItemStream {
        throw CallError(.unsupported, "no streams here")
    }
}

private struct FixedRandom: RandomSource {
    let number: UInt64

    func next() -> UInt64 { number }
}

struct ServerListTests {
    private static let (a, b, c) = (
        NetworkAddress(host: "a", port: 1), NetworkAddress(host: "b", port: 1), NetworkAddress(host: "c", port: 1)
    )

    private static func beat(_ list: ServerList) async throws {
        _ = try await list.call(Heartbeat(), context: CallContext())
    }

    @Test func whatWasNotDoneIsAskedOfTheNext() async throws {
        let network = ScriptedNetwork([Self.a: .fails(.undone)])
        let list = ServerList([Self.a, Self.b], network: network)
        try await Self.beat(list)
        #expect(network.take() == [Self.a, Self.b])
        try await Self.beat(list)
        #expect(network.take() == [Self.b], "it stays with the one that answers")
    }

    /// Whatever may have been carried out is not asked twice; the next call goes elsewhere.
    @Test(arguments: [CallError.Code.unavailable, .deadline])
    func noCallIsDoubled(code: CallError.Code) async throws {
        let network = ScriptedNetwork([Self.a: .fails(code)])
        let list = ServerList([Self.a, Self.b], network: network)
        let error = await #expect(throws: CallError.self) { try await Self.beat(list) }
        #expect(error?.code == code && network.take() == [Self.a])
        try await Self.beat(list)
        #expect(network.take() == [Self.b])
    }

    @Test func aRefusalIsNoReasonToLeave() async throws {
        let network = ScriptedNetwork([Self.a: .fails(.conflict)])
        let list = ServerList([Self.a, Self.b], network: network)
        for _ in 0..<2 { await #expect(throws: CallError.self) { try await Self.beat(list) } }
        #expect(network.take() == [Self.a, Self.a])
    }

    @Test func oneServerNamesAll() async throws {
        let network = ScriptedNetwork([:], known: ["a:1", "b:1", "c:1", "no port:x"])
        let list = ServerList([Self.b], network: network)
        try await Self.beat(list)
        #expect(list.servers == [Self.b, Self.c, Self.a], "the present one first")
        network.behaviour.withLock { $0 = [Self.b: .fails(.undone), Self.c: .fails(.undone)] }
        _ = network.take()
        try await Self.beat(list)
        #expect(network.take() == [Self.b, Self.c, Self.a])
    }

    @Test func whenNobodyDoesItTheLastSaysWhy() async throws {
        let network = ScriptedNetwork([Self.a: .fails(.undone), Self.b: .fails(.undone)])
        let error = await #expect(throws: CallError.self) {
            try await Self.beat(ServerList([Self.a, Self.b], network: network))
        }
        #expect(error?.code == .undone && network.take() == [Self.a, Self.b])
        let nobody = await #expect(throws: CallError.self) { try await Self.beat(ServerList([], network: network)) }
        #expect(nobody?.message.contains("No known servers") == true)
    }

    @Test func clientsSpreadOut() {
        let starts = (0..<3).map {
            ServerList([Self.a, Self.b, Self.c], network: ScriptedNetwork([:]), start: $0).servers[0]
        }
        #expect(starts == [Self.a, Self.b, Self.c])
    }

    /// All clients of a server that fails turn to all others, so that a rolling restart does not gather them on one.
    @Test func whoLosesItsServerGoesAnywhere() async throws {
        var found: Set<NetworkAddress> = []
        for seed in UInt64(1)...20 {
            let network = ScriptedNetwork([Self.a: .fails(.undone)])
            let list = ServerList([Self.a, Self.b, Self.c], network: network, random: FixedRandom(number: seed))
            try await Self.beat(list)
            found.insert(list.servers[0])
        }
        #expect(found == [Self.b, Self.c])
    }
}
