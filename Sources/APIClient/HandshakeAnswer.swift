/// The head of an answer to a WebSocket's handshake (RFC 9112 §4).
struct HandshakeAnswer {
    let status: Int
    /// Names in lower case.
    let headers: [String: String]
    /// What came after the head.
    let rest: [UInt8]

    /// Nil while the head is not complete; a status of 0 is no HTTP.
    init?(_ bytes: [UInt8]) {
        let end = Array("\r\n\r\n".utf8)
        guard bytes.count >= end.count,
            let position = (0...(bytes.count - end.count)).first(where: { bytes[$0..<($0 + 4)].elementsEqual(end) })
        else { return nil }
        let lines = String(decoding: bytes[..<position], as: UTF8.self).split(whereSeparator: \.isNewline)
        let words = lines.first?.split(separator: " ") ?? []
        status = words.count > 1 && words[0].hasPrefix("HTTP/1.") ? Int(words[1]) ?? 0 : 0
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] =
                String(line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" })
        }
        self.headers = headers
        rest = Array(bytes[(position + 4)...])
    }
}
