internal import Basics
internal import Gossip
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// The sockets: one for packets, one for streams, both at one port. All on the loop.
extension GossipPool {
    // MARK: - Binding

    /// Takes the same port for streams and packets; a free one for both when any will do.
    func bind() async throws(PoolError) -> (listener: any Channel, packets: any Channel) {
        var failure = ""
        // A port free for TCP may be taken for UDP: then another is tried.
        for _ in 0..<(configuration.bind.port == 0 ? 16 : 1) {
            do {
                let listener = try await bindStreams()
                do {
                    return (listener, try await bindPackets(port: listener.localAddress?.port ?? 0))
                } catch {
                    listener.close(promise: nil)
                    throw error
                }
            } catch {
                failure = "\(error)"
            }
        }
        throw .bind(configuration.bind, failure)
    }

    private func bindStreams() async throws -> any Channel {
        try await ServerBootstrap(group: loop, childGroup: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { [weak self] channel in
                channel.eventLoop.makeCompletedFuture { try self?.accept(channel) }
            }
            .bind(host: configuration.bind.host, port: configuration.bind.port).get()
    }

    private func bindPackets(port: Int) async throws -> any Channel {
        try await DatagramBootstrap(group: loop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536))
            .channelInitializer { [weak self] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        PacketHandler { bytes, source in self?.receive(bytes, from: source) })
                }
            }
            .bind(host: configuration.bind.host, port: port).get()
    }

    // MARK: - Packets

    private func receive(_ bytes: [UInt8], from socket: SocketAddress) {
        guard let source = GossipAddress(socket) else { return }
        let envelope = state.withLock { $0.envelope }
        do throws(EnvelopeError) {
            handle(.packet(try envelope.openPacket(bytes), from: source))
        } catch {
            state.withLock { $0.notes.refused(error, from: source, at: seam.time.uptime) }
        }
    }

    func send(_ packet: [UInt8], to address: GossipAddress) {
        let (envelope, channel) = state.withLock { ($0.envelope, $0.running?.packets) }
        guard let channel, let socket = address.socket, let sealed = try? envelope.sealPacket(packet) else { return }
        let datagram = AddressedEnvelope(remoteAddress: socket, data: ByteBuffer(bytes: sealed))
        channel.writeAndFlush(datagram, promise: nil)
    }

    // MARK: - Streams of others

    private func accept(_ channel: any Channel) throws {
        guard let remote = channel.remoteAddress, let source = GossipAddress(remote) else {
            channel.close(promise: nil)
            return
        }
        let admitted = state.withLock { state -> (StreamID, Envelope)? in
            guard let running = state.running, running.accepted.count < GossipPool.acceptedMax else { return nil }
            let number = running.lastAccepted - 1
            state.running?.lastAccepted = number
            state.running?.accepted[StreamID(number)] = channel
            return (StreamID(number), state.envelope)
        }
        guard let (id, envelope) = admitted else {
            channel.close(promise: nil)
            return
        }
        let limit = channel.eventLoop.scheduleTask(
            in: .nanoseconds(configuration.settings.streamTimeout.nanosecondCount)
        ) {
            channel.close(promise: nil)
        }
        channel.closeFuture.whenComplete { [weak self] _ in
            limit.cancel()
            self?.state.withLock { _ = $0.running?.accepted.removeValue(forKey: id) }
        }
        let handler = StreamHandler(envelope) { [weak self] outcome in
            switch outcome {
            case .success(let message): self?.handle(.request(id, message, from: source))
            case .failure(.broken): channel.close(promise: nil)
            case .failure(.refused(let error)): self?.refuse(id, error, from: source)
            }
        }
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    /// Tells the peer why, in the form it can read, and the log.
    private func refuse(_ id: StreamID, _ error: EnvelopeError, from source: GossipAddress) {
        state.withLock { $0.notes.refused(error, from: source, at: seam.time.uptime) }
        reply(id, StreamMessage.error(error.description).encoded)
    }

    func reply(_ id: StreamID, _ bytes: [UInt8]) {
        let (envelope, channel) = state.withLock { ($0.envelope, $0.running?.accepted[id]) }
        guard let channel else { return }
        guard let sealed = try? envelope.sealStream(bytes) else {
            channel.close(promise: nil)
            return
        }
        channel.writeAndFlush(ByteBuffer(bytes: sealed)).whenComplete { _ in channel.close(promise: nil) }
    }

    // MARK: - Streams of this node

    func open(_ id: StreamID, _ bytes: [UInt8], to address: GossipAddress, within limit: Duration) {
        let envelope = state.withLock { $0.envelope }
        guard let socket = address.socket, let sealed = try? envelope.sealStream(bytes) else {
            loop.execute { self.handle(.streamFailed(id, "\(address) cannot be sent to")) }
            return
        }
        let wait = TimeAmount.nanoseconds(max(1, limit.nanosecondCount))
        let promise = loop.makePromise(of: StreamMessage.self)
        let connecting = ClientBootstrap(group: loop).connectTimeout(wait)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        StreamHandler(envelope) { promise.completeWith($0.mapError { $0 as any Error }) })
                }
            }
            .connect(to: socket)
        let timeout = loop.scheduleTask(in: wait) { promise.fail(StreamFailure.broken("no answer within \(limit)")) }
        connecting.whenSuccess { channel in
            self.state.withLock { $0.running?.opened[id] = channel }
            channel.writeAndFlush(ByteBuffer(bytes: sealed), promise: nil)
        }
        connecting.whenFailure { promise.fail(StreamFailure.broken("cannot connect: \($0)")) }
        promise.futureResult.whenComplete { outcome in
            timeout.cancel()
            connecting.whenSuccess { $0.close(promise: nil) }
            self.state.withLock { _ = $0.running?.opened.removeValue(forKey: id) }
            switch outcome {
            case .success(let message): self.handle(.response(id, message))
            case .failure(StreamFailure.refused(.unreadable(let error))):
                self.handle(.streamFailed(id, "\(error); is \(address) where gossip listens (4648), or another port?"))
            case .failure(let error): self.handle(.streamFailed(id, "\(error)"))
            }
        }
    }
}
