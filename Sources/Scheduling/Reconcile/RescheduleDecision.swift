package import Basics
package import Model

/// Whether and when a failed allocation is replaced on another node (Nomad docs: reschedule).
package enum RescheduleDecision: Equatable, Sendable {
    case now(delay: Duration)
    case later(at: Timestamp, delay: Duration)
    /// The attempts are used up, or the job wants none.
    case never

    /// An evaluation this much early is not put off again.
    private static let window = Duration.seconds(1)

    package init(
        policy: ReschedulePolicy, tracker: RescheduleTracker?, failedAt: Timestamp, now: Timestamp,
        isForced: Bool = false
    ) {
        let events = tracker?.events ?? []
        let delay = Self.delay(policy, events: events, failedAt: failedAt)
        guard !isForced else {
            self = .now(delay: .zero)
            return
        }
        guard Self.isAllowed(policy, events: events, failedAt: failedAt) else {
            self = .never
            return
        }
        let due = failedAt + delay
        self = due - now <= Self.window ? .now(delay: delay) : .later(at: due, delay: delay)
    }

    private static func isAllowed(_ policy: ReschedulePolicy, events: [RescheduleEvent], failedAt: Timestamp) -> Bool {
        if policy.unlimited ?? false { return true }
        guard let attempts = policy.attempts, attempts > 0 else { return false }
        let interval = policy.interval ?? .zero
        return events.count { failedAt - $0.rescheduleTime < interval } < attempts
    }

    /// The wait before the next attempt: constant, doubling, or the sum of the last two, at most `max_delay`.
    ///
    /// An allocation that ran for longer than its last wait starts over with the first.
    private static func delay(_ policy: ReschedulePolicy, events: [RescheduleEvent], failedAt: Timestamp) -> Duration {
        let base = policy.delay ?? .zero
        guard let last = events.last, policy.delayFunction == "exponential" || policy.delayFunction == "fibonacci"
        else {
            return base
        }
        let beforeLast = events.count > 1 ? events[events.count - 2].delay : .zero
        var next = policy.delayFunction == "exponential" ? last.delay * 2 : last.delay + beforeLast
        if next < base { next = base }
        guard let most = policy.maxDelay, most > .zero, next >= most else { return next }
        return last.delay >= most && failedAt - last.rescheduleTime > last.delay ? base : most
    }

    /// The policy of a group, with the job type's defaults for what was left out.
    package static func policy(of group: TaskGroup, in job: Job) -> ReschedulePolicy {
        var policy = group.reschedulePolicy ?? job.reschedule ?? ReschedulePolicy()
        let isBatch = job.type.runsToCompletion
        if policy.unlimited == nil { policy.unlimited = policy.attempts == nil && !isBatch }
        if policy.attempts == nil { policy.attempts = isBatch ? 1 : 0 }
        if policy.interval == nil { policy.interval = isBatch ? .seconds(86_400) : .zero }
        if policy.delay == nil { policy.delay = isBatch ? .seconds(5) : .seconds(30) }
        if policy.delayFunction == nil { policy.delayFunction = isBatch ? "constant" : "exponential" }
        if policy.maxDelay == nil { policy.maxDelay = isBatch ? .zero : .seconds(3_600) }
        return policy
    }
}

extension RescheduleTracker {
    /// Events kept of one allocation's history; older ones are dropped.
    private static let eventsMax = 10

    /// The tracker of the replacement of `allocation`.
    static func next(after allocation: JobAllocation, nodeID: ID, now: Timestamp, delay: Duration) -> RescheduleTracker
    {
        var tracker = allocation.tracker ?? RescheduleTracker()
        var event = RescheduleEvent()
        event.rescheduleTime = now
        event.prevAllocID = allocation.id
        event.prevNodeID = nodeID
        event.delay = delay
        tracker.events.append(event)
        tracker.events.removeFirst(max(0, tracker.events.count - eventsMax))
        return tracker
    }
}
