internal import Basics
internal import Linux
internal import Logging
internal import Model
internal import RPC

/// The loops that talk to the servers.
extension ClientAgent {
    var context: CallContext {
        var context = CallContext()
        context.token = "\(secretID)"
        context.region = world.configuration.region
        return context
    }

    private func backoff() -> Backoff { Backoff(base: .milliseconds(250), limit: .seconds(15)) }

    private func rest(_ backoff: inout Backoff) async throws {
        var generator = world.seam.random.generator()
        try await world.seam.time.sleep(for: backoff.next(using: &generator))
    }

    /// A loop ends when its task is cancelled, whatever error that shows as; every other error is tried again.
    private static func passOnCancellation(_ error: any Error) throws {
        if Task.isCancelled || error is CancellationError { throw CancellationError() }
    }

    /// Registers the node, again whenever it changes, and heartbeats in between.
    func keepRegistered() async throws {
        var backoff = backoff()
        var seen: UInt64 = 0
        // The first look at machine and drivers comes before the first registration.
        seen = try await nodeChanged.changed(since: seen)
        while true {
            do {
                let node = node
                let call = RegisterNode(node: node, schemas: schemas(of: node))
                let began = world.seam.time.uptime
                let reply = try await world.servers.call(call, context: context)
                await noteContact(at: began)
                backoff.reset()
                registered.set(())
                seen = try await heartbeat(seen, ttl: reply.heartbeatTTL)
            } catch {
                try ClientAgent.passOnCancellation(error)
                world.log.warning("cannot register the node", metadata: ["error": "\(error)"])
                try await rest(&backoff)
            }
        }
    }

    /// Heartbeats until the node has changed, or a server does not know it; returns the count of changes seen.
    private func heartbeat(_ seen: UInt64, ttl first: Duration) async throws -> UInt64 {
        var ttl = first
        var backoff = backoff()
        while true {
            do {
                let call = Heartbeat(nodeID: nodeID, secretID: secretID, status: .ready)
                let began = world.seam.time.uptime
                ttl = try await world.servers.call(call, context: context).heartbeatTTL
                await noteContact(at: began)
                backoff.reset()
                setReady()
            } catch {
                try ClientAgent.passOnCancellation(error)
                world.log.warning("heartbeat failed", metadata: ["error": "\(error)"])
                if (error as? CallError)?.code == .notFound { return seen }
                try await rest(&backoff)
                continue
            }
            let pause = interval(ttl)
            let changed = try await race(
                [
                    { [world] in
                        try await world.seam.time.sleep(for: pause); return nil
                    },
                    { [nodeChanged] in try await nodeChanged.changed(since: seen) },
                ] as [@Sendable () async throws -> UInt64?])
            if let changed { return changed }
        }
    }

    /// A server has answered a call made at `time`; stored where an allocation's end depends on it.
    private func noteContact(at time: Uptime) async {
        contact.made(at: time)
        guard runners.contains(where: { $0.endsWithoutServers && !$0.hasEnded }) else { return }
        do {
            try await world.store.putContact(world.seam.time.now)
        } catch {
            world.log.error("cannot store the time of the last contact", metadata: ["error": "\(error)"])
        }
    }

    /// Between a third and half of the time to live, so that one lost heartbeat does no harm and clients spread out.
    private func interval(_ ttl: Duration) -> Duration {
        let whole = max(ttl, .milliseconds(300)).nanosecondCount
        var generator = world.seam.random.generator()
        return .nanoseconds(Int64.random(in: whole / 3...whole / 2, using: &generator))
    }

    /// Follows the servers' list of this node's allocations.
    func watchAllocations() async throws {
        try await registered.get()
        var call = WatchAllocations()
        call.nodeID = nodeID
        call.secretID = secretID
        var backoff = backoff()
        var isFirst = true
        while true {
            // A server in this process answers a cancelled wait at once, so without this a stopping agent would spin here.
            try Task.checkCancellation()
            do {
                let deadline = call.wait + .seconds(15)
                let reply = try await world.servers.call(call, context: context, deadline: deadline)
                backoff.reset()
                await apply(reply)
                if isFirst, reply.resume.isNone {
                    await removeOrphans()
                    isFirst = false
                }
                // A restored server may be behind; then everything is asked for anew.
                let isBehind = reply.index < call.minIndex
                call.minIndex = isBehind ? 0 : reply.index
                call.resume = isBehind ? .none : reply.resume
            } catch {
                try ClientAgent.passOnCancellation(error)
                if (error as? CallError)?.code != .deadline {
                    world.log.warning("cannot watch allocations", metadata: ["error": "\(error)"])
                }
                try await rest(&backoff)
            }
        }
    }

    private func apply(_ reply: WatchAllocationsReply) async {
        for ticket in reply.tickets { addTicket.yield(ticket) }
        var (changed, new): ([Allocation], [Allocation]) = ([], [])
        for allocation in reply.changed {
            if let runner = runner(allocation.id) {
                if runner.receive(allocation) { changed.append(runner.allocation) }
                // The node had been out of sight: say again how things stand.
                if allocation.clientStatus == .unknown { updates.put(runner.currentUpdate(), urgent: true) }
            } else if !allocation.isClientTerminal {
                new.append(allocation)
            }
        }
        await store(changed + new)
        for allocation in new { add(allocation) }
        guard reply.resume.isNone else { return }
        for runner in runners where reply.present["\(runner.id)"] == nil {
            updates.drop(runner.id)
            runner.remove()
            if runner.hasEnded { await destroy(runner) }
        }
    }

    private func store(_ allocations: [Allocation]) async {
        guard let first = allocations.first else { return }
        do {
            try await world.store.put(allocations)
        } catch {
            world.log.error(
                "cannot store allocations",
                metadata: ["alloc.id": "\(first.id)", "count": "\(allocations.count)", "error": "\(error)"])
        }
    }

    /// Sends what has changed, batch by batch.
    func sendUpdates() async throws {
        try await registered.get()
        var backoff = backoff()
        while true {
            try Task.checkCancellation()
            let batch = try await updates.next(world.seam.time)
            var call = UpdateAllocations()
            call.nodeID = nodeID
            call.secretID = secretID
            call.reports = AllocationReportBatch(batch)
            do {
                FaultPoint.before(.clientReport)
                _ = try await world.servers.call(call, context: context)
                FaultPoint.after(.serverAcknowledgement)
                backoff.reset()
            } catch {
                try ClientAgent.passOnCancellation(error)
                world.log.warning("cannot send updates", metadata: ["count": "\(batch.count)", "error": "\(error)"])
                updates.restore(batch)
                try await rest(&backoff)
            }
        }
    }
}
