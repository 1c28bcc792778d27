internal import Basics
internal import Broker
internal import Model
internal import RPC
internal import Scheduling
internal import StateStore
internal import Synchronization

/// The leader's one writer of plans: re-checks each against the newest state and commits what fits, many in one entry.
///
/// Plans that gathered are checked together, in order of priority, each seeing the ones before it, and go to the log as one
/// entry. The next ones are checked while that entry is on its way to the disk: what is in flight is reserved. No other entry
/// places allocations, and the log takes plans only in the term of leadership in which they were checked, so a plan that
/// passed still fits when it is applied.
final class PlanPipeline: Sendable {
    /// Answers workers, given the index of the entry, or of the one that stood in their way.
    private typealias Answer = @Sendable (Result<UInt64, any Error>) -> Void

    /// One reference, as it goes through a queue.
    private final class Ticket: Sendable {
        let plan: Plan
        let answer: CheckedContinuation<PlanResult, any Error>

        init(_ plan: Plan, _ answer: CheckedContinuation<PlanResult, any Error>) {
            self.plan = plan
            self.answer = answer
        }
    }

    private struct State {
        var queue = PlanQueue<Ticket>()
        /// The term in which this server leads; nil while it does not.
        var term: UInt64?
        /// Nobody takes plans any more: the server is shutting down.
        var closed = false
        /// Entries handed to the log so far, and how many of them are still on their way to the disk.
        var flightCount: UInt64 = 0
        var inFlight = 0
        /// Plans refused whole because of what is in flight, with the last flight that stood in their way.
        var refused: [(answer: Answer, flight: UInt64)] = []
        var sleeper: CheckedContinuation<Void, Never>?
    }

    /// Reservations whose entry is applied or lost, with the index from which on a snapshot has what is left of it.
    private struct Landing {
        let tickets: [UInt64]
        let index: UInt64
    }

    /// Entries on their way to the disk at once; more would only wait there instead of here.
    private static let flightsMax = 4

    private let seam: Seam
    private let limit: Int
    private let state = Mutex(State())
    /// Holds what is in flight reserved; used on the lane only.
    private let verifier = Mutex(PlanVerifier())
    private let landings = Mutex<[Landing]>([])

    init(seam: Seam, limit: Int) {
        self.seam = seam
        self.limit = limit
    }

    /// Takes plans from now on: this server leads in `term` and has applied all that was committed before.
    func enable(term: UInt64) { state.withLock { $0.term = $0.closed ? nil : term } }

    /// Refuses what waits: another server leads.
    func disable() {
        let waiting = state.withLock { state in
            state.term = nil
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
                guard state.term != nil else { return nil }
                state.queue.enqueue(Ticket(plan, continuation), priority: plan.priority)
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
            let (tickets, term) = state.withLock { ($0.queue.dequeue(limit: limit), $0.term) }
            // Without leadership nothing waits.
            guard let term else { continue }
            for entry in Self.entries(tickets.map { $0.plan.roughBytes }) { await commit(tickets[entry], term, server) }
        }
    }

    /// Plans that together keep well below what one entry may hold, by their sizes; one that alone is larger comes alone.
    static func entries(_ sizes: [Int]) -> [Range<Int>] {
        var entries: [Range<Int>] = []
        var (start, bytes) = (0, 0)
        for (position, size) in sizes.enumerated() {
            bytes += size
            guard bytes > entryBytesMax, position > start else { continue }
            entries.append(start..<position)
            (start, bytes) = (position, size)
        }
        return sizes.isEmpty ? [] : entries + [start..<sizes.count]
    }

    /// Half of what the log allows, as bytes are estimated; 8 MiB.
    static let entryBytesMax = 8 << 20

