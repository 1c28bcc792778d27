public import Basics

/// A set of jobs with names of their own.
public struct Namespace: Document {
    public var name = ""
    public var description = ""
    public var quota = ""
    public var meta: [String: String] = [:]
    public var createIndex: UInt64 = 0
    public var modifyIndex: UInt64 = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("Description", &description)
        try visitor.field("Quota", &quota)
        try visitor.field("Meta", &meta)
        try visitor.field("CreateIndex", &createIndex)
        try visitor.field("ModifyIndex", &modifyIndex)
    }
}
