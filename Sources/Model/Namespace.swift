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

extension Namespace {
    /// What is wrong with it, in words; empty when nothing is.
    public func problems() -> [String] {
        guard !Namespace.isValidName(name) else { return [] }
        return ["invalid namespace name \"\(name)\": use 1 to 128 letters, digits and dashes"]
    }

    /// Whether a namespace, quota or the like may have this name (Nomad docs: namespaces).
    static func isValidName(_ name: String) -> Bool {
        (1...128).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "-")
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            }
    }
}
