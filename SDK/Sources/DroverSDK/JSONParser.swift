/// Reads one RFC 8259 value. Strict: no comments, no trailing commas, no duplicate keys, valid UTF-8 only.
struct JSONParser {
    /// Bytes of a document; longer ones are refused.
    static let bytesMax = 1 << 20
    /// Nesting of arrays and objects; deeper documents are refused.
    static let depthMax = 64

    private let bytes: [UInt8]
    private var at = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func document() throws(PluginError) -> JSON {
        guard bytes.count <= Self.bytesMax else {
            throw PluginError(.limit, "JSON document of \(bytes.count) bytes; at most \(Self.bytesMax)")
        }
        let value = try value(depth: 0)
        skipBlanks()
        guard at == bytes.count else { throw error("text after the value") }
        return value
    }

    private func error(_ what: String) -> PluginError {
        PluginError(.invalid, "JSON: \(what) at byte \(at)")
    }

    private mutating func skipBlanks() {
        while at < bytes.count, [0x20, 0x0a, 0x0d, 0x09].contains(bytes[at]) { at += 1 }
    }

    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: character) else { return false }
        at += 1
        return true
    }

    private mutating func value(depth: Int) throws(PluginError) -> JSON {
        skipBlanks()
        guard depth <= Self.depthMax else { throw error("nesting deeper than \(Self.depthMax)") }
        switch next {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): return try number()
        case nil: throw error("unexpected end")
        default: throw error("no value")
        }
    }

    private mutating func word(_ word: String, _ value: JSON) throws(PluginError) -> JSON {
        guard bytes[at...].starts(with: word.utf8) else { throw error("no value") }
        at += word.utf8.count
        return value
    }

    private mutating func object(depth: Int) throws(PluginError) -> JSON {
        at += 1
        var members: [String: JSON] = [:]
        skipBlanks()
        if take("}") { return .object(members) }
        while true {
            skipBlanks()
            guard next == UInt8(ascii: "\"") else { throw error("expected a key") }
            let key = try string()
            skipBlanks()
            guard take(":") else { throw error("expected ':' after \"\(key)\"") }
            guard members.updateValue(try value(depth: depth + 1), forKey: key) == nil else {
                throw error("key \"\(key)\" twice")
            }
            skipBlanks()
            if take("}") { return .object(members) }
            guard take(",") else { throw error("expected ',' or '}'") }
        }
    }

    private mutating func array(depth: Int) throws(PluginError) -> JSON {
        at += 1
        var elements: [JSON] = []
        skipBlanks()
        if take("]") { return .array(elements) }
        while true {
            elements.append(try value(depth: depth + 1))
            skipBlanks()
            if take("]") { return .array(elements) }
            guard take(",") else { throw error("expected ',' or ']'") }
        }
    }

    private mutating func digits() -> Int {
        let start = at
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { at += 1 }
        return at - start
    }

    private mutating func number() throws(PluginError) -> JSON {
        let start = at
        _ = take("-")
        let leadingZero = next == UInt8(ascii: "0")
        let whole = digits()
        guard whole > 0, !(leadingZero && whole > 1) else { throw error("malformed number") }
        var isInteger = true
        if take(".") {
            isInteger = false
            guard digits() > 0 else { throw error("malformed number") }
        }
        if take("e") || take("E") {
            isInteger = false
            _ = take("+") || take("-")
            guard digits() > 0 else { throw error("malformed number") }
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        if isInteger, let value = Int64(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else { throw error("number out of range") }
        return .number(value)
    }

    private mutating func string() throws(PluginError) -> String {
        at += 1
        var text: [UInt8] = []
        while let byte = next {
            at += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else { throw error("text is not UTF-8") }
                return string
            case UInt8(ascii: "\\"): text.append(contentsOf: try escape())
            case 0..<0x20: throw error("control character in a text")
            default: text.append(byte)
            }
        }
        throw error("text without end")
    }

    private mutating func escape() throws(PluginError) -> [UInt8] {
        guard let byte = next else { throw error("text without end") }
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0c]
        case UInt8(ascii: "n"): return [0x0a]
        case UInt8(ascii: "r"): return [0x0d]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw error("unknown escape")
        }
    }

    private mutating func unicodeEscape() throws(PluginError) -> [UInt8] {
        var code = try hexQuad()
        if (0xd800..<0xdc00).contains(code) {
            guard take("\\"), take("u") else { throw error("lone surrogate") }
            let low = try hexQuad()
            guard (0xdc00..<0xe000).contains(low) else { throw error("lone surrogate") }
            code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw error("lone surrogate") }
        return Array(UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }

    private mutating func hexQuad() throws(PluginError) -> UInt32 {
        guard at + 4 <= bytes.count else { throw error("text without end") }
        let digits = bytes[at..<at + 4]
        guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw error("malformed \\u escape") }
        at += 4
        return code
    }
}

extension JSON {
    /// Reads one document of at most 1 MiB and 64 levels.
    ///
    /// - Throws: ``PluginError`` with `invalid` or `limit`, naming the byte.
    public init(parsing text: String) throws(PluginError) {
        var parser = JSONParser(Array(text.utf8))
        self = try parser.document()
    }
}