    private func waitForPlans() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let ready = state.withLock { state -> Bool in
                    let isBusy = state.queue.count == 0 || state.inFlight >= Self.flightsMax
                    guard isBusy, !Task.isCancelled else { return true }
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

    /// Checks the plans one after the other and hands what is left of them to the log as one entry; the answers come when it
    /// is durable and applied.
    private func commit(_ tickets: ArraySlice<Ticket>, _ term: UInt64, _ server: ServerAgent) async {
        let checked = try? await seam.blocking.run(lane: Self.lane) { try self.verify(tickets, server) }
        guard let (verdicts, snapshotIndex) = checked else {
            return tickets.forEach { $0.answer.resume(throwing: Self.notLeading) }
        }
        let answer: Answer = { outcome in
            for (ticket, verdict) in zip(tickets, verdicts) {
                ticket.answer.resume(
                    with: outcome.map { Self.result(verdict, index: $0, snapshotIndex: snapshotIndex) })
            }
        }
        let plans = verdicts.map(\.plan).filter { !$0.isEmpty }
        guard !plans.isEmpty else {
            land(verdicts, at: 0)
            return refuse(answer)
        }
        let flight = state.withLock { state in
            state.inFlight += 1
            state.flightCount += 1
            return state.flightCount
        }
        server.submit(.plans(plans), term: term) { outcome in
            let index = outcome.map(\.index)
            self.land(verdicts, at: (try? index.get()) ?? 0)
            answer(index)
            self.arrive(flight, index)
        }
    }

    /// Answers plans of which nothing is left: at once, or when what is in flight has landed, as only then a worker that tries
    /// again sees what stood in its way.
    private func refuse(_ answer: @escaping Answer) {
        let isClear = state.withLock { state in
            if state.inFlight > 0 { state.refused.append((answer, state.flightCount)) }
            return state.inFlight == 0
        }
        if isClear { answer(.success(0)) }
    }

    /// An entry is applied or lost; entries arrive in the order in which they left.
    private func arrive(_ flight: UInt64, _ index: Result<UInt64, any Error>) {
        let refused = state.withLock { state in
            state.inFlight -= 1
            defer { state.refused.removeAll { $0.flight <= flight } }
            return state.refused.filter { $0.flight <= flight }
        }
        for entry in refused { entry.answer(index) }
        wake()
    }

    /// Checks plans on the newest snapshot, beside what is in flight.
    private func verify(
        _ tickets: ArraySlice<Ticket>, _ server: ServerAgent
    ) throws -> (verdicts: [PlanVerifier.Verdict], snapshotIndex: UInt64) {
        let snapshot = server.snapshot
        let landed = landings.withLock { landings in
            defer { landings.removeAll { $0.index <= snapshot.index } }
            return landings.filter { $0.index <= snapshot.index }
        }
        return try verifier.withLock { verifier in
            for ticket in landed.flatMap(\.tickets) { verifier.release(ticket) }
            // Rows in a plan made before the state was restored are those of other tables.
            guard tickets.allSatisfy({ $0.plan.snapshotIndex >= snapshot.restoredIndex }) else {
                throw Self.notLeading
            }
            return (tickets.map { verifier.verify($0.plan, on: snapshot) }, snapshot.index)
        }
    }

    /// Notes from which snapshot on the reservations are not needed; an entry that was lost needs them no more at all.
    private func land(_ verdicts: [PlanVerifier.Verdict], at index: UInt64) {
        landings.withLock { $0.append(Landing(tickets: verdicts.map(\.ticket), index: index)) }
    }

    private static func result(_ verdict: PlanVerifier.Verdict, index: UInt64, snapshotIndex: UInt64) -> PlanResult {
        var result = verdict.result
        if !verdict.plan.isEmpty { result.index = index }
        if result.isPartial { result.refreshIndex = max(index, snapshotIndex) }
        return result
    }
}

extension Plan {
    /// About what it takes in the log, rather more than less.
    var roughBytes: Int {
        let placed = placements.reduce(0) { sum, batch in
            sum + 512 + batch.metricJSON.count + 64 * batch.ids.count + 2 * batch.ports.count
                + 256 * (batch.hardware.count + batch.rescheduleTrackers.count)
        }
        return 256 + placed + 128 * stops.count + 16 * inPlaceUpdates.count + 4_096 * ending.count
    }
}
