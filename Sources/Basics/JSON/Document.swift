internal import Synchronization

/// An object with named fields, described once and thereby written, read, compared and listed.
///
/// A type names its fields in one method; visitors do the rest:
/// ```swift
/// public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
///     try visitor.field("Name", &name)
///     try visitor.field("KillTimeout", &killTimeout)
/// }
/// ```
/// The names are the HTTP API's. Reading ignores unknown names and leaves absent ones at their defaults, so an older and a
/// newer agent understand each other.
public protocol Document: JSONForm, Equatable {
    /// All fields at their defaults.
    init()

    /// Shows every field to `visitor`, in the order in which they are written.
    mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError)

    /// Names the API has that mean nothing here: read over, and no ``UnknownKeys``.
    static var ignoredFieldNames: [String] { get }

    /// ``visitFields(_:)`` for the visitors that run for every request or log entry. Requirements of their own, so that
    /// each type brings a version made for its fields; nobody writes them by hand. What calls them must not be inlinable: it
    /// would call the general version of types of other modules.
    func encodeFields(to encoder: inout FieldEncoder)
    mutating func decodeFields(from decoder: inout FieldDecoder) throws(DocumentError)
    mutating func findFields(with finder: inout FieldFinder)
}

extension Document {
    @inlinable
    public func encodeFields(to encoder: inout FieldEncoder) {
        var copy = self
        try? copy.visitFields(&encoder)
    }

    @inlinable
    public mutating func decodeFields(from decoder: inout FieldDecoder) throws(DocumentError) {
        try visitFields(&decoder)
    }

    @inlinable
    public mutating func findFields(with finder: inout FieldFinder) { try? visitFields(&finder) }
}

/// Sees the fields of a ``Document`` one after the other.
public protocol FieldVisitor {
    mutating func field<Value: JSONForm>(_ name: StaticString, _ value: inout Value) throws(DocumentError)
}

/// A value of the wrong kind: where (a path such as `Job.TaskGroups[0].Count`) and what was expected.
public struct DocumentError: Error, Equatable, Sendable, CustomStringConvertible {
    public var path: String
    public let message: String

    public init(path: String = "", message: String) {
        self.path = path
        self.message = message
    }

    /// The same error one level further out.
    public func inside(_ name: String) -> DocumentError {
        let joined = path.isEmpty ? name : path.hasPrefix("[") ? name + path : name + "." + path
        return DocumentError(path: joined, message: message)
    }

    @usableFromInline
    static func expected(_ what: String, got value: JSON) -> DocumentError {
        DocumentError(message: "expected \(what), got \(value.kindName)")
    }

    public var description: String { path.isEmpty ? message : "\(path): \(message)" }
}

extension Document {
    /// The document as compact JSON text.
    public var jsonBytes: [UInt8] {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.bytes
    }

    /// ``jsonBytes`` without the fields that are zero, and are so when they are left out: for what many machines read and keep.
    /// Therefore a field whose default was zero in any release must keep it.
    public var terseBytes: [UInt8] {
        var writer = JSONWriter(isTerse: true)
        write(to: &writer)
        return writer.bytes
    }

    public var json: JSON {
        var lister = FieldLister()
        var copy = self
        try? copy.visitFields(&lister)
        return .object(lister.fields)
    }

    /// Reads JSON text; throws ``JSONError`` or ``DocumentError``.
    public init(json bytes: some Collection<UInt8>) throws {
        try self.init(json: try JSONParser.parse(bytes))
    }

    public init(json: JSON) throws(DocumentError) {
        var passedOver = 0
        try self.init(json: json, passedOver: &passedOver)
    }

    /// The same, adding to `passedOver` the members that are no fields, at any depth: ``UnknownKeys`` can be looked for then.
    public init(json: JSON, passedOver: inout Int) throws(DocumentError) {
        guard case .object(let object) = json else { throw .expected("an object", got: json) }
        self.init()
        var decoder = FieldDecoder(object: object)
        try decodeFields(from: &decoder)
        passedOver += decoder.passedOver
    }

    /// The document's field names, in order.
    public static var fieldNames: [String] {
        var lister = FieldLister()
        var empty = Self()
        try? empty.visitFields(&lister)
        return lister.fields.map(\.0)
    }

    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        // Swapped, not assigned: a second reference would make the next append copy all that has been written.
        var encoder = FieldEncoder(
            writer: JSONWriter(capacity: 0), needed: writer.isTerse ? NonzeroDefaults.of(Self.self) : NonzeroDefaults())
        swap(&writer, &encoder.writer)
        encodeFields(to: &encoder)
        swap(&writer, &encoder.writer)
        writer.endObject()
    }

    public static func read(_ json: JSON) throws(DocumentError) -> Self { try Self(json: json) }

    public static func read(_ json: JSON, passedOver: inout Int) throws(DocumentError) -> Self {
        try Self(json: json, passedOver: &passedOver)
    }
}

/// Writes the fields of a document.
public struct FieldEncoder: FieldVisitor {
    @usableFromInline var writer: JSONWriter
    /// Fields that a terse writer needs even when they are zero.
    @usableFromInline let needed: NonzeroDefaults

    init(writer: JSONWriter, needed: NonzeroDefaults) {
        self.writer = writer
        self.needed = needed
    }

    @inlinable
    public mutating func field<Value: JSONForm>(_ name: StaticString, _ value: inout Value) {
        if writer.isTerse, value.isZero, !(needed.lengths.mayContain(name) && needed.contains(name)) { return }
        writer.key(name)
        value.write(to: &writer)
    }
}

