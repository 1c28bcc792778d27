import Basics

/// What becomes of a group's allocations while their node cannot be reached (Nomad docs: disconnect), from the `disconnect` block or
/// the older fields of the group.
///
/// ```
///                     node goes away        the window ends          the node is back before
/// nothing             lost, replaced        -                        -
/// lost_after          unknown, replaced     lost                     one of the two is kept: `reconcile`
/// stop_on_client_…    unknown               lost, replaced           kept
/// replace = false     unknown               unknown                  kept
/// ```
public struct DisconnectRules: Equatable, Sendable {
    /// How long the allocation may come back; nil for not at all.
    public var lostAfter: Duration?
    /// After how long without servers its client ends the allocation; nil for never.
    public var stopOnClientAfter: Duration?
    /// Whether another allocation takes its place.
    public var replaces = true
    public var reconcile = ReconcileStrategy.bestScore
    /// How long a task of the group may take to end.
    private let killTimeout: Duration

    public init(_ group: TaskGroup) {
        let block = group.disconnect
        lostAfter = Self.positive(block?.lostAfter ?? group.maxClientDisconnect)
        stopOnClientAfter = block?.stopOnClientAfter ?? group.stopAfterClientDisconnect
        replaces = block?.replace ?? !group.preventRescheduleOnLost
        reconcile = block?.reconcile.flatMap(ReconcileStrategy.init) ?? .bestScore
        killTimeout = group.tasks.map { $0.killTimeout ?? .seconds(5) }.max() ?? .zero
    }

    private static func positive(_ time: Duration?) -> Duration? { time.flatMap { $0 > .zero ? $0 : nil } }

    /// An allocation whose node goes away is not lost at once.
    public var awaitsReturn: Bool { lostAfter != nil || stopOnClientAfter != nil || !replaces }

    /// Another allocation runs while this one may come back.
    public var replacesAtOnce: Bool { replaces && stopOnClientAfter == nil }

    /// How long an allocation is unknown before it is lost; nil for as long as its node is away. Where the client ends the
    /// allocation by itself this allows for the time its tasks may take to end.
    public var window: Duration? {
        guard replaces else { return nil }
        return stopOnClientAfter.map { $0 + killTimeout } ?? lostAfter ?? .zero
    }
}

/// Which allocation is kept when the original comes back and its replacement runs.
public enum ReconcileStrategy: String, CaseIterable, Sendable {
    /// The one on the node that was better when it was placed; the original when they are equal.
    case bestScore = "best_score"
    case keepOriginal = "keep_original"
    case keepReplacement = "keep_replacement"
    /// The one whose tasks have run for longer without a restart.
    case longestRunning = "longest_running"
}

extension TaskGroup {
    /// Faults of `disconnect` and the older fields in its place.
    func validateDisconnect(in job: Job) -> [String] {
        var faults: [String] = []
        let times = [
            ("disconnect lost_after", disconnect?.lostAfter),
            ("disconnect stop_on_client_after", disconnect?.stopOnClientAfter),
            ("max_client_disconnect", maxClientDisconnect), ("stop_after_client_disconnect", stopAfterClientDisconnect),
        ]
        for case (let name, let time?) in times where time < .zero {
            faults.append("\(name) must not be negative: \(time.goText)")
        }
        if disconnect?.stopOnClientAfter ?? stopAfterClientDisconnect != nil, job.type.isEachNode {
            faults.append(
                "Job type \"\(job.type)\" does not allow stop_on_client_after: only service and batch jobs do")
        }
        faults += validateExclusions()
        let known = ReconcileStrategy.allCases.map(\.rawValue)
        if let reconcile = disconnect?.reconcile, !known.contains(reconcile) {
            faults.append("disconnect reconcile must be one of \(known.joined(separator: ", ")); got \"\(reconcile)\"")
        }
        return faults
    }

    private func validateExclusions() -> [String] {
        let lostAfter = disconnect?.lostAfter.flatMap { $0 == .zero ? nil : $0 }
        let pairs: [(Bool, String, Bool, String)] = [
            (lostAfter != nil, "disconnect lost_after", disconnect?.stopOnClientAfter != nil, "stop_on_client_after"),
            (
                maxClientDisconnect != nil, "max_client_disconnect", stopAfterClientDisconnect != nil,
                "stop_after_client_disconnect"
            ),
            (lostAfter != nil, "disconnect lost_after", maxClientDisconnect != nil, "max_client_disconnect"),
            (
                lostAfter != nil, "disconnect lost_after", stopAfterClientDisconnect != nil,
                "stop_after_client_disconnect"
            ),
            (
                disconnect?.stopOnClientAfter != nil, "disconnect stop_on_client_after",
                stopAfterClientDisconnect != nil,
                "stop_after_client_disconnect"
            ),
            (
                disconnect?.stopOnClientAfter != nil, "disconnect stop_on_client_after", maxClientDisconnect != nil,
                "max_client_disconnect"
            ),
            (disconnect != nil, "disconnect replace", preventRescheduleOnLost, "prevent_reschedule_on_lost"),
        ]
        return pairs.filter { $0.0 && $0.2 }.map { "\($0.1) and \($0.3) cannot be used together: leave one out" }
    }
}
