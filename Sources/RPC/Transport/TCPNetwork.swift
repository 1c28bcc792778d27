package import Basics
internal import Connections
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// The real network: calls over framed TCP connections, with mutual TLS when given a ``TransportSecurity``.
///
/// One connection a peer carries all calls to it. Event loops are NIO's shared ones; handlers run in the task tree of
/// ``serve(at:handler:ready:)``.
package final class TCPNetwork: Network {
    private let settings: TransportSettings
    private let security: TransportSecurity?
    private let report: @Sendable (_ address: String, _ reason: String) -> Void
    private let limiter: ConnectionLimiter
    private let budget: ByteBudget
    private let group: any EventLoopGroup
    private let state = Mutex(State())

    private struct State {
        var peers: [PeerKey: TCPPeer] = [:]
        var sessions: [ObjectIdentifier: Accepted] = [:]
        var listeners: [any Channel] = []
        var listenerCount = 0
        var isDraining = false
    }

    /// Peers remembered by address; beyond this each call site gets its own connection.
    private static let peersMax = 4_096

    /// `report` is told of callers that were turned away, each time.
    package init(
        settings: TransportSettings = TransportSettings(), security: TransportSecurity? = nil,
        report: @escaping @Sendable (_ address: String, _ reason: String) -> Void = { _, _ in }
    ) {
        self.settings = settings
        self.security = security
        self.report = report
        limiter = ConnectionLimiter(
            perClientMax: settings.connectionsPerClientMax, totalMax: settings.connectionsMax)
        budget = ByteBudget(bytesMax: settings.receivedBytesMax)
        group = MultiThreadedEventLoopGroup.singleton
    }

    package func peer(at address: NetworkAddress) -> any Peer { peer(PeerKey(address: address), security) }

    package func peer(at address: NetworkAddress, region: String) -> any Peer {
        peer(PeerKey(address: address, region: region), security?.towards(region))
    }

    private func peer(_ key: PeerKey, _ security: TransportSecurity?) -> TCPPeer {
        state.withLock { state in
            if let known = state.peers[key] { return known }
            let peer = TCPPeer(address: key.address, settings: settings, group: group, security: security)
            if state.peers.count < TCPNetwork.peersMax { state.peers[key] = peer }
            return peer
        }
    }

    private struct PeerKey: Hashable {
        let address: NetworkAddress
        /// Nil for this agent's own.
        var region: String?
    }

    /// Bytes of unfinished frames and of requests under way on accepted connections.
    package var receivedBytes: Int { budget.bytesTaken }

    // MARK: - Serving

    package func serve(
        at address: NetworkAddress, handler: any CallHandler, ready: @escaping @Sendable (NetworkAddress) -> Void
    ) async throws {
        let (accepted, arrivals) = AsyncStream.makeStream(of: Accepted.self)
        let number = state.withLock { state in
            state.listenerCount += 1
            return state.listenerCount
        }
        let listener = try await bind(address, number: number, arrivals)
        let isDraining = state.withLock { state in
            state.listeners.append(listener)
            return state.isDraining
        }
        if isDraining { listener.close(promise: nil) }
        listener.closeFuture.whenComplete { _ in arrivals.finish() }
        ready(NetworkAddress(host: address.host, port: listener.localAddress?.port ?? address.port))
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                for await connection in accepted { group.addTask { await self.run(connection, handler) } }
            }
        } onCancel: {
            listener.close(promise: nil)
        }
        // The port is free once this returns.
        try? await listener.closeFuture.get()
        let left = state.withLock { state in
            state.listeners.removeAll { $0 === listener }
            return state.sessions.filter { $0.value.listener == number }
        }
        // Accepted in the last moment, and never served.
        for (id, connection) in left {
            connection.channel.close(promise: nil)
            state.withLock { $0.sessions[id] = nil }
        }
    }

    private struct Accepted: Sendable {
        let session: ServerSession
        let channel: any Channel
        /// Which call of ``serve(at:handler:ready:)`` it belongs to.
        let listener: Int
    }

    private func run(_ connection: Accepted, _ handler: any CallHandler) async {
        await withTaskCancellationHandler {
            await connection.session.run(handler)
        } onCancel: {
            connection.channel.close(promise: nil)
        }
        connection.channel.close(promise: nil)
        state.withLock { _ = $0.sessions.removeValue(forKey: ObjectIdentifier(connection.session)) }
    }

    private func bind(
        _ address: NetworkAddress, number: Int, _ arrivals: AsyncStream<Accepted>.Continuation
    ) async throws -> any Channel {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { [weak self] channel in
                channel.eventLoop.makeCompletedFuture { try self?.accept(channel, listener: number, arrivals) }
            }
        do {
            return try await bootstrap.bind(host: address.host, port: address.port).get()
        } catch {
            let text =
                "cannot listen at \(address): \(error); is another agent running, or the address not this machine's?"
            throw CallError(.conflict, text)
        }
    }

    private func accept(
        _ channel: any Channel, listener: Int, _ arrivals: AsyncStream<Accepted>.Continuation
    ) throws {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(AdmissionHandler(limiter: limiter, isPlain: security == nil, report: report))
        guard let security else { return try begin(channel, security: nil, listener: listener, arrivals) }
        let timeout = TimeAmount.nanoseconds(settings.handshakeTimeout.nanosecondCount)
        let report = report
        let detector = TLSDetector(timeout: timeout) {
            let address = channel.remoteAddress?.ipAddress ?? "unknown"
            report(address, "nothing was said within \(timeout.nanoseconds / 1_000_000) ms")
        } decide: { [weak self] isTLS, context in
            guard isTLS || security.allowsPlain else {
                report(context.remoteAddress?.ipAddress ?? "unknown", TCPNetwork.needsTLS)
                var answer = ByteBuffer()
                Frame.write(.error, id: 0, body: CallError(.undone, TCPNetwork.needsTLS).frameBody, to: &answer)
                return .refuse(Array(answer.readableBytesView))
            }
            try self?.begin(context.channel, security: isTLS ? security : nil, listener: listener, arrivals)
            return .goOn
        }
        try pipeline.addHandler(detector)
    }

    /// Told to callers without TLS, and of them.
    private static let needsTLS = "this port speaks TLS only, and the other end does not; set tls.rpc at both ends"

    /// Sets up a connection of which is known whether it is under TLS.
    private func begin(
        _ channel: any Channel, security: TransportSecurity?, listener: Int,
        _ arrivals: AsyncStream<Accepted>.Continuation
    ) throws {
        let session = ServerSession(settings: settings, budget: budget)
        let connection = Accepted(session: session, channel: channel, listener: listener)
        let isDraining = state.withLock { state in
            if !state.isDraining { state.sessions[ObjectIdentifier(session)] = connection }
            return state.isDraining
        }
        guard !isDraining else { throw CallError(.undone, "the server is shutting down") }
        let pipeline = channel.pipeline.syncOperations
        if let security { try pipeline.addHandler(security.source.current.serverHandler(asksCertificate: true)) }
        let gate = ConnectionGate(
            refusal: { names, hello in security?.refusalOfCaller(names, role: hello.role) },
            region: { security?.region(of: $0) }, report: report, budget: budget)
        try pipeline.addHandler(ConnectionHandler(session: session, settings: settings, gate: gate))
        arrivals.yield(connection)
    }

    // MARK: - Stopping

    /// Ends gracefully: no new connections or calls, an answer for those under way, at most
    /// ``TransportSettings/drainTimeout``. Afterwards
    /// ``serve(at:handler:ready:)`` returns by itself.
    package func drain(time: any TimeSource) async {
        let (listeners, sessions) = state.withLock { state in
            state.isDraining = true
            return (state.listeners, state.sessions.values.map { $0 })
        }
        for listener in listeners { listener.close(promise: nil) }
        for entry in sessions { entry.session.drain() }
        let end = time.uptime + settings.drainTimeout
        while time.uptime < end, sessions.contains(where: { !$0.session.isIdle && $0.channel.isActive }) {
            do { try await time.sleep(for: .milliseconds(10)) } catch { break }
        }
        for entry in sessions { entry.channel.close(promise: nil) }
    }

    /// Ends every connection others made, at once; calls under way on them fail. They may connect again.
    package func disconnectAll() {
        let sessions = state.withLock { Array($0.sessions.values) }
        for connection in sessions { connection.channel.close(promise: nil) }
    }

    /// Ends every connection this end made; calls under way fail.
    package func disconnect() {
        let peers = state.withLock { Array($0.peers.values) }
        for peer in peers { peer.stop() }
    }
}
