/// A value with a JSON form.
public protocol JSONForm: Sendable {
    func write(to writer: inout JSONWriter)

    /// Reads the form; never called with null, which leaves a field at its default.
    static func read(_ json: JSON) throws(DocumentError) -> Self

    /// The same, adding to `passedOver` the keys inside that it ignores: those ``findUnknownKeys(in:_:)`` finds, and keys that stand
    /// there twice or mean nothing here.
    static func read(_ json: JSON, passedOver: inout Int) throws(DocumentError) -> Self

    /// Whether it is empty, zero, false or absent, as a field is that nobody has set (Go's zero values).
    var isZero: Bool { get }

    /// Adds the keys in `json` that ``read(_:)`` ignores; none unless the type has fields, or elements that have.
    static func findUnknownKeys(in json: JSON, _ found: inout UnknownKeys)
}

extension JSONForm {
    @inlinable
    public var isZero: Bool { false }

    @inlinable
    public static func read(_ json: JSON, passedOver: inout Int) throws(DocumentError) -> Self { try read(json) }
}

extension Bool: JSONForm {
    @inlinable
    public var isZero: Bool { !self }

    public func write(to writer: inout JSONWriter) { writer.bool(self) }

    public static func read(_ json: JSON) throws(DocumentError) -> Bool {
        guard let flag = json.bool else { throw .expected("true or false", got: json) }
        return flag
    }
}

extension String: JSONForm {
    @inlinable
    public var isZero: Bool { isEmpty }

    public func write(to writer: inout JSONWriter) { writer.string(self) }

    public static func read(_ json: JSON) throws(DocumentError) -> String {
        guard let text = json.string else { throw .expected("a string", got: json) }
        return text
    }
}

extension Double: JSONForm {
    public func write(to writer: inout JSONWriter) { writer.number(self) }

    public static func read(_ json: JSON) throws(DocumentError) -> Double {
        guard let value = json.double else { throw .expected("a number", got: json) }
        return value
    }
}

extension FixedWidthInteger where Self: JSONForm {
    @inlinable
    public var isZero: Bool { self == 0 }

    @inlinable
    public func write(to writer: inout JSONWriter) { writer.integer(self) }

    @inlinable
    public static func read(_ json: JSON) throws(DocumentError) -> Self {
        if let value = json.integer {
            guard let fitting = Self(exactly: value) else {
                throw DocumentError(message: "\(value) is out of range \(Self.min)...\(Self.max)")
            }
            return fitting
        }
        // Beyond Int64 the parser yields a Double, exact only for some values; accept those that are.
        if let value = json.double, let exact = Self(exactly: value) { return exact }
        throw .expected("a whole number", got: json)
    }
}

extension Int: JSONForm {}
extension Int8: JSONForm {}
extension Int32: JSONForm {}
extension Int64: JSONForm {}
extension UInt8: JSONForm {}
extension UInt16: JSONForm {}
extension UInt32: JSONForm {}
extension UInt64: JSONForm {}

extension ID: JSONForm {
    public var isZero: Bool { isNone }

    public func write(to writer: inout JSONWriter) { writer.id(self) }

    public static func read(_ json: JSON) throws(DocumentError) -> ID {
        guard let text = json.string else { throw .expected("an id in quotes", got: json) }
        guard let id = ID(text) else { throw DocumentError(message: "\"\(text)\" is not a UUID") }
        return id
    }
}

/// Nanoseconds since the epoch, as a number.
extension Timestamp: JSONForm {
    public var isZero: Bool { nanoseconds == 0 }

    public func write(to writer: inout JSONWriter) { writer.integer(nanoseconds) }

    public static func read(_ json: JSON) throws(DocumentError) -> Timestamp {
        if let text = json.string {
            guard let time = Timestamp(rfc3339: text) else { throw DocumentError(message: "\"\(text)\" is not a time") }
            return time
        }
        return Timestamp(nanoseconds: try Int64.read(json))
    }
}

/// A ``Timestamp`` written as RFC 3339 text.
public struct TimeText: JSONForm, Equatable {
    public var time: Timestamp

    public init(_ time: Timestamp = .never) { self.time = time }

    public func write(to writer: inout JSONWriter) { writer.string(time.rfc3339) }

    public static func read(_ json: JSON) throws(DocumentError) -> TimeText { TimeText(try Timestamp.read(json)) }
}

/// Nanoseconds as a number; read from Go's text form (`"30s"`) too.
extension Duration: JSONForm {
    public var isZero: Bool { self == .zero }

