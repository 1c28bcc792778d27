package import Basics
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// The real network: calls over framed TCP connections, with mutual TLS when given a ``TransportSecurity``.
///
/// One connection a peer carries all calls to it. Event loops are NIO's shared ones; handlers run in the task tree of
/// ``serve(at:handler:ready:)``.
package final class TCPNetwork: Network {
    private let settings: TransportSettings
    private let group: any EventLoopGroup
    private let state: Mutex<State>

    private struct State {
        var security: SecurityContext?
        var peers: [NetworkAddress: TCPPeer] = [:]
        var sessions: [ObjectIdentifier: Accepted] = [:]
        var listeners: [any Channel] = []
        var listenerCount = 0
        var isDraining = false
    }

    /// Peers remembered by address; beyond this each call site gets its own connection.
    private static let peersMax = 4_096

    /// Throws when the certificates cannot be used, naming the file.
    package init(settings: TransportSettings = TransportSettings(), security: TransportSecurity? = nil) throws {
        self.settings = settings
        group = MultiThreadedEventLoopGroup.singleton
        state = Mutex(State(security: try security.map { try SecurityContext($0) }))
    }

    /// Uses other certificates for connections from now on.
    package func replaceSecurity(_ security: TransportSecurity?) throws {
        let context = try security.map { try SecurityContext($0) }
        state.withLock { $0.security = context }
    }

    package func peer(at address: NetworkAddress) -> any Peer {
        state.withLock { state in
            if let known = state.peers[address] { return known }
            let peer = TCPPeer(address: address, settings: settings, group: group) { [weak self] in self?.security }
            if state.peers.count < TCPNetwork.peersMax { state.peers[address] = peer }
            return peer
        }
    }

    private var security: SecurityContext? { state.withLock { $0.security } }

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
        let session = ServerSession(settings: settings)
        let connection = Accepted(session: session, channel: channel, listener: listener)
        let (isAdmitted, security) = state.withLock { state -> (Bool, SecurityContext?) in
            guard state.sessions.count < settings.connectionsMax, !state.isDraining else { return (false, nil) }
            state.sessions[ObjectIdentifier(session)] = connection
            return (true, state.security)
        }
        guard isAdmitted else { throw CallError(.limited, "\(settings.connectionsMax) connections are open") }
        let pipeline = channel.pipeline.syncOperations
        if let security { try pipeline.addHandler(security.serverHandler()) }
        let refusal: @Sendable ([String]) -> String? = { security?.refusalOfCaller($0) }
        try pipeline.addHandler(ConnectionHandler(session: session, settings: settings, refusal: refusal))
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
