/// Writes compact JSON into one growing buffer; commas are placed by the writer.
public struct JSONWriter: Sendable {
    public private(set) var bytes: [UInt8] = []
    private var needsComma = false
    /// Whether documents leave out fields that are zero.
    @usableFromInline let isTerse: Bool

    public init(capacity: Int = 256, isTerse: Bool = false) {
        self.isTerse = isTerse
        bytes.reserveCapacity(capacity)
    }

    public mutating func beginObject() { open(UInt8(ascii: "{")) }
    public mutating func endObject() { close(UInt8(ascii: "}")) }
    public mutating func beginArray() { open(UInt8(ascii: "[")) }
    public mutating func endArray() { close(UInt8(ascii: "]")) }

    /// A member's key; the next call writes its value.
    public mutating func key(_ key: String) {
        comma()
        quoted(key)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// A member's key known to need no escapes.
    @inlinable
    public mutating func key(_ key: StaticString) {
        literalKey(UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount))
    }

    @usableFromInline
    mutating func literalKey(_ key: UnsafeBufferPointer<UInt8>) {
        // Put together beside, as every append to the array costs more than its byte.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: key.count + 4) { piece in
            var end = 0
            if needsComma {
                piece[0] = UInt8(ascii: ",")
                end = 1
            }
            piece[end] = 0x22
            end = piece[(end + 1)...].update(fromContentsOf: key)
            piece[end] = 0x22
            piece[end + 1] = UInt8(ascii: ":")
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: piece[..<(end + 2)]))
        }
        needsComma = false
    }

    public mutating func null() { literal("null") }
    public mutating func bool(_ flag: Bool) { literal(flag ? "true" : "false") }

    public mutating func integer(_ value: some BinaryInteger) {
        comma()
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        decimal(UInt64(value.magnitude))
    }

    /// A number; infinities and not-a-number, which JSON lacks, become null.
    public mutating func number(_ value: Double) {
        guard value.isFinite else { return null() }
        if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 { return integer(whole) }
        comma()
        bytes.append(contentsOf: value.description.utf8)
    }

    public mutating func string(_ text: String) {
        comma()
        quoted(text)
    }

    /// An id in quotes; the absent one is the empty string.
    public mutating func id(_ id: ID) {
        comma()
        bytes.append(0x22)
        if !id.isNone {
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 36) { buffer in
                id.write(into: buffer)
                bytes.append(contentsOf: buffer)
            }
        }
        bytes.append(0x22)
    }

    /// Bytes that are JSON already.
    public mutating func raw(_ json: some Sequence<UInt8>) {
        comma()
        bytes.append(contentsOf: json)
    }

    public mutating func value(_ value: JSON) {
        switch value {
        case .null: null()
        case .bool(let flag): bool(flag)
        case .integer(let number): integer(number)
        case .number(let number): self.number(number)
        case .string(let text): string(text)
        case .array(let items):
            beginArray()
            for item in items { self.value(item) }
            endArray()
        case .object(let object):
            beginObject()
            for (key, member) in object.members {
                self.key(key)
                self.value(member)
            }
            endObject()
        }
    }

    private mutating func open(_ bracket: UInt8) {
        comma()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func literal(_ word: String) {
        comma()
        bytes.append(contentsOf: word.utf8)
    }

    private mutating func comma() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func decimal(_ value: UInt64) {
        guard value >= 10 else { return bytes.append(0x30 + UInt8(value)) }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { buffer in
            var rest = value
            var start = 20
            while rest > 0 {
                start -= 1
                buffer[start] = 0x30 + UInt8(rest % 10)
                rest /= 10
            }
            bytes.append(contentsOf: buffer[start...])
        }
    }

    private mutating func quoted(_ text: String) {
        bytes.append(0x22)
        var text = text
        let plain = text.withUTF8 { utf8 -> Bool in
            guard utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x22 && $0 != 0x5c }) else { return false }
            bytes.append(contentsOf: utf8)
            return true
        }
        if !plain { for byte in text.utf8 { escaped(byte) } }
        bytes.append(0x22)
    }

    private mutating func escaped(_ byte: UInt8) {
        switch byte {
        case 0x22, 0x5c: bytes.append(contentsOf: [0x5c, byte])
        case 0x0a: bytes.append(contentsOf: [0x5c, UInt8(ascii: "n")])
        case 0x0d: bytes.append(contentsOf: [0x5c, UInt8(ascii: "r")])
        case 0x09: bytes.append(contentsOf: [0x5c, UInt8(ascii: "t")])
        case 0..<0x20: bytes.append(contentsOf: "\\u00".utf8 + [Hex.digit(byte >> 4), Hex.digit(byte & 15)])
        default: bytes.append(byte)
        }
    }
}
