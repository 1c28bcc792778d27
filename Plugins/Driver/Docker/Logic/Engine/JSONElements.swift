internal import DroverSDK

/// The elements of a JSON array out of its bytes as they come, each as soon as it is whole: a list takes the memory of one element.
///
/// Elements are objects or arrays, as in the engine's lists.
struct JSONElements {
    private var element: [UInt8] = []
    /// Open brackets, that of the list itself included.
    private var depth = 0
    private var isInText = false
    private var isEscaped = false

    /// Bytes of one element.
    static let elementBytesMax = 1 << 20

    /// The elements that `bytes` completes.
    ///
    /// - Throws: ``PluginError/Code/limit`` for an element that is too long, `invalid` for one that is no JSON.
    mutating func feed(_ bytes: [UInt8]) throws(PluginError) -> [JSON] {
        var elements: [JSON] = []
        for byte in bytes {
            let isInside = depth > 1
            note(byte)
            guard isInside || depth > 1 else { continue }
            element.append(byte)
            guard element.count <= Self.elementBytesMax else {
                throw PluginError(.limit, "the engine lists something of more than \(Self.elementBytesMax) bytes")
            }
            if depth == 1 {
                elements.append(try JSON(parsing: String(decoding: element, as: UTF8.self)))
                element = []
            }
        }
        return elements
    }

    /// Follows brackets and text (RFC 8259 §2 and §7).
    private mutating func note(_ byte: UInt8) {
        guard !isInText else {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInText = false
            }
            return
        }
        switch byte {
        case UInt8(ascii: "\""): isInText = true
        case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
        case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
        default: break
        }
    }
}
