internal import Basics
internal import Gossip
internal import Server
internal import SimulatedSeam
internal import Synchronization

/// A simulated server's part in the gossip pool: the real ``GossipNode``, its packets and streams over the simulated network.
///
/// It stands where `Membership` stands in an agent, which needs real sockets, and joins as the agent does. One life, one pool.
final class SimulatedPool: MemberPool, CallHandler {
    /// Ways on which something comes.
    private enum Way {
        static let packet: UInt16 = 0
        /// One message, answered by one or by nothing.
        static let stream: UInt16 = 1
    }

    /// A stream that the core wants opened.
    private struct Opening: Sendable {
        let id: StreamID
        let bytes: [UInt8]
        let address: GossipAddress
        let limit: Duration
    }

    private struct State {
        var node: GossipNode
        var lastAccepted: Int64 = 0
        /// Joins that were asked for, and through whom; those that were answered are gone.
        var joins: [RequestID: GossipAddress] = [:]
        var lastJoin: UInt64 = 0
        /// Who has answered a join.
        var joined: Set<GossipAddress> = []
        var hasLeft = false
    }

    /// Between two tries to join those that have not answered; the default of `retry_interval`.
    private static let retryInterval = Duration.seconds(30)
    /// How often it is looked whether the goodbye is through.
    private static let goodbyeInterval = Duration.milliseconds(100)

    private let name: String
    private let machine: String
    private let address: GossipAddress
    private let peers: [String: GossipAddress]
    private let world: SimulatedWorld
    private let seam: Seam
    private let bug: PoolBug?
    private let state: Mutex<State>
    private let openings: AsyncStream<Opening>
    private let opening: AsyncStream<Opening>.Continuation

    /// The pool of the server that `options` describe, on `machine`. All of `peers`, addresses by machine, are joined, as those that
    /// `retry_join` names; one of them is this member's own.
    init(
        machine: String, options: ServerOptions, peers: [String: GossipAddress], world: SimulatedWorld, seam: Seam,
        seed: UInt64, bug: PoolBug?
    ) {
        guard let address = peers[machine] else { preconditionFailure("\(machine) is none of \(peers)") }
        self.name = options.poolName
        self.machine = machine
        self.address = address
        self.peers = peers
        self.world = world
        self.seam = seam
        self.bug = bug
        state = Mutex(
            State(node: GossipNode(name: options.poolName, address: address, tags: options.poolTags, seed: seed)))
        (openings, opening) = AsyncStream.makeStream()
    }

    var members: [Member] { state.withLock { $0.node.memberList } }

    /// Takes part until cancelled, or until it has left.
    func run() async throws {
        take(.start)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await self.seam.network.serve(at: self.address.network, handler: self) { _ in }
                return true
            }
            group.addTask {
                await self.openStreams()
                return true
            }
            group.addTask {
                try await self.joinAll()
                return false
            }
            group.addTask {
                try await self.keepTime()
                return true
            }
            defer { group.cancelAll() }
            while let isOver = try await group.next(), !isOver {}
        }
    }

    /// Says goodbye; then ``run()`` ends.
    func leave() async throws {
        guard bug != .leavesSilently else { return state.withLock { $0.hasLeft = true } }
        take(.leave)
        while !state.withLock({ $0.hasLeft }) { try await seam.time.sleep(for: Self.goodbyeInterval) }
    }

    // MARK: - Time

    /// The core's deadline is never further than the next of its rumours, so that one that comes nearer is not missed for long.
    private func keepTime() async throws {
        while !state.withLock({ $0.hasLeft }) {
            try await seam.time.sleep(until: state.withLock { $0.node.deadline })
            take(.tick)
        }
    }

    /// Joins through everybody, and again through those that have not answered, until all have.
    private func joinAll() async throws {
        let others = peers.values.filter { $0 != address }.sorted { $0.description < $1.description }
        while true {
            let absent = state.withLock { state in others.filter { !state.joined.contains($0) } }
            guard !absent.isEmpty else { return }
            for peer in absent { join(peer) }
            try await seam.time.sleep(for: Self.retryInterval)
        }
    }

    private func join(_ peer: GossipAddress) {
        let id = state.withLock { state in
            state.lastJoin += 1
            state.joins[RequestID(state.lastJoin)] = peer
            return RequestID(state.lastJoin)
        }
        take(.join(id, peer))
    }

    // MARK: - Events in, effects out

    /// Tells the core and carries out what it asks for; returns its answer to the stream that `event` came by.
    @discardableResult
    private func take(_ event: GossipEvent) -> [UInt8]? {
        let effects = state.withLock { $0.node.step(event, at: seam.time.uptime) }
        var answer: [UInt8]?
        for effect in effects {
            switch effect {
            case .send(let packet, let peer): world.network.send(Way.packet, packet, from: machine, to: peer.network)
            case .open(let id, let bytes, let peer, let limit):
                opening.yield(Opening(id: id, bytes: bytes, address: peer, limit: limit))
            case .reply(_, let bytes): answer = bytes
            case .report(let event): world.trace.record("pool \(name) \(event.line)")
            case .joinEnded(let id, let failure):
                state.withLock { state in
                    let peer = state.joins.removeValue(forKey: id)
                    if failure == nil, let peer { state.joined.insert(peer) }
                }
            case .left: state.withLock { $0.hasLeft = true }
            case .close, .note, .userEvent, .changeKeyring, .keysEnded: break
            }
        }
        return answer
    }

    func handle(_ method: UInt16, _ body: [UInt8], from caller: CallOrigin) async throws -> [UInt8] {
        let source = peers[caller.address] ?? address
        guard bug != .isDeaf else { throw CallError(.unavailable, "deaf") }
        guard method == Way.stream else {
            take(.packet(body, from: source))
            return []
        }
        let id = state.withLock { state in
            state.lastAccepted -= 1
            return StreamID(state.lastAccepted)
        }
        guard let answer = take(.request(id, try Self.message(body), from: source)) else {
            throw CallError(.unavailable, "the stream was closed")
        }
        return answer
    }

    func handleStream(_ method: UInt16, _ body: [UInt8], from caller: CallOrigin, to sink: any ItemSink) async throws {
        throw CallError(.unsupported, "gossip's streams are single messages")
    }

    // MARK: - Streams of this member

    private func openStreams() async {
        await withDiscardingTaskGroup { group in
            for await opening in openings { group.addTask { await self.open(opening) } }
            group.cancelAll()
        }
    }

    private func open(_ opening: Opening) async {
        do {
            let peer = seam.network.peer(at: opening.address.network)
            let answer = try await peer.call(Way.stream, opening.bytes, deadline: opening.limit)
            take(.response(opening.id, try Self.message(answer)))
        } catch {
            take(.streamFailed(opening.id, "\(error)"))
        }
    }

    private static func message(_ bytes: [UInt8]) throws -> StreamMessage {
        var decoder = StreamDecoder()
        guard let message = try decoder.append(bytes) else { throw CallError(.invalid, "half a message") }
        return message
    }
}

extension GossipAddress {
    fileprivate var network: NetworkAddress { NetworkAddress(host: host, port: Int(port)) }
}

extension MemberEvent {
    /// For the trace.
    fileprivate var line: String {
        switch self {
        case .joined(let member): "joined \(member.name)"
        case .left(let member): "left \(member.name)"
        case .failed(let member): "failed \(member.name)"
        case .updated(let member): "updated \(member.name)"
        case .reaped(let member): "reaped \(member.name)"
        }
    }
}
