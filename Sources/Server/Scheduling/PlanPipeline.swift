internal import Basics
internal import Broker
internal import Model
internal import RPC
internal import Scheduling
internal import StateStore
internal import Synchronization

/// The leader's one writer of plans: re-checks each against the newest state and commits what fits, many in one entry.
///
/// While one entry is on its way to the disk the next plans gather; all of them are then checked, in order of priority, each
/// seeing the ones before it. No other entry places allocations, so a plan that passed still fits when it is applied.
final class PlanPipeline: Sendable {
    private struct Ticket: Sendable {
        let plan: Plan
        let answer: CheckedContinuation<PlanResult, any Error>
    }

    private struct State {
        var queue = PlanQueue<Ticket>()
        var enabled = false
        /// Nobody takes plans any more: the server is shutting down.
        var closed = false
        var sleeper: CheckedContinuation<Void, Never>?
    }

    private let seam: Seam
    private let limit: Int
    private let state = Mutex(State())

    init(seam: Seam, limit: Int) {
        self.seam = seam
        self.limit = limit
    }

    func enable() { state.withLock { $0.enabled = !$0.closed } }

    /// Refuses what waits: another server leads.
    func disable() {
        let waiting = state.withLock { state in
            state.enabled = false
            return state.queue.dequeue(limit: .max)
        }
        for ticket in waiting { ticket.answer.resume(throwing: Self.notLeading) }
    }

    private static let lane = BlockingLane("plan.verify")
    private static let notLeading = CallError(.unavailable, "this server does not lead any more")

    /// Hands in a plan; returns what was committed of it, once it is durable and applied.
    func submit(_ plan: Plan) async throws -> PlanResult {
        try await withCheckedThrowingContinuation { continuation in
            let sleeper = state.withLock { state -> CheckedContinuation<Void, Never>?? in
                guard state.enabled else { return nil }
                state.queue.enqueue(Ticket(plan: plan, answer: continuation), priority: plan.priority)
                defer { state.sleeper = nil }
                return .some(state.sleeper)
            }
            guard let sleeper else { return continuation.resume(throwing: Self.notLeading) }
            sleeper?.resume()
        }
    }

    /// Checks and commits until cancelled.
    func run(_ server: ServerAgent) async throws {
        defer {
            state.withLock { $0.closed = true }
            disable()
        }
        while true {
            await waitForPlans()
            try Task.checkCancellation()
            let tickets = state.withLock { $0.queue.dequeue(limit: limit) }
            await commit(tickets, server)
        }
    }

    private func waitForPlans() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let ready = state.withLock { state -> Bool in
                    guard state.queue.count == 0, !Task.isCancelled else { return true }
                    state.sleeper = continuation
                    return false
                }
                if ready { continuation.resume() }
            }
        } onCancel: {
            wake()
        }
    }

    private func wake() {
        let sleeper = state.withLock { state in
            defer { state.sleeper = nil }
            return state.sleeper
        }
        sleeper?.resume()
    }

    /// Checks the plans one after the other, commits what is left of them as one entry, and answers.
    private func commit(_ tickets: [Ticket], _ server: ServerAgent) async {
        let snapshot = server.snapshot
        do {
            let verdicts = try await seam.blocking.run(lane: Self.lane) {
                var verifier = PlanVerifier()
                return tickets.map { verifier.verify($0.plan, on: snapshot) }
            }
            let plans = verdicts.map(\.plan).filter { !$0.isEmpty }
            let index = plans.isEmpty ? 0 : try await server.propose(.plans(plans)).index
            for (ticket, verdict) in zip(tickets, verdicts) {
                var result = verdict.result
                if !verdict.plan.isEmpty { result.index = index }
                if result.isPartial { result.refreshIndex = max(index, snapshot.index) }
                ticket.answer.resume(returning: result)
            }
        } catch {
            for ticket in tickets { ticket.answer.resume(throwing: error) }
        }
    }
}
