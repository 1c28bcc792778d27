import Basics
import Linux
import Model
import RPC
import Synchronization

/// The servers of a test: they hand out allocations and keep what the client reports.
final class FakeServers: Caller {
    struct State {
        var index: UInt64 = 1
        var allocations: [ID: Allocation] = [:]
        var updates: [ID: [AllocationUpdate]] = [:]
        var node: Node?
        var schemas: [String: JSON] = [:]
        var heartbeats = 0
        /// No call gets through.
        var isAway = false
        var tickets: [RelayTicket] = []
        /// What the client sent to relays, by its end; an empty list is a sign of life.
        var sent: [ID: [[RawJSON]]] = [:]
        /// How its ends closed: by the client, or as it was cancelled while it waited.
        var closings: [ID: CloseRelay] = [:]
    }

    let state = Mutex(State())
    private let time: any TimeSource
    private let period: Duration

    /// `period` is how often a waiting watch looks for news.
    init(time: any TimeSource = SystemTime(), period: Duration = .milliseconds(2)) {
        self.time = time
        self.period = period
    }

    func place(_ allocation: Allocation) {
        state.withLock { state in
            state.index += 1
            var allocation = allocation
            allocation.allocModifyIndex = state.index
            state.allocations[allocation.id] = allocation
        }
    }

    func change(_ id: ID, _ body: (inout Allocation) -> Void) {
        guard var allocation = state.withLock({ $0.allocations[id] }) else { return }
        body(&allocation)
        place(allocation)
    }

    func forget(_ id: ID) {
        state.withLock { state in
            state.index += 1
            state.allocations[id] = nil
        }
    }

    func latest(_ id: ID) -> AllocationUpdate? { state.withLock { $0.updates[id]?.last } }

    func call<Call: ServerCall>(_ call: Call, context: CallContext, deadline: Duration) async throws -> Call.Reply {
        guard !state.withLock({ $0.isAway }) else { throw CallError(.unavailable, "no server can be reached") }
        let reply: any Sendable
        switch call {
        case let call as RegisterNode:
            state.withLock {
                $0.node = call.node
                $0.schemas = call.schemas
            }
            reply = registered
        case is Heartbeat:
            state.withLock { $0.heartbeats += 1 }
            reply = registered
        case let call as WatchAllocations: reply = try await watch(call)
        case let call as UpdateAllocations:
            state.withLock { state in
                for report in call.reports.reports { state.updates[report.id, default: []].append(report.unpacked) }
            }
            reply = IndexReply()
        case let call as SendRelayed:
            state.withLock { $0.sent[call.end.id, default: []].append(call.frames) }
            reply = SendRelayedReply(isTaken: true)
        case let call as ReceiveRelayed:
            do {
                try await Task.sleep(for: .seconds(3_600))
            } catch {
                close(CloseRelay(call.end, error: CallError(.unavailable, "the other side of the connection is gone")))
                throw error
            }
            reply = ReceiveRelayedReply()
        case let call as CloseRelay:
            close(call)
            reply = SendRelayedReply(isTaken: true)
        default: throw CallError(.unsupported, "not in this test")
        }
        guard let typed = reply as? Call.Reply else { throw CallError(.failed, "wrong reply") }
        return typed
    }

    /// Only the first closing counts.
    private func close(_ call: CloseRelay) {
        state.withLock { state in
            if state.closings[call.end.id] == nil { state.closings[call.end.id] = call }
        }
    }

    /// Asks the client for something over a relay; what it sent, and how it closed.
    func relay(_ ticket: (RelayEnd) -> RelayTicket) async throws -> (frames: [RawJSON], closing: CloseRelay) {
        let end = RelayEnd(server: "s", id: SystemRandom().id())
        state.withLock { $0.tickets.append(ticket(end)) }
        for _ in 0..<2_000 {
            let (sent, closing) = state.withLock { ($0.sent[end.id] ?? [], $0.closings[end.id]) }
            if let closing { return (sent.flatMap { $0 }, closing) }
            try await Task.sleep(for: .milliseconds(5))
        }
        throw CallError(.deadline, "the client never closed the relay")
    }

    private var registered: RegisterNodeReply {
        var reply = RegisterNodeReply()
        reply.heartbeatTTL = .seconds(10)
        return reply
    }

    private func watch(_ call: WatchAllocations) async throws -> WatchAllocationsReply {
        while true {
            let reply = state.withLock { state -> WatchAllocationsReply? in
                guard state.index > call.minIndex || !state.tickets.isEmpty else { return nil }
                var reply = WatchAllocationsReply()
                reply.index = state.index
                reply.tickets = state.tickets
                state.tickets = []
                for (id, allocation) in state.allocations.sorted(by: { $0.key < $1.key }) {
                    reply.present["\(id)"] = allocation.allocModifyIndex
                    if allocation.allocModifyIndex > call.minIndex { reply.changed.append(allocation) }
                }
                return reply
            }
            if let reply { return reply }
            do {
                try await time.sleep(for: period)
            } catch {
                // As a server in the same process may: an answer without news in place of an error.
                var reply = WatchAllocationsReply()
                reply.index = call.minIndex
                reply.present = state.withLock { state in
                    Dictionary(state.allocations.map { ("\($0.key)", $0.value.allocModifyIndex) }) { first, _ in first }
                }
                return reply
            }
        }
    }
}

extension PackedAllocationUpdate {
    /// As the client reported it.
    fileprivate var unpacked: AllocationUpdate {
        var update = AllocationUpdate()
        update.id = id
        update.clientStatus = clientStatus
        let states = try? report.unpacked()
        update.clientDescription = states?.clientDescription ?? ""
        update.taskStates = states?.taskStates ?? [:]
        update.deploymentStatus = deploymentStatus
        update.networkStatus = networkStatus
        return update
    }
}
