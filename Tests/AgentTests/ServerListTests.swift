import Basics
import RPC
import Synchronization
import Testing

/// Servers that answer as told, and what they were asked.
private final class ScriptedNetwork: Network {
    enum Behaviour {
        case answers
        case fails(CallError.Code)
        /// It answers, and knows of no leader.
        case isLeaderless

        var knowsLeader: Bool { if case .isLeaderless = self { false } else { true } }
    }

    let behaviour: Mutex<[NetworkAddress: Behaviour]>
    let asked = Mutex<[NetworkAddress]>([])
    let known: [String]
    /// While closed, heartbeats wait for their answer.
    let gate = Gate()

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

/// Open at first.
private final class Gate: Sendable {
    private struct State {
        var isClosed = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var waitingCount: Int { state.withLock { $0.waiting.count } }

    func close() { state.withLock { $0.isClosed = true } }

    func open() {
        let waiting = state.withLock { state in
            state.isClosed = false
            defer { state.waiting = [] }
            return state.waiting
        }
        for one in waiting { one.resume() }
    }

    func pass() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if state.isClosed { state.waiting.append(continuation) }
                return !state.isClosed
            }
            if isOpen { continuation.resume() }
        }
    }
}

private struct ScriptedPeer: Peer {
    let network: ScriptedNetwork
    let address: NetworkAddress

    func call(_ method: UInt16, _ body: [UInt8], deadline: Duration) async throws -> [UInt8] {
        network.asked.withLock { $0.append(address) }
        if case .fails(let code) = network.behaviour.withLock({ $0[address] }) { throw CallError(code, "as told") }
        if method == CallMethod.query.rawValue {
            var reply = QueryReply()
            reply.knownLeader = network.behaviour.withLock { $0[address]?.knowsLeader } ?? true
            return reply.jsonBytes
        }
        await network.gate.pass()
        var reply = RegisterNodeReply()
        reply.servers = network.known
        return reply.jsonBytes
    }

    func stream(_ method: UInt16, _ body: [UInt8]) async throws -> any ItemStream {
        throw CallError(.unsupported, "no streams here")
    }
}

private final class SeededRandom: RandomSource {
    private let generator: Mutex<SeededGenerator>

    init(_ seed: UInt64) { generator = Mutex(SeededGenerator(seed: seed)) }

    func next() -> UInt64 { generator.withLock { $0.next() } }
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

    /// The present servers of many lists.
    private static func loads(_ lists: [ServerList]) -> [NetworkAddress: Int] {
        Dictionary(lists.map { ($0.servers[0], 1) }, uniquingKeysWith: +)
    }

    /// A server that was away gets its share again, and none goes to one that does not answer or knows no leader.
    @Test func theLoadSpreadsWhenAServerIsBack() async throws {
        let network = ScriptedNetwork([Self.a: .fails(.undone), Self.b: .isLeaderless])
        let lists = (0..<300).map {
            ServerList([Self.a, Self.b, Self.c], network: network, start: 2, random: SeededRandom(UInt64($0)))
        }
        for list in lists { await list.chooseAnew() }
        #expect(Self.loads(lists) == [Self.c: 300])
        network.behaviour.withLock { $0 = [:] }
        for list in lists { await list.chooseAnew() }
        let loads = Self.loads(lists)
        #expect([Self.a, Self.b, Self.c].allSatisfy { (70...130).contains(loads[$0] ?? 0) }, "\(loads)")
    }

    /// What was asked before a move is answered by the server that was asked.
    @Test func aMoveEndsNoCall() async throws {
        let network = ScriptedNetwork([:])
        let list = ServerList([Self.a, Self.b], network: network, random: SeededRandom(1))
        network.gate.close()
        async let answer = list.call(Heartbeat(), context: CallContext())
        while network.gate.waitingCount == 0 { await Task.yield() }
        for _ in 0..<10 where list.servers[0] == Self.a { await list.chooseAnew() }
        #expect(list.servers[0] == Self.b)
        network.gate.open()
        _ = try await answer
        #expect(list.servers[0] == Self.b && network.take().filter { $0 == Self.a }.count == 1)
        try await Self.beat(list)
        #expect(network.take() == [Self.b])
    }

    /// Without randomness, as in tests that follow one server, nobody moves.
    @Test func whoHasNoRandomnessStays() async {
        let list = ServerList([Self.a, Self.b], network: ScriptedNetwork([:]))
        for _ in 0..<10 { await list.chooseAnew() }
        #expect(list.servers[0] == Self.a)
    }
}
