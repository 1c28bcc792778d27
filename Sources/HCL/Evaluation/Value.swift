/// What an HCL expression evaluates to.
///
/// Lists, sets and tuples of HCL are `list` (a set is sorted and without duplicates); maps and objects are `object`.
package enum Value: Hashable, Sendable {
    case null
    case bool(Bool)
    case number(Number)
    case string(String)
    case list([Value])
    case object([String: Value])

    package static func int(_ value: Int64) -> Value { .number(.int(value)) }
    package static func int(_ value: Int) -> Value { .number(.int(Int64(value))) }

    /// The type as named in messages.
    package var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "bool"
        case .number: "number"
        case .string: "string"
        case .list: "list"
        case .object: "object"
        }
    }

    package var isPrimitive: Bool {
        switch self {
        case .bool, .number, .string: true
        case .null, .list, .object: false
        }
    }

    /// Text of a string, number or bool, as HCL converts them; nil for the rest.
    package var asString: String? {
        switch self {
        case .string(let text): text
        case .number(let number): number.description
        case .bool(let flag): flag ? "true" : "false"
        case .null, .list, .object: nil
        }
    }

    /// A number, or a string that reads as one; nil for the rest.
    package var asNumber: Number? {
        switch self {
        case .number(let number): number
        case .string(let text): Number(literal: text)
        case .null, .bool, .list, .object: nil
        }
    }

    /// A bool, or the strings `true`, `false`, `1`, `0`; nil for the rest.
    package var asBool: Bool? {
        switch self {
        case .bool(let flag): flag
        case .string("true"), .string("1"): true
        case .string("false"), .string("0"): false
        default: nil
        }
    }
}

extension Dictionary where Key == String {
    /// Members in the order of their keys' bytes, the order in which HCL walks maps and objects.
    package var sortedByKey: [(key: String, value: Value)] {
        sorted { HCL.Value.precedes($0.key, $1.key) }.map { (key: $0.key, value: $0.value) }
    }
}

extension Value {
    /// Order of strings by their UTF-8 bytes, the same on every machine.
    package static func precedes(_ left: String, _ right: String) -> Bool {
        left.utf8.lexicographicallyPrecedes(right.utf8)
    }

    /// A total order, so that sets have one form: by type, then by value.
    package static func inSetOrder(_ left: Value, _ right: Value) -> Bool {
        switch (left, right) {
        case (.number(let one), .number(let two)): one < two
        case (.string(let one), .string(let two)): precedes(one, two)
        case (.bool(let one), .bool(let two)): !one && two
        case (.list(let one), .list(let two)): one.lexicographicallyPrecedes(two, by: inSetOrder)
        case (.object(let one), .object(let two)):
            one.sortedByKey.lexicographicallyPrecedes(two.sortedByKey) { first, second in
                first.key == second.key ? inSetOrder(first.value, second.value) : precedes(first.key, second.key)
            }
        default: left.rank < right.rank
        }
    }

    private var rank: Int {
        switch self {
        case .null: 0
        case .bool: 1
        case .number: 2
        case .string: 3
        case .list: 4
        case .object: 5
        }
    }

    /// The elements as a set: without duplicates, sorted.
    package static func set(_ items: some Sequence<Value>) -> Value {
        .list(Set(items).sorted(by: inSetOrder))
    }
}
