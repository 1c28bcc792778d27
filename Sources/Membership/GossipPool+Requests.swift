internal import Basics
package import Gossip
internal import Logging
internal import NIOCore
internal import Synchronization

/// What a server asks of its pool.
extension GossipPool {
    // MARK: - Looking

    /// All members listed, this one included, in order of name; empty while the pool is not entered.
    package var members: [Member] { state.withLock { $0.running?.node.memberList ?? [] } }

    /// How well this member keeps up; 0 is best.
    package var healthScore: Int { state.withLock { $0.running?.node.healthScore ?? 0 } }

    /// Whether the pool's traffic is encrypted.
    package var isEncrypted: Bool { state.withLock { $0.envelope.keyring != nil } }

    /// Changes from now on, in order, until the pool ends; take ``members`` after this call for what was before.
    package func events() -> AsyncStream<MemberEvent> {
        AsyncStream(bufferingPolicy: .bufferingNewest(GossipPool.eventsMax)) { continuation in
            let number = state.withLock { state -> UInt64? in
                guard !state.hasEnded else { return nil }
                state.lastSubscriber += 1
                state.subscribers[state.lastSubscriber] = continuation
                return state.lastSubscriber
            }
            guard let number else {
                continuation.finish()
                return
            }
            continuation.onTermination = { [weak self] _ in
                self?.state.withLock { _ = $0.subscribers.removeValue(forKey: number) }
            }
        }
    }

    // MARK: - Joining

    /// Joins the pool through each of `addresses` (`host:port`; without a port, 4648) and tells how many answered, and why others did not.
    /// This member's own address counts as neither.
    package func join(_ addresses: [String]) async -> JoinOutcome {
        var outcome = JoinOutcome()
        for text in addresses {
            do {
                guard let address = NetworkAddress(text, defaultPort: GossipPool.defaultPort) else {
                    throw PoolError.configuration("not an address; write host or host:port")
                }
                let target = try await seam.blocking.run { try address.resolve() }
                // A list that is the same on all servers names this one too.
                guard target != ownAddress else { continue }
                if let failure = try await join(target) {
                    outcome.failures[text] = failure
                } else {
                    outcome.joined += 1
                }
            } catch {
                outcome.failures[text] = "\(error)"
            }
        }
        return outcome
    }

    /// Joins as ``join(_:)``, again and again every `interval` until one of `addresses` answers; gives up after `attemptsMax` times, and
    /// never when that is 0. Returns the last outcome; throws `CancellationError`.
    package func join(_ addresses: [String], every interval: Duration, attemptsMax: Int) async throws -> JoinOutcome {
        var attempts = 0
        while true {
            let outcome = await join(addresses)
            attempts += 1
            if outcome.joined > 0 || outcome.failures.isEmpty || attempts == attemptsMax { return outcome }
            log.warning(
                "no gossip member answered; trying again",
                metadata: ["attempt": "\(attempts)", "failures": "\(outcome.failures)"])
            try await seam.time.sleep(for: interval)
        }
    }

    /// Joins as ``join(_:)``, and again every `interval` those of `addresses` that have not answered, until each has.
    ///
    /// One answer is not enough: members that could not reach all at first may have found each other in two lots, each of which takes
    /// itself for the whole pool. Throws `CancellationError`.
    package func joinAll(_ addresses: [String], every interval: Duration) async throws {
        var absent = addresses
        while !absent.isEmpty {
            try await seam.time.sleep(for: interval)
            absent = await join(absent).failures.keys.sorted()
        }
    }

    /// Comes back to the pool of an earlier life through the members it remembers, one after the other until one answers.
    package func rejoin() async {
        for (name, address) in state.withLock({ $0.remembered }).sorted(by: { $0.key < $1.key }) {
            let outcome = await join([address])
            guard outcome.joined == 0, !Task.isCancelled else { return }
            log.info(
                "a member of the last life does not answer",
                metadata: ["member": "\(name)", "address": "\(address)", "failures": "\(outcome.failures)"])
        }
    }

    private var ownAddress: GossipAddress? { state.withLock { $0.running?.node.address } }

    /// The port of serf in Nomad's, and so in Drover's, configuration.
    package static let defaultPort = 4_648

    private func join(_ address: GossipAddress) async throws -> String? {
        try await ask { running, id, promise in
            running.joins[id] = promise
        } event: {
            .join($0, address)
        }
    }

    // MARK: - Changing

    /// Tells the pool other tags; throws ``PoolError`` when they do not fit.
    package func setTags(_ tags: [String: String]) async throws {
        try PoolConfiguration.check(tags)
        try await loop.submit { self.handle(.setTags(tags)) }.get()
    }

    /// Takes a failed member for one that has left; forgets it at once when `prune`.
    package func forceLeave(_ name: String, prune: Bool) async throws {
        try await loop.submit { self.handle(.forceLeave(name, prune: prune)) }.get()
    }

    /// Leaves the pool in good order; returns when enough others know, at most about 11 s later. Then ``run(ready:)`` ends.
    package func leave() async {
        let promise = loop.makePromise(of: Void.self)
        loop.execute {
            let isRunning = self.state.withLock { state in
                state.running?.leaves.append(promise)
                return state.running != nil
            }
            guard isRunning else {
                promise.succeed()
                return
            }
            self.handle(.leave)
        }
        try? await promise.futureResult.get()
    }

    // MARK: - Asking the core

    /// Makes a request with a number, remembers who waits, and waits.
    func ask<Outcome: Sendable>(
        _ remember: @escaping @Sendable (inout Running, RequestID, EventLoopPromise<Outcome>) -> Void,
        event: @escaping @Sendable (RequestID) -> GossipEvent
    ) async throws -> Outcome {
        let promise = loop.makePromise(of: Outcome.self)
        loop.execute {
            let id = self.state.withLock { state -> RequestID? in
                guard var running = state.running else { return nil }
                running.lastRequest += 1
                let id = RequestID(running.lastRequest)
                remember(&running, id, promise)
                state.running = running
                return id
            }
            guard let id else {
                promise.fail(PoolError.notRunning)
                return
            }
            self.handle(event(id))
        }
        return try await promise.futureResult.get()
    }
}

/// How joining went.
package struct JoinOutcome: Sendable, Equatable {
    /// Addresses that answered.
    package var joined = 0
    /// Why others did not, by address.
    package var failures: [String: String] = [:]
}