    public func write(to writer: inout JSONWriter) { writer.integer(nanosecondCount) }

    public static func read(_ json: JSON) throws(DocumentError) -> Duration {
        if let text = json.string {
            guard let duration = Duration(goText: text) else {
                throw DocumentError(message: "\"\(text)\" is not a duration such as \"30s\" or \"1h30m\"")
            }
            return duration
        }
        return .nanoseconds(try Int64.read(json))
    }
}

extension JSON: JSONForm {
    public var isZero: Bool { isNull }

    public func write(to writer: inout JSONWriter) { writer.value(self) }

    public static func read(_ json: JSON) throws(DocumentError) -> JSON { json }
}

extension Optional: JSONForm where Wrapped: JSONForm {
    @inlinable
    public var isZero: Bool { self == nil }

    @inlinable
    public func write(to writer: inout JSONWriter) {
        if let self { self.write(to: &writer) } else { writer.null() }
    }

    @inlinable
    public static func read(_ json: JSON) throws(DocumentError) -> Wrapped? { try Wrapped.read(json) }

    @inlinable
    public static func read(_ json: JSON, passedOver: inout Int) throws(DocumentError) -> Wrapped? {
        try Wrapped.read(json, passedOver: &passedOver)
    }

    public static func findUnknownKeys(in json: JSON, _ found: inout UnknownKeys) {
        Wrapped.findUnknownKeys(in: json, &found)
    }
}

/// Empty arrays are written as null, as Go writes an unset slice.
extension Array: JSONForm where Element: JSONForm {
    @inlinable
    public var isZero: Bool { isEmpty }

    @inlinable
    public func write(to writer: inout JSONWriter) {
        guard !isEmpty else { return writer.null() }
        writer.beginArray()
        for element in self { element.write(to: &writer) }
        writer.endArray()
    }

    @inlinable
    public static func read(_ json: JSON) throws(DocumentError) -> [Element] {
        var passedOver = 0
        return try read(json, passedOver: &passedOver)
    }

    @inlinable
    public static func read(_ json: JSON, passedOver: inout Int) throws(DocumentError) -> [Element] {
        guard let items = json.array else { throw .expected("an array", got: json) }
        var elements: [Element] = []
        elements.reserveCapacity(items.count)
        for (position, item) in items.enumerated() {
            do {
                elements.append(try Element.read(item, passedOver: &passedOver))
            } catch {
                throw error.inside("[\(position)]")
            }
        }
        return elements
    }

    public static func findUnknownKeys(in json: JSON, _ found: inout UnknownKeys) {
        for (position, item) in (json.array ?? []).enumerated() {
            found.inside(.index(position), item, readAs: Element.self)
        }
    }
}

/// Empty maps are written as null; keys in byte order, so equal maps give equal bytes.
extension Dictionary: JSONForm where Key == String, Value: JSONForm {
    @inlinable
    public var isZero: Bool { isEmpty }

    @inlinable
    public func write(to writer: inout JSONWriter) {
        guard !isEmpty else { return writer.null() }
        writer.beginObject()
        for (key, value) in sorted(by: { $0.key < $1.key }) {
            writer.key(key)
            value.write(to: &writer)
        }
        writer.endObject()
    }

    @inlinable
    public static func read(_ json: JSON) throws(DocumentError) -> [String: Value] {
        var passedOver = 0
        return try read(json, passedOver: &passedOver)
    }

    @inlinable
    public static func read(_ json: JSON, passedOver: inout Int) throws(DocumentError) -> [String: Value] {
        guard let object = json.object else { throw .expected("an object", got: json) }
        var values: [String: Value] = [:]
        for (key, member) in object.members {
            do {
                values[key] = try Value.read(member, passedOver: &passedOver)
            } catch {
                throw error.inside(key)
            }
        }
        return values
    }

    public static func findUnknownKeys(in json: JSON, _ found: inout UnknownKeys) {
        for (key, member) in json.object?.members ?? [] { found.inside(.key(key), member, readAs: Value.self) }
    }
}

/// Enumerations with text values travel as their text.
extension RawRepresentable where RawValue == String, Self: JSONForm {
    @inlinable
    public var isZero: Bool { rawValue.isEmpty }

    @inlinable
    public func write(to writer: inout JSONWriter) { writer.string(rawValue) }

    @inlinable
    public static func read(_ json: JSON) throws(DocumentError) -> Self {
        guard let text = json.string else { throw .expected("a string", got: json) }
        guard let value = Self(rawValue: text) else { throw DocumentError(message: "unknown value \"\(text)\"") }
        return value
    }
}