/// The fields of a type that are not zero by default, so that leaving them out does not mean zero.
@usableFromInline
struct NonzeroDefaults: Sendable {
    private var names: [StaticString] = []
    @usableFromInline private(set) var lengths = KeyLengths()

    init() {}

    @usableFromInline
    func contains(_ name: StaticString) -> Bool { names.contains { $0.isSpelt(name) } }

    private static let known = Mutex<[ObjectIdentifier: NonzeroDefaults]>([:])

    static func of<Kind: Document>(_ kind: Kind.Type) -> NonzeroDefaults {
        known.withLock { known in
            if let defaults = known[ObjectIdentifier(kind)] { return defaults }
            var finder = Finder()
            var empty = Kind()
            try? empty.visitFields(&finder)
            known[ObjectIdentifier(kind)] = finder.defaults
            return finder.defaults
        }
    }

    private struct Finder: FieldVisitor {
        var defaults = NonzeroDefaults()

        mutating func field<Value: JSONForm>(_ name: StaticString, _ value: inout Value) {
            guard !value.isZero else { return }
            defaults.names.append(name)
            defaults.lengths.add(name.utf8CodeUnitCount)
        }
    }
}

/// Reads the fields of a document.
public struct FieldDecoder: FieldVisitor {
    private let object: JSONObject
    @usableFromInline let lengths: KeyLengths
    private var cursor = 0
    private var readCount = 0
    /// Members inside those that were read.
    @usableFromInline var passedOverInside = 0

    /// Members that are no fields of the object and of what is in it.
    var passedOver: Int { object.members.count - readCount + passedOverInside }

    init(object: JSONObject) {
        self.object = object
        lengths = KeyLengths(object)
    }

    @inlinable
    public mutating func field<Value: JSONForm>(_ name: StaticString, _ value: inout Value) throws(DocumentError) {
        guard lengths.mayContain(name), let member = next(named: name), !member.isNull else { return }
        do {
            value = try Value.read(member, passedOver: &passedOverInside)
        } catch {
            throw error.inside(name.description)
        }
    }

    /// The member of that name, whatever the ASCII case of its key if none is spelt the same. Members mostly come in the order
    /// asked, so the cursor nearly always hits; once all are read, the other fields are known to be absent.
    @usableFromInline
    mutating func next(named name: StaticString) -> JSON? {
        guard readCount < object.members.count, let position = object.position(of: name, near: cursor) else {
            return nil
        }
        cursor = position + 1
        readCount += 1
        return object.members[position].value
    }
}

/// How long an object's keys are: tells without a look at them that most fields are absent.
@usableFromInline
struct KeyLengths: Sendable {
    /// Bit n is set for a key of n bytes, or of n and some times 64.
    @usableFromInline private(set) var bits: UInt64 = 0

    init() {}

    init(_ object: JSONObject) { for member in object.members { add(member.key.utf8.count) } }

    mutating func add(_ length: Int) { bits |= 1 << UInt64(length & 63) }

    @inlinable
    func mayContain(_ name: StaticString) -> Bool { bits >> UInt64(name.utf8CodeUnitCount & 63) & 1 == 1 }
}

extension JSONObject {
    /// Where the member of that name stands: the last one that is spelt the same, else the last one that is but for ASCII case.
    /// The one at `cursor` is taken if it is spelt the same.
    func position(of name: StaticString, near cursor: Int) -> Int? {
        members.withUnsafeBufferPointer { members in
            if cursor < members.count, members[cursor].key.isSpelt(name) { return cursor }
            var folded: Int?
            for position in stride(from: members.count - 1, through: 0, by: -1) {
                guard members[position].key.utf8.count == name.utf8CodeUnitCount else { continue }
                if members[position].key.isSpelt(name) { return position }
                if folded == nil, members[position].key.isSpelt(name, foldingCase: true) { folded = position }
            }
            return folded
        }
    }
}

extension StaticString {
    fileprivate func isSpelt(_ other: StaticString) -> Bool {
        utf8CodeUnitCount == other.utf8CodeUnitCount
            && UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
                .elementsEqual(UnsafeBufferPointer(start: other.utf8Start, count: utf8CodeUnitCount))
    }
}

extension String {
    /// Whether its bytes are those of `name`, but for the case of ASCII letters if that is folded.
    func isSpelt(_ name: StaticString, foldingCase: Bool = false) -> Bool {
        guard utf8.count == name.utf8CodeUnitCount else { return false }
        let compare: (UnsafeBufferPointer<UInt8>) -> Bool = { bytes in
            for index in 0..<bytes.count {
                let (own, wanted) = (bytes[index], name.utf8Start[index])
                guard own != wanted else { continue }
                guard foldingCase, own | 0x20 == wanted | 0x20, (0x61...0x7a).contains(own | 0x20) else { return false }
            }
            return true
        }
        return utf8.withContiguousStorageIfAvailable(compare) ?? Array(utf8).withUnsafeBufferPointer(compare)
    }
}

/// Collects fields as name and JSON value: for differences and field lists.
struct FieldLister: FieldVisitor {
    var fields: [(String, JSON)] = []

    mutating func field<Value: JSONForm>(_ name: StaticString, _ value: inout Value) {
        var writer = JSONWriter()
        value.write(to: &writer)
        fields.append((name.description, (try? JSONParser.parse(writer.bytes)) ?? .null))
    }
}
