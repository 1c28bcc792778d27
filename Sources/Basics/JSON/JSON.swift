/// A JSON value (RFC 8259); objects keep the order of their members, so equal input gives equal output.
public enum JSON: Equatable, Sendable {
    case null
    case bool(Bool)
    /// A number without fraction or exponent that fits.
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSON])
    case object(JSONObject)

    public static func object(_ members: [(String, JSON)]) -> JSON { .object(JSONObject(members)) }

    public var isNull: Bool { if case .null = self { true } else { false } }

    public var string: String? { if case .string(let text) = self { text } else { nil } }

    public var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }

    public var array: [JSON]? { if case .array(let items) = self { items } else { nil } }

    public var object: JSONObject? { if case .object(let object) = self { object } else { nil } }

    /// An integer, or a number without a fraction that fits.
    public var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int64(exactly: value)
        default: nil
        }
    }

    public var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// The member of an object, or nil.
    public subscript(key: String) -> JSON? { object?[key] }

    /// What kind of value this is, for messages.
    public var kindName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer, .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// The value as compact UTF-8 text.
    public var bytes: [UInt8] {
        var writer = JSONWriter()
        writer.value(self)
        return writer.bytes
    }

    public var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// The members of a JSON object in order of appearance; of members with one key the last counts.
public struct JSONObject: Equatable, Sendable {
    public private(set) var members: [(key: String, value: JSON)]

    public init(_ members: [(String, JSON)] = []) {
        self.members = members.map { (key: $0.0, value: $0.1) }
    }

    public var isEmpty: Bool { members.isEmpty }
    public var keys: [String] { members.map(\.key) }

    public subscript(key: String) -> JSON? {
        get { members.last { $0.key == key }?.value }
        set {
            members.removeAll { $0.key == key && newValue == nil }
            guard let newValue else { return }
            if let position = members.firstIndex(where: { $0.key == key }) {
                members[position].value = newValue
            } else {
                members.append((key, newValue))
            }
        }
    }

    /// Adds a member without looking for an earlier one of the same key.
    public mutating func append(_ key: String, _ value: JSON) {
        if members.isEmpty { members.reserveCapacity(8) }
        members.append((key, value))
    }

    /// The member whose key is equal but for ASCII case; an exact match wins.
    public func member(foldingCase key: String) -> JSON? {
        if let exact = self[key] { return exact }
        return members.last { JSONObject.equalFoldingCase($0.key, key) }?.value
    }

    static func equalFoldingCase(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count
            && zip(left.utf8, right.utf8).allSatisfy { a, b in
                a == b || (a | 0x20 == b | 0x20 && (0x61...0x7a).contains(a | 0x20))
            }
    }

    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.members.count == right.members.count
            && zip(left.members, right.members).allSatisfy { $0.key == $1.key && $0.value == $1.value }
    }
}
