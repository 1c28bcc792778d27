/// A JSON value: configurations, task documents and results of the ABI.
///
/// Numbers without fraction or exponent that fit are `integer`. Object members keep no order; text is written with
/// sorted keys, so equal values have equal text.
public enum JSON: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(floatLiteral value: Double) { self = .number(value) }
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    public init(nilLiteral: ()) { self = .null }
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(Dictionary(elements, uniquingKeysWith: { _, last in last }))
    }
}

extension JSON {
    /// The member `key` of an object; `nil` when absent, when its value is null, and for anything but an object.
    public subscript(key: String) -> JSON? {
        guard case .object(let members) = self, let value = members[key], value != .null else { return nil }
        return value
    }

    public var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    public var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The value as an integer; a fraction of zero is accepted, as some writers produce `5.0`.
    public var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int64(exactly: value)
        default: nil
        }
    }

    public var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    public var array: [JSON]? {
        if case .array(let value) = self { value } else { nil }
    }

    public var object: [String: JSON]? {
        if case .object(let value) = self { value } else { nil }
    }

    /// The value as a list of texts; `nil` if it is none or has other elements.
    public var strings: [String]? {
        guard let array else { return nil }
        let texts = array.compactMap(\.string)
        return texts.count == array.count ? texts : nil
    }
}

// MARK: - Typed access to configuration

extension JSON {
    /// The member `key`, converted by `convert`; `otherwise` when it is absent.
    ///
    /// The host has checked types against the manifest's schema before, so this fails only for plug-ins without one.
    /// - Throws: ``PluginError/Code/invalid`` naming the key and the type wanted.
    public func value<Value>(
        _ key: String, _ type: String, _ convert: (JSON) -> Value?, otherwise: Value
    ) throws(PluginError) -> Value {
        guard let member = self[key] else { return otherwise }
        guard let value = convert(member) else { throw PluginError(.invalid, "\"\(key)\" must be \(type)") }
        return value
    }

    /// A text.
    public func text(_ key: String, otherwise: String = "") throws(PluginError) -> String {
        try value(key, "a string", { $0.string }, otherwise: otherwise)
    }

    /// A text that must be there and not be empty.
    public func requiredText(_ key: String) throws(PluginError) -> String {
        let text = try text(key)
        guard !text.isEmpty else { throw PluginError(.invalid, "\"\(key)\" is required and must not be empty") }
        return text
    }

    /// A list of texts.
    public func texts(_ key: String) throws(PluginError) -> [String] {
        try value(key, "a list of strings", { $0.strings }, otherwise: [])
    }

    /// A truth value.
    public func flag(_ key: String, otherwise: Bool = false) throws(PluginError) -> Bool {
        try value(key, "true or false", { $0.bool }, otherwise: otherwise)
    }

    /// An integer inside `range`.
    public func int(
        _ key: String, in range: ClosedRange<Int64> = .min ... .max, otherwise: Int64 = 0
    ) throws(PluginError) -> Int64 {
        let number = try value(key, "an integer", { $0.integer }, otherwise: otherwise)
        guard range.contains(number) else {
            throw PluginError(.invalid, "\"\(key)\" is \(number), outside \(range.lowerBound)...\(range.upperBound)")
        }
        return number
    }

    /// A duration in nanoseconds: an integer, as the host passes "duration" keys, or text such as "1m30s".
    public func nanoseconds(_ key: String, otherwise: Int64 = 0) throws(PluginError) -> Int64 {
        let convert = { (value: JSON) in value.integer ?? value.string.flatMap(parseDuration) }
        return try value(key, "a duration such as \"30s\"", convert, otherwise: otherwise)
    }
}

/// Nanoseconds of text such as "1h2m3.5s" or "250ms"; `nil` when it is none. The units are h, m, s, ms, us, ns.
func parseDuration(_ text: String) -> Int64? {
    var total = 0.0
    var rest = Substring(text)
    guard !rest.isEmpty, text.utf8.count <= 64 else { return nil }
    while !rest.isEmpty {
        let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        rest = rest.dropFirst(digits.count)
        let unit = rest.prefix { $0.isASCII && $0.isLetter }
        rest = rest.dropFirst(unit.count)
        let scales = ["h": 3600e9, "m": 60e9, "s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1]
        guard let amount = Double(digits), let scale = scales[String(unit)] else { return nil }
        total += amount * scale
    }
    return total < 9.2e18 ? Int64(total) : nil
}
