/// Text that is not JSON, or JSON beyond a limit: what is wrong and where.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
    public let message: String
    /// One-based line and column (in bytes) of the offending byte.
    public let line: Int
    public let column: Int

    public init(message: String, line: Int, column: Int) {
        self.message = message
        self.line = line
        self.column = column
    }

    public var description: String { "invalid JSON at line \(line), column \(column): \(message)" }
}

/// Reads JSON text strictly by RFC 8259; nesting is bounded, so hostile input cannot exhaust the stack.
public struct JSONParser {
    /// The deepest nesting of arrays and objects accepted.
    public static let depthMax = 256

    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0
    private var depth = 0

    private init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    public static func parse(_ bytes: some Collection<UInt8>) throws(JSONError) -> JSON {
        let whole: (UnsafeBufferPointer<UInt8>) -> Result<JSON, JSONError> = { buffer in
            var parser = JSONParser(buffer)
            return Result { () throws(JSONError) in try parser.document() }
        }
        if let result = bytes.withContiguousStorageIfAvailable(whole) { return try result.get() }
        return try Array(bytes).withUnsafeBufferPointer(whole).get()
    }

    public static func parse(_ text: String) throws(JSONError) -> JSON { try parse(Array(text.utf8)) }

    private mutating func document() throws(JSONError) -> JSON {
        let value = try self.value()
        skipSpace()
        guard position == bytes.count else { throw error("text after the value") }
        return value
    }

    private mutating func value() throws(JSONError) -> JSON {
        skipSpace()
        guard position < bytes.count else { throw error("unexpected end") }
        switch bytes[position] {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func object() throws(JSONError) -> JSON {
        try enter()
        var object = JSONObject()
        skipSpace()
        if take(UInt8(ascii: "}")) { return leave(.object(object)) }
        while true {
            skipSpace()
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
                throw error("expected a key in quotes")
            }
            let key = try string()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw error("expected ':' after key \"\(key)\"") }
            object.append(key, try value())
            skipSpace()
            if take(UInt8(ascii: "}")) { return leave(.object(object)) }
            guard take(UInt8(ascii: ",")) else { throw error("expected ',' or '}'") }
        }
    }

    private mutating func array() throws(JSONError) -> JSON {
        try enter()
        var items: [JSON] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return leave(.array(items)) }
        while true {
            items.append(try value())
            skipSpace()
            if take(UInt8(ascii: "]")) { return leave(.array(items)) }
            guard take(UInt8(ascii: ",")) else { throw error("expected ',' or ']'") }
        }
    }

    private mutating func enter() throws(JSONError) {
        depth += 1
        guard depth <= JSONParser.depthMax else { throw error("nested deeper than \(JSONParser.depthMax) levels") }
        position += 1
    }

    private mutating func leave(_ value: JSON) -> JSON {
        depth -= 1
        return value
    }

    private mutating func string() throws(JSONError) -> String {
        position += 1
        let start = position
        var seen: UInt8 = 0
        while position < bytes.count {
            let byte = bytes[position]
            guard byte >= 0x20, byte != 0x22, byte != 0x5c else { break }
            seen |= byte
            position += 1
        }
        guard position < bytes.count else { throw error("unterminated string") }
        guard bytes[position] == 0x22 else { return try escapedString(from: start) }
        let plain = UnsafeBufferPointer(rebasing: bytes[start..<position])
        position += 1
        // Nearly all text is ASCII, which is valid as it stands.
        return seen < 0x80 ? String(decoding: plain, as: UTF8.self) : try text(plain)
    }

    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var out = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case 0x22:
                return try out.withUnsafeBufferPointer { buffer in Result { () throws(JSONError) in try text(buffer) } }
                    .get()
            case 0x5c: try escape(into: &out)
            case 0..<0x20:
                position -= 1
                throw error("control character in a string; write it as \\u00XX")
            default: out.append(byte)
            }
        }
        throw error("unterminated string")
    }

    private func text(_ bytes: UnsafeBufferPointer<UInt8>) throws(JSONError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw error("string is not valid UTF-8") }
        return text
    }

    private mutating func escape(into out: inout [UInt8]) throws(JSONError) {
        guard position < bytes.count else { throw error("unterminated string") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "n"): out.append(0x0a)
        case UInt8(ascii: "t"): out.append(0x09)
        case UInt8(ascii: "r"): out.append(0x0d)
        case UInt8(ascii: "b"): out.append(0x08)
        case UInt8(ascii: "f"): out.append(0x0c)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(byte)
        case UInt8(ascii: "u"):
            var code = try hexCode()
            if (0xd800..<0xdc00).contains(code), take(0x5c) {
                guard take(UInt8(ascii: "u")) else { throw error("half of a surrogate pair") }
                let low = try hexCode()
                guard (0xdc00..<0xe000).contains(low) else { throw error("half of a surrogate pair") }
                code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
            }
            out.append(contentsOf: String(Character(Unicode.Scalar(code) ?? "\u{fffd}")).utf8)
        default: throw error("unknown escape")
        }
    }

    private mutating func hexCode() throws(JSONError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard position < bytes.count, let digit = Hex.value(bytes[position]) else {
                throw error("expected four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }

    private mutating func number() throws(JSONError) -> JSON {
        let start = position
        _ = take(UInt8(ascii: "-"))
        let digitsStart = position
        try digits()
        if position - digitsStart > 1, bytes[digitsStart] == UInt8(ascii: "0") { throw error("a number starts with 0") }
        var whole = true
        if take(UInt8(ascii: ".")) {
            whole = false
            try digits()
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            whole = false
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
        // Eighteen digits always fit.
        if whole, position - digitsStart <= 18 {
            let magnitude = bytes[digitsStart..<position].reduce(Int64(0)) { $0 &* 10 &+ Int64($1 &- 0x30) }
            return .integer(digitsStart > start ? -magnitude : magnitude)
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if whole, let value = Int64(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else { throw error("number out of range") }
        return .number(value)
    }

    private mutating func digits() throws(JSONError) {
        let start = position
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) { position += 1 }
        guard position > start else {
            throw error(position < bytes.count ? "unexpected character" : "unexpected end")
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        for index in 0..<word.utf8CodeUnitCount {
            guard position < bytes.count, bytes[position] == word.utf8Start[index] else {
                throw error("unexpected character")
            }
            position += 1
        }
        return value
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while position < bytes.count {
            let byte = bytes[position]
            guard byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { return }
            position += 1
        }
    }

    private func error(_ message: String) -> JSONError {
        let end = min(position, bytes.count)
        let line = bytes[..<end].reduce(1) { $1 == 0x0a ? $0 + 1 : $0 }
        let lineStart = bytes[..<end].lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
        return JSONError(message: message, line: line, column: end - lineStart + 1)
    }
}
