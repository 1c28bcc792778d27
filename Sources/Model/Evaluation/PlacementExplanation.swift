public import Basics

/// Why an evaluation's instances are where they are, and why not elsewhere. Drover's own.
public struct PlacementExplanation: Document {
    public var evalID = ID.none
    public var namespace = ""
    public var jobID = ""
    /// Index of the state in which nodes were looked at.
    public var index: UInt64 = 0
    public var groups: [GroupExplanation] = []

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("EvalID", &evalID)
        try visitor.field("Namespace", &namespace)
        try visitor.field("JobID", &jobID)
        try visitor.field("Index", &index)
        try visitor.field("Groups", &groups)
    }
}

/// One task group's part.
public struct GroupExplanation: Document {
    public var taskGroup = ""
    /// Instances the evaluation placed, and instances for which it found no node.
    public var placed = 0
    public var failed = 0
    /// As it was when the evaluation was processed: nodes evaluated, filtered by constraint, exhausted by dimension, and the
    /// best nodes' scores.
    public var metric = AllocationMetric()
    /// What no node that meets the constraints could give even if it were empty, and constraints that exclude each other.
    public var impossible: [String] = []
    /// The nodes asked about, and without any the best ones; as they are now.
    public var nodes: [NodeExplanation] = []

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("TaskGroup", &taskGroup)
        try visitor.field("Placed", &placed)
        try visitor.field("Failed", &failed)
        try visitor.field("Metric", &metric)
        try visitor.field("Impossible", &impossible)
        try visitor.field("Nodes", &nodes)
    }
}

/// What one node is to a task group.
public struct NodeExplanation: Document {
    public var nodeID = ID.none
    public var nodeName = ""
    /// `chosen`, `feasible`, `filtered` or `exhausted`.
    public var verdict = ""
    /// Why, in a sentence.
    public var reason = ""
    /// What would have to change for the node to be chosen; empty when nothing has to.
    public var change = ""
    /// The place among all nodes by score, from 1; 0 for a node that has none.
    public var rank = 0
    public var score = 0.0
    public var scores: [String: Double] = [:]

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("NodeID", &nodeID)
        try visitor.field("NodeName", &nodeName)
        try visitor.field("Verdict", &verdict)
        try visitor.field("Reason", &reason)
        try visitor.field("Change", &change)
        try visitor.field("Rank", &rank)
        try visitor.field("Score", &score)
        try visitor.field("Scores", &scores)
    }
}
