public import Basics

/// How the schedulers of the leading server do: who was asked, what went wrong, and what a shadow would have done.
///
/// Kept in that server's memory: it begins anew with every leader and every start.
public struct SchedulerStatus: Document {
    /// By name.
    public var schedulers: [SchedulerRecord] = []
    /// The newest faults, oldest first.
    public var faults: [SchedulerFault] = []
    public var shadow = ShadowReport()

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Schedulers", &schedulers)
        try visitor.field("Faults", &faults)
        try visitor.field("Shadow", &shadow)
    }
}

/// One scheduler plug-in as the workers have found it.
public struct SchedulerRecord: Document {
    public var name = ""
    /// Job types that it places; empty when it is not loaded.
    public var kinds: [String] = []
    /// Evaluations whose placements were taken from it.
    public var answers = 0
    /// Evaluations that went to the stock plug-in because of it, by what went wrong.
    public var faults: [String: Int] = [:]
    /// Faults since its last good answer.
    public var faultsInARow = 0
    /// It is not asked before this moment; never when it is asked.
    public var asideUntil = Timestamp.never

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("Kinds", &kinds)
        try visitor.field("Answers", &answers)
        try visitor.field("Faults", &faults)
        try visitor.field("FaultsInARow", &faultsInARow)
        try visitor.field("AsideUntil", &asideUntil)
    }
}

/// An evaluation for which a scheduler gave no answer that could be used.
public struct SchedulerFault: Document {
    public var time = Timestamp.never
    public var plugin = ""
    public var evalID = ID.none
    public var namespace = ""
    public var jobID = ""
    public var kind = SchedulerFaultKind.failed
    public var reason = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Time", &time)
        try visitor.field("Plugin", &plugin)
        try visitor.field("EvalID", &evalID)
        try visitor.field("Namespace", &namespace)
        try visitor.field("JobID", &jobID)
        try visitor.field("Kind", &kind)
        try visitor.field("Reason", &reason)
    }
}

/// What was wrong with a scheduler's answer.
public enum SchedulerFaultKind: String, JSONForm, CaseIterable {
    /// There was none by the deadline.
    case late
    /// The plug-in's process ended while it was asked.
    case crashed
    /// It breaks the ABI's rules.
    case malformed
    /// It does not fit the cluster.
    case infeasible
    /// The plug-in is not loaded, or on its way back from a crash.
    case unavailable
    /// The plug-in said that it failed.
    case failed
}

/// What the plug-in in the shadow would have done, against what was done.
public struct ShadowReport: Document {
    /// Who is tried, and on what.
    public var target = ShadowTarget()
    /// Evaluations that both placed.
    public var compared = 0
    /// Instances these asked for.
    public var asked = 0
    /// Instances that both put on the same node.
    public var agreed = 0
    public var active = ShadowSide()
    public var shadow = ShadowSide()
    /// Evaluations for which the shadow gave no answer that could be used.
    public var faults = 0
    public var lastFault = ""
    /// Evaluations not tried because the shadow was busy or put aside.
    public var dropped = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Target", &target)
        try visitor.field("Compared", &compared)
        try visitor.field("Asked", &asked)
        try visitor.field("Agreed", &agreed)
        try visitor.field("Active", &active)
        try visitor.field("Shadow", &shadow)
        try visitor.field("Faults", &faults)
        try visitor.field("LastFault", &lastFault)
        try visitor.field("Dropped", &dropped)
    }
}

/// One side of the comparison.
public struct ShadowSide: Document {
    /// Instances it found a node for.
    public var placed = 0
    /// Of these instances, by the plug-in's own scores; 0 when there are none.
    public var meanScore: Double = 0
    /// Of the newest decisions, half took no longer than this.
    public var durationP50 = Duration.zero
    /// The longest decision of all.
    public var durationMax = Duration.zero

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Placed", &placed)
        try visitor.field("MeanScore", &meanScore)
        try visitor.field("DurationP50", &durationP50)
        try visitor.field("DurationMax", &durationMax)
    }
}
