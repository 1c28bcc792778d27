public import Basics

/// A condition a node must meet.
public struct Constraint: Document {
    /// The attribute, such as `${attr.kernel.name}`.
    public var lTarget = ""
    public var rTarget = ""
    /// `=` `!=` `>` `>=` `<` `<=` `regexp` `version` `semver` `set_contains` `set_contains_any` `is_set` `is_not_set` `distinct_hosts` `distinct_property`.
    public var operand = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("LTarget", &lTarget)
        try visitor.field("RTarget", &rTarget)
        try visitor.field("Operand", &operand)
    }
}

/// A condition that raises or lowers a node's score.
public struct Affinity: Document {
    public var lTarget = ""
    public var rTarget = ""
    public var operand = ""
    /// -100...100, not 0; nil means left out: 50.
    public var weight: Int?

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("LTarget", &lTarget)
        try visitor.field("RTarget", &rTarget)
        try visitor.field("Operand", &operand)
        try visitor.field("Weight", &weight)
    }
}

/// Allocations are to be spread over the values of an attribute.
public struct Spread: Document {
    public var attribute = ""
    /// 0...100; nil means left out: 50.
    public var weight: Int?
    public var spreadTarget: [SpreadTarget] = []

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Attribute", &attribute)
        try visitor.field("Weight", &weight)
        try visitor.field("SpreadTarget", &spreadTarget)
    }
}

/// The share of allocations wanted on one value.
public struct SpreadTarget: Document {
    public var value = ""
    public var percent = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Value", &value)
        try visitor.field("Percent", &percent)
    }
}
