public import Basics

/// How a placement was decided.
public struct AllocationMetric: Document {
    public var nodesEvaluated = 0
    public var nodesFiltered = 0
    public var nodesInPool = 0
    public var nodePool = ""
    /// Ready nodes per datacenter.
    public var nodesAvailable: [String: Int] = [:]
    public var classFiltered: [String: Int] = [:]
    public var constraintFiltered: [String: Int] = [:]
    public var nodesExhausted = 0
    public var classExhausted: [String: Int] = [:]
    public var dimensionExhausted: [String: Int] = [:]
    public var quotaExhausted: [String] = []
    public var resourcesExhausted: [String: Resources] = [:]
    public var scores: [String: Double] = [:]
    public var allocationTime = Duration.zero
    public var coalescedFailures = 0
    public var scoreMetaData: [NodeScoreMeta] = []

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("NodesEvaluated", &nodesEvaluated)
        try visitor.field("NodesFiltered", &nodesFiltered)
        try visitor.field("NodesInPool", &nodesInPool)
        try visitor.field("NodePool", &nodePool)
        try visitor.field("NodesAvailable", &nodesAvailable)
        try visitor.field("ClassFiltered", &classFiltered)
        try visitor.field("ConstraintFiltered", &constraintFiltered)
        try visitor.field("NodesExhausted", &nodesExhausted)
        try visitor.field("ClassExhausted", &classExhausted)
        try visitor.field("DimensionExhausted", &dimensionExhausted)
        try visitor.field("QuotaExhausted", &quotaExhausted)
        try visitor.field("ResourcesExhausted", &resourcesExhausted)
        try visitor.field("Scores", &scores)
        try visitor.field("AllocationTime", &allocationTime)
        try visitor.field("CoalescedFailures", &coalescedFailures)
        try visitor.field("ScoreMetaData", &scoreMetaData)
    }
}

/// The score of one node by component.
public struct NodeScoreMeta: Document {
    public var nodeID = ID.none
    public var scores: [String: Double] = [:]
    public var normScore: Double = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("NodeID", &nodeID)
        try visitor.field("Scores", &scores)
        try visitor.field("NormScore", &normScore)
    }
}
