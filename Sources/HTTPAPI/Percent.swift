internal import Basics

/// Percent-encoding of URLs (RFC 3986 §2.1).
enum Percent {
    /// Decodes `%XX`; a stray percent sign stays as it is, and bytes that are no UTF-8 become U+FFFD.
    static func decode(_ text: some StringProtocol, plusIsSpace: Bool) -> String {
        var out: [UInt8] = []
        let bytes = Array(text.utf8)
        var position = 0
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "%"), position + 1 < bytes.count, let high = Hex.value(bytes[position]),
                let low = Hex.value(bytes[position + 1])
            {
                out.append(high << 4 | low)
                position += 2
            } else {
                out.append(plusIsSpace && byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
