public import Basics

/// When a write of a job is to be answered.
public enum PlacementMode: String, JSONForm, CaseIterable {
    /// Once it is stored; its evaluation is processed in turn.
    case queued = ""
    /// Once it is placed: its evaluation goes ahead of all others, and the answer says what came of it.
    case immediate

    public static func read(_ json: JSON) throws(DocumentError) -> PlacementMode {
        let text = try String.read(json)
        guard let mode = PlacementMode(rawValue: text) else {
            throw DocumentError(message: "unknown value \"\(text)\": use \"immediate\", or leave it out")
        }
        return mode
    }
}

/// What came of a job's evaluation, for a caller that waited for it.
public struct PlacementReport: Document {
    /// `pending` when the evaluation was not processed in time: it goes on, and ``evalID`` tells when it is done.
    public var status = EvaluationStatus.pending
    public var statusDescription = ""
    public var evalID = ID.none
    public var allocations: [PlacedAllocation] = []
    /// Why instances were not placed, by task group.
    public var failed: [String: AllocationMetric] = [:]

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Status", &status)
        try visitor.field("StatusDescription", &statusDescription)
        try visitor.field("EvalID", &evalID)
        try visitor.field("Allocations", &allocations)
        try visitor.field("Failed", &failed)
    }
}

/// Where an allocation was put.
public struct PlacedAllocation: Document {
    public var id = ID.none
    public var name = ""
    public var taskGroup = ""
    public var nodeID = ID.none
    public var nodeName = ""
    public var ports: [PortMapping] = []

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ID", &id)
        try visitor.field("Name", &name)
        try visitor.field("TaskGroup", &taskGroup)
        try visitor.field("NodeID", &nodeID)
        try visitor.field("NodeName", &nodeName)
        try visitor.field("Ports", &ports)
    }
}
