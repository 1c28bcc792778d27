internal import Basics

/// Percent-encoding for URLs (RFC 3986 §2.1).
enum PercentEncoding {
    /// Encodes all but unreserved characters.
    static func encode(_ text: String) -> String {
        var out: [UInt8] = []
        for byte in text.utf8 {
            let isLetterOrDigit =
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
            if isLetterOrDigit || byte == 0x2d || byte == 0x2e || byte == 0x5f || byte == 0x7e {
                out.append(byte)
            } else {
                out += [UInt8(ascii: "%"), Hex.digit(byte >> 4), Hex.digit(byte & 15)]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
