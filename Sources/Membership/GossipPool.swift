package import Basics
internal import Gossip
package import Logging
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// This server's part in the gossip pool: who else is in it, and who of them lives.
///
/// ``run(ready:)`` takes part until it is cancelled or ``leave()`` is through; the other calls ask and change while it runs. All work is done
/// on one event loop, so events, effects and their order are those of ``GossipNode``.
package final class GossipPool: Sendable {
    let configuration: PoolConfiguration
    let seam: Seam
    let log: Logger
    let loop: any EventLoop
    let state: Mutex<State>

    struct State {
        var envelope: Envelope
        var notes: NoteLog
        /// Nil before the pool is entered and after it has ended.
        var running: Running?
        var hasEnded = false
        /// Whether it ended by ``GossipPool/leave()``.
        var hasLeft = false
        /// Members of earlier lives of this one and of this life, by name.
        var remembered: [String: String] = [:]
        var subscribers: [UInt64: AsyncStream<MemberEvent>.Continuation] = [:]
        var lastSubscriber: UInt64 = 0
    }

    /// What exists while the pool is entered.
    struct Running {
        var node: GossipNode
        let packets: any Channel
        let listener: any Channel
        /// Streams of others by this end's numbers, which count down.
        var accepted: [StreamID: any Channel] = [:]
        var lastAccepted: Int64 = 0
        /// Streams of this node's that wait for an answer.
        var opened: [StreamID: any Channel] = [:]
        var timer: Scheduled<Void>?
        /// Who waits for the outcome of a request.
        var joins: [RequestID: EventLoopPromise<String?>] = [:]
        var keyChanges: [RequestID: EventLoopPromise<KeyOutcome>] = [:]
        var leaves: [EventLoopPromise<Void>] = []
        var lastRequest: UInt64 = 0
        /// Changed keyrings on their way to the disk, in order.
        let saves: AsyncStream<KeyringSave>.Continuation
        let ended: EventLoopPromise<Void>
    }

    /// Streams of others at once; further ones are closed at once, and their openers try again.
    static let acceptedMax = 128
    /// Events that wait for a subscriber; beyond them the oldest are dropped, and ``members`` still tells the truth.
    static let eventsMax = 4_096

    /// Throws ``PoolError`` for a name, label or tags that others could not take in.
    package init(_ configuration: PoolConfiguration, seam: Seam, log: Logger) throws(PoolError) {
        try configuration.check()
        self.configuration = configuration
        self.seam = seam
        self.log = log
        loop = MultiThreadedEventLoopGroup.singleton.any()
        let envelope = Envelope(label: configuration.label, keyring: configuration.keyring)
        state = Mutex(State(envelope: envelope, notes: NoteLog(log)))
    }

    // MARK: - Running

    /// Takes part in the pool until cancelled, or until ``leave()`` is through; reports the address others are told to `ready`.
    ///
    /// Throws ``PoolError`` when the address is taken, or cannot be told to others.
    package func run(ready: @Sendable (NetworkAddress) -> Void) async throws {
        let (saves, saving) = AsyncStream.makeStream(of: KeyringSave.self)
        await rememberMembers()
        let changes = events()
        let ended = try await enter(saving, ready)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.keep(saves) }
            group.addTask { await self.keepMembers(changes) }
            await withTaskCancellationHandler {
                try? await ended.get()
            } onCancel: {
                loop.execute { self.end() }
            }
        }
    }

    private func enter(
        _ saves: AsyncStream<KeyringSave>.Continuation, _ ready: @Sendable (NetworkAddress) -> Void
    ) async throws -> EventLoopFuture<Void> {
        let (listener, packets) = try await bind()
        let bound = NetworkAddress(host: configuration.bind.host, port: listener.localAddress?.port ?? 0)
        var told = configuration.advertise ?? bound
        if told.port == 0 { told.port = bound.port }
        let address: GossipAddress
        do {
            address = try await seam.blocking.run { [told] in try told.resolve() }
            guard address.bytes.contains(where: { $0 != 0 }) else {
                throw PoolError.configuration(
                    "others cannot reach \(told); set advertise.serf to this machine's address")
            }
        } catch {
            listener.close(promise: nil)
            packets.close(promise: nil)
            throw error
        }
        let future = try await loop.submit {
            self.start(at: address, listener: listener, packets: packets, saves: saves)
        }.get()
        ready(NetworkAddress(host: address.host, port: Int(address.port)))
        return future
    }

    private func start(
        at address: GossipAddress, listener: any Channel, packets: any Channel,
        saves: AsyncStream<KeyringSave>.Continuation
    ) -> EventLoopFuture<Void> {
        let ended = loop.makePromise(of: Void.self)
        state.withLock { state in
            var settings = configuration.settings
            settings.envelopeBytes = state.envelope.packetBytes
            let node = GossipNode(
                name: configuration.name, address: address, tags: configuration.tags, settings: settings,
                seed: seam.random.next())
            state.running = Running(node: node, packets: packets, listener: listener, saves: saves, ended: ended)
        }
        handle(.start)
        return ended.futureResult
    }

    /// Closes everything and lets all who wait know. On the loop.
    func end() {
        let (running, subscribers) = state.withLock { state in
            state.hasEnded = true
            defer {
                state.running = nil
                state.subscribers = [:]
            }
            return (state.running, state.subscribers.values.map { $0 })
        }
        for subscriber in subscribers { subscriber.finish() }
        guard let running else { return }
        running.timer?.cancel()
        running.saves.finish()
        running.listener.close(promise: nil)
        for channel in running.accepted.values { channel.close(promise: nil) }
        for channel in running.opened.values { channel.close(promise: nil) }
        for join in running.joins.values { join.succeed("the gossip pool was left") }
        for change in running.keyChanges.values { change.fail(PoolError.notRunning) }
        for leave in running.leaves { leave.succeed() }
        // What was written before, such as the last rumours, goes out first; the port is free once this has ended.
        running.packets.close().whenComplete { _ in running.ended.succeed() }
    }

    // MARK: - Events in, effects out

    /// Tells the core and carries out what it asks for, in order. On the loop.
    func handle(_ event: GossipEvent) {
        loop.preconditionInEventLoop()
        let effects = state.withLock { state in
            state.running?.node.step(event, at: seam.time.uptime) ?? []
        }
        for effect in effects { carryOut(effect) }
        schedule()
    }

    /// Sets the timer to the core's deadline.
    private func schedule() {
        let (old, deadline) = state.withLock { state in (state.running?.timer, state.running?.node.deadline) }
        old?.cancel()
        guard let deadline else { return }
        // At least a millisecond: a deadline that has passed must not starve the sockets.
        let wait = max(.milliseconds(1), min(deadline - seam.time.uptime, .seconds(3_600)))
        let timer = loop.scheduleTask(in: .nanoseconds(wait.nanosecondCount)) { self.handle(.tick) }
        state.withLock { $0.running?.timer = timer }
    }

    private func carryOut(_ effect: GossipEffect) {
        switch effect {
        case .send(let packet, let address): send(packet, to: address)
        case .open(let id, let bytes, let address, let limit): open(id, bytes, to: address, within: limit)
        case .reply(let id, let bytes): reply(id, bytes)
        case .close(let id): state.withLock { $0.running?.accepted.removeValue(forKey: id) }?.close(promise: nil)
        case .report(let event): report(event)
        case .userEvent(let event): log.debug("event of an application passed on", metadata: ["event": "\(event.name)"])
        case .changeKeyring(let id, let operation): changeKeyring(id, operation)
        case .joinEnded(let id, let failure):
            state.withLock { $0.running?.joins.removeValue(forKey: id) }?.succeed(failure)
        case .keysEnded(let id, let answers, let asked):
            let promise = state.withLock { $0.running?.keyChanges.removeValue(forKey: id) }
            promise?.succeed(KeyOutcome(answers: answers, asked: asked))
        case .left:
            state.withLock { $0.hasLeft = true }
            end()
        case .note(let note): state.withLock { $0.notes.write(note, at: seam.time.uptime) }
        }
    }

    private func report(_ event: MemberEvent) {
        let (word, member) = event.description
        log.info("gossip member \(word)", metadata: ["member": "\(member.name)", "address": "\(member.address)"])
        for subscriber in state.withLock({ $0.subscribers.values.map { $0 } }) { subscriber.yield(event) }
    }
}

extension MemberEvent {
    /// A word for the log, and whom it is about.
    var description: (String, Member) {
        switch self {
        case .joined(let member): ("joined", member)
        case .left(let member): ("left", member)
        case .failed(let member): ("failed", member)
        case .updated(let member): ("updated", member)
        case .reaped(let member): ("reaped", member)
        }
    }
}
