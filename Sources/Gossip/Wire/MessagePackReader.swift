/// Reads MessagePack values from untrusted bytes.
///
/// Never traps, never allocates more than the input holds, never recurses. Text and bytes are told apart by the reader, not by the
/// wire: go-msgpack in its old form, which memberlist uses, writes both as "raw".
package struct MessagePackReader: Sendable {
    /// Where the next value begins, from the start of the input.
    package private(set) var position: Int
    private let bytes: [UInt8]

    package init(_ bytes: [UInt8], from position: Int = 0) {
        self.bytes = bytes
        self.position = min(max(0, position), bytes.count)
    }

    /// What follows the values read so far.
    package var rest: [UInt8] { Array(bytes[position...]) }

    // MARK: - Values

    /// Reads a map with text keys; `field` reads the value of a key it knows and returns true, or returns false to have it skipped.
    /// A nil value is skipped without asking, so fields keep their defaults; nil in place of the map is an empty map.
    package mutating func readFields(
        _ field: (inout MessagePackReader, String) throws(WireError) -> Bool
    ) throws(WireError) {
        guard let count = try readCount(fixed: 0x80, wide: 0xde) else { return }
        for _ in 0..<count {
            let key = try readString(limit: 255)
            if try skipNil() { continue }
            if try !field(&self, key) { try skip() }
        }
    }

    /// Reads an array; `element` reads one of its values. Nil in place of the array is an empty one. Throws beyond `limit` elements.
    package mutating func readArray(
        limit: Int, _ element: (inout MessagePackReader) throws(WireError) -> Void
    ) throws(WireError) {
        guard let count = try readCount(fixed: 0x90, wide: 0xdc) else { return }
        guard count <= limit else { throw .malformed("an array of \(count) values, at most \(limit) are allowed") }
        for _ in 0..<count { try element(&self) }
    }

    /// Any integer that fits `Value`.
    package mutating func readInteger<Value: FixedWidthInteger>(
        as type: Value.Type = Value.self
    ) throws(WireError)
        -> Value
    {
        let code = try readByte()
        let value: Value? =
            switch code {
            case 0x00...0x7f: Value(exactly: code)
            case 0xe0...0xff: Value(exactly: Int8(bitPattern: code))
            case 0xcc: Value(exactly: try readBigEndian(1))
            case 0xcd: Value(exactly: try readBigEndian(2))
            case 0xce: Value(exactly: try readBigEndian(4))
            case 0xcf: Value(exactly: try readBigEndian(8))
            case 0xd0: Value(exactly: Int8(truncatingIfNeeded: try readBigEndian(1)))
            case 0xd1: Value(exactly: Int16(truncatingIfNeeded: try readBigEndian(2)))
            case 0xd2: Value(exactly: Int32(truncatingIfNeeded: try readBigEndian(4)))
            case 0xd3: Value(exactly: Int64(truncatingIfNeeded: try readBigEndian(8)))
            default: nil
            }
        guard let value else { throw unexpected(code, "an integer of \(Value.bitWidth) bits") }
        return value
    }

    package mutating func readBool() throws(WireError) -> Bool {
        let code = try readByte()
        switch code {
        case 0xc2: return false
        case 0xc3: return true
        default: throw unexpected(code, "true or false")
        }
    }

    /// Text or bytes of at most `limit` bytes; nil reads as none.
    package mutating func readBytes(limit: Int) throws(WireError) -> [UInt8] {
        guard let count = try readRawCount() else { return [] }
        guard count <= limit else { throw .malformed("\(count) bytes of text or data, at most \(limit) are allowed") }
        try require(count)
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    /// Valid UTF-8 of at most `limit` bytes; nil reads as the empty text.
    package mutating func readString(limit: Int) throws(WireError) -> String {
        let raw = try readBytes(limit: limit)
        guard let text = String(validating: raw, as: UTF8.self) else { throw .malformed("text that is not UTF-8") }
        return text
    }

    /// Passes over one value, whatever it holds.
    package mutating func skip() throws(WireError) {
        // Values still to pass over; each takes at least a byte, so a hostile count runs out of input.
        var pending = 1
        while pending > 0 {
            pending -= 1
            let code = try readByte()
            let (body, inner) = try sizes(of: code)
            try require(body)
            position += body
            pending += inner
        }
    }

    // MARK: - Bytes

    /// Bytes that follow `code` before the next value, and how many values then belong to it.
    private mutating func sizes(of code: UInt8) throws(WireError) -> (body: Int, inner: Int) {
        switch code {
        case 0x80...0x8f: (0, 2 * Int(code & 0x0f))
        case 0x90...0x9f: (0, Int(code & 0x0f))
        case 0xa0...0xbf: (Int(code & 0x1f), 0)
        case 0xc4, 0xd9: (Int(try readBigEndian(1)), 0)
        case 0xc5, 0xda: (Int(try readBigEndian(2)), 0)
        case 0xc6, 0xdb: (Int(try readBigEndian(4)), 0)
        case 0xc7: (Int(try readBigEndian(1)) + 1, 0)
        case 0xc8: (Int(try readBigEndian(2)) + 1, 0)
        case 0xc9: (Int(try readBigEndian(4)) + 1, 0)
        case 0xcc, 0xd0: (1, 0)
        case 0xcd, 0xd1: (2, 0)
        case 0xca, 0xce, 0xd2: (4, 0)
        case 0xcb, 0xcf, 0xd3: (8, 0)
        case 0xd4...0xd8: (1 + 1 << Int(code - 0xd4), 0)
        case 0xdc: (0, Int(try readBigEndian(2)))
        case 0xdd: (0, Int(try readBigEndian(4)))
        case 0xde: (0, 2 * Int(try readBigEndian(2)))
        case 0xdf: (0, 2 * Int(try readBigEndian(4)))
        case 0xc1: throw unexpected(code, "a value")
        default: (0, 0)
        }
    }

    /// The count of a map or array whose short codes begin at `fixed` and whose 16-bit code is `wide`; nil for nil.
    private mutating func readCount(fixed: UInt8, wide: UInt8) throws(WireError) -> Int? {
        let code = try readByte()
        if code == 0xc0 { return nil }
        if code & 0xf0 == fixed { return Int(code & 0x0f) }
        if code == wide { return Int(try readBigEndian(2)) }
        if code == wide + 1 { return Int(try readBigEndian(4)) }
        throw unexpected(code, fixed == 0x80 ? "a map" : "an array")
    }

    private mutating func readRawCount() throws(WireError) -> Int? {
        let code = try readByte()
        switch code {
        case 0xc0: return nil
        case 0xa0...0xbf: return Int(code & 0x1f)
        case 0xc4, 0xd9: return Int(try readBigEndian(1))
        case 0xc5, 0xda: return Int(try readBigEndian(2))
        case 0xc6, 0xdb: return Int(try readBigEndian(4))
        default: throw unexpected(code, "text or data")
        }
    }

    private mutating func skipNil() throws(WireError) -> Bool {
        try require(1)
        guard bytes[position] == 0xc0 else { return false }
        position += 1
        return true
    }

    private mutating func readByte() throws(WireError) -> UInt8 {
        try require(1)
        defer { position += 1 }
        return bytes[position]
    }

    private mutating func readBigEndian(_ count: Int) throws(WireError) -> UInt64 {
        try require(count)
        defer { position += count }
        return bytes[position..<position + count].reduce(0) { $0 << 8 | UInt64($1) }
    }

    private func require(_ count: Int) throws(WireError) {
        guard bytes.count - position >= count else { throw .truncated(needed: position + count) }
    }

    private func unexpected(_ code: UInt8, _ wanted: String) -> WireError {
        .malformed("MessagePack code 0x\(String(code, radix: 16)) before byte \(position), wanted \(wanted)")
    }
}
