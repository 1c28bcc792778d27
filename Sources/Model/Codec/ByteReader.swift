package import Basics

/// Bytes that are no valid entry or snapshot: what is wrong and at which byte.
package struct CodecError: Error, Equatable, Sendable, CustomStringConvertible {
    package let message: String
    package let position: Int

    package init(message: String, position: Int) {
        self.message = message
        self.position = position
    }

    package var description: String { "damaged state data at byte \(position): \(message)" }
}

/// Reads what ``ByteWriter`` wrote; every length is checked against what is there before it is believed.
package struct ByteReader {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    package init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    package init(_ bytes: [UInt8]) { self.init(bytes[...]) }

    package var isAtEnd: Bool { position == bytes.endIndex }

    package var left: Int { bytes.endIndex - position }

    package mutating func byte() throws(CodecError) -> UInt8 {
        guard position < bytes.endIndex else { throw error("unexpected end") }
        position += 1
        return bytes[position - 1]
    }

    package mutating func flag() throws(CodecError) -> Bool { try byte() != 0 }

    package mutating func number() throws(CodecError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            let next = try byte()
            value |= UInt64(next & 0x7f) << shift
            if next & 0x80 == 0 { return value }
        }
        throw error("a number longer than 64 bits")
    }

    package mutating func number<Number: FixedWidthInteger>(as type: Number.Type) throws(CodecError) -> Number {
        let value = try number()
        guard let fitting = Number(exactly: value) else { throw error("\(value) does not fit \(Number.self)") }
        return fitting
    }

    package mutating func signed() throws(CodecError) -> Int64 {
        let value = try number()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    package mutating func word() throws(CodecError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 8) { value |= UInt64(try byte()) << shift }
        return value
    }

    package mutating func id() throws(CodecError) -> ID { ID(high: try word(), low: try word()) }

    package mutating func data() throws(CodecError) -> ArraySlice<UInt8> {
        let count = try number(as: Int.self)
        guard count <= left else { throw error("\(count) bytes announced, \(left) left") }
        position += count
        return bytes[position - count..<position]
    }

    package mutating func text() throws(CodecError) -> String {
        let start = position
        guard let text = String(validating: try data(), as: UTF8.self) else {
            throw CodecError(message: "text is not valid UTF-8", position: start)
        }
        return text
    }

    package mutating func time() throws(CodecError) -> Timestamp { Timestamp(nanoseconds: try signed()) }

    package mutating func json() throws(CodecError) -> JSON {
        let bytes = try data()
        do {
            return try JSONParser.parse(bytes)
        } catch {
            throw self.error("\(error)")
        }
    }

    package mutating func document<Kind: Document>(_ kind: Kind.Type) throws(CodecError) -> Kind {
        let start = position
        let bytes = try data()
        do { return try Kind(json: bytes) } catch {
            throw CodecError(message: "not a \(Kind.self): \(error)", position: start)
        }
    }

    package mutating func optional<Kind: Document>(_ kind: Kind.Type) throws(CodecError) -> Kind? {
        if position < bytes.endIndex, bytes[position] == 0 {
            position += 1
            return nil
        }
        return try document(kind)
    }

    /// How many elements follow, each of at least `size` bytes.
    package mutating func count(elementSize size: Int) throws(CodecError) -> Int {
        let count = try number(as: Int.self)
        guard count <= left / max(1, size) else { throw error("\(count) elements announced, \(left) bytes left") }
        return count
    }

    package mutating func column<Element: BitwiseCopyable>(of type: Element.Type) throws(CodecError) -> [Element] {
        let count = try count(elementSize: MemoryLayout<Element>.stride)
        let size = count * MemoryLayout<Element>.stride
        let source = bytes[position..<position + size]
        position += size
        return [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
            UnsafeMutableRawBufferPointer(buffer).copyBytes(from: source)
            initialized = count
        }
    }

    package mutating func ids() throws(CodecError) -> [ID] { try column(of: ID.self) }

    /// A reader over a framed piece; this one goes on behind it.
    package mutating func framed() throws(CodecError) -> ByteReader { ByteReader(try data()) }

    package func error(_ message: String) -> CodecError {
        CodecError(message: message, position: position - bytes.startIndex)
    }
}
