internal import Basics
internal import Connections
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// The far end at one address: connects at the first call, and again after a failure, with growing pauses.
final class TCPPeer: Peer {
    private let address: NetworkAddress
    private let settings: TransportSettings
    private let group: any EventLoopGroup
    private let security: TransportSecurity?
    private let state: Mutex<State>

    private struct State {
        var session: ClientSession?
        var backoff: Backoff
        var retryAt = NIODeadline.uptimeNanoseconds(0)
        var lastFailure = ""
        var isStopped = false
        /// Whether the next connection is to be a plain one, where both kinds are allowed.
        var isPlainNext = false
    }

    init(
        address: NetworkAddress, settings: TransportSettings, group: any EventLoopGroup,
        security: TransportSecurity?
    ) {
        self.address = address
        self.settings = settings
        self.group = group
        self.security = security
        state = Mutex(State(backoff: Backoff(base: settings.retryBase, limit: settings.retryLimit)))
    }

    func call(_ method: UInt16, _ body: [UInt8], deadline: Duration) async throws -> [UInt8] {
        try await session().call(method, body, deadline: deadline)
    }

    func stream(_ method: UInt16, _ body: [UInt8]) async throws -> any ItemStream {
        try session().stream(method, body)
    }

    /// A session that takes calls; they wait in it while it connects.
    private func session() throws -> ClientSession {
        let (session, isNew, isPlain) = try state.withLock { state -> (ClientSession, Bool, Bool) in
            if let session = state.session, session.isUsable { return (session, false, false) }
            guard !state.isStopped else { throw CallError(.unavailable, "this agent is shutting down") }
            let pause = state.retryAt - .now()
            guard pause <= .zero else {
                let left = Duration.nanoseconds(pause.nanoseconds / 1_000_000 * 1_000_000)
                throw CallError(
                    .undone, "\(address) cannot be reached (\(state.lastFailure)); next attempt in \(left.goText)")
            }
            let session = ClientSession(settings: settings, address: address, loop: group.next()) { [weak self] in
                self?.ended($0, reason: $1, wasOpen: $2)
            }
            state.session = session
            return (session, true, state.isPlainNext)
        }
        if isNew { connect(session, security: isPlain ? nil : security) }
        return session
    }

    private func connect(_ session: ClientSession, security: TransportSecurity?) {
        let settings = settings
        ClientBootstrap(group: session.eventLoop)
            .connectTimeout(.nanoseconds(settings.connectTimeout.nanosecondCount))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let security { try pipeline.addHandler(security.source.current.clientHandler()) }
                    let gate = ConnectionGate(refusal: { names, _ in security?.refusalOfServer(names) })
                    try pipeline.addHandler(ConnectionHandler(session: session, settings: settings, gate: gate))
                }
            }
            .connect(host: address.host, port: address.port)
            .whenFailure { session.closed($0.connectionText, isUndone: true) }
    }

    private func ended(_ session: ClientSession, reason: String, wasOpen: Bool) {
        var generator = SystemRandomNumberGenerator()
        state.withLock { state in
            guard state.session === session else { return }
            state.session = nil
            state.lastFailure = reason
            if wasOpen { state.backoff.reset() } else if security?.allowsPlain == true { state.isPlainNext.toggle() }
            state.retryAt = .now() + .nanoseconds(state.backoff.next(using: &generator).nanosecondCount)
        }
    }

    /// Ends the connection, and with it every call under way.
    func stop() {
        let session = state.withLock { state in
            state.isStopped = true
            return state.session
        }
        session?.stop()
    }
}

extension Error {
    /// NIO's connection errors in few words.
    var connectionText: String {
        if let error = self as? NIOConnectionError {
            let unresolved = "the name \(error.host) has no address" + (error.dnsAError.map { ": \($0)" } ?? "")
            return error.connectionErrors.first.map { "\($0.error)" } ?? unresolved
        }
        if case .connectTimeout(let time) = self as? ChannelError {
            return "no connection within \(time.nanoseconds / 1_000_000) ms"
        }
        return "\(self)"
    }
}
