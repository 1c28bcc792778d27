internal import DroverSDK

/// Status line and header fields of an HTTP/1.1 response (RFC 9112 §4, §5).
struct ResponseHead: Equatable, Sendable {
    /// 100 to 599.
    var status: Int
    /// Names in lower case; of a repeated field the last one counts.
    var fields: [String: String]

    /// Bytes of status line and fields; longer heads are refused.
    static let bytesMax = 64 << 10

    /// Reads a head from the front of `bytes` and removes it; `nil` while it is incomplete.
    ///
    /// - Throws: ``PluginError/Code/io`` for anything that is no response.
    static func take(from bytes: inout [UInt8]) throws(PluginError) -> ResponseHead? {
        guard let end = end(of: bytes) else {
            if bytes.count > bytesMax { throw garbage("its head is longer than \(bytesMax) bytes") }
            if !"HTTP/1.".utf8.starts(with: bytes.prefix(7)) { throw garbage("it does not begin with HTTP/1.") }
            return nil
        }
        let lines = bytes[..<end].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { String(decoding: $0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0, as: UTF8.self) }
        bytes.removeFirst(end)
        let words = (lines.first ?? "").split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), words[1].utf8.count == 3, let status = Int(words[1]),
            (100...599).contains(status)
        else { throw garbage("its status line is \"\(lines.first ?? "")\"") }
        var fields: [String: String] = [:]
        for line in lines.dropFirst() where !line.isEmpty {
            guard let colon = line.firstIndex(of: ":"), colon != line.startIndex else {
                throw garbage("a header field is \"\(line)\"")
            }
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            fields[line[..<colon].lowercased()] = String(value)
        }
        return ResponseHead(status: status, fields: fields)
    }

    /// The index after the empty line.
    private static func end(of bytes: [UInt8]) -> Int? {
        for index in bytes.indices where bytes[index] == UInt8(ascii: "\n") {
            if index >= 1, bytes[index - 1] == UInt8(ascii: "\n") { return index + 1 }
            if index >= 3, bytes[index - 3...index].elementsEqual("\r\n\r\n".utf8) { return index + 1 }
        }
        return nil
    }

    static func garbage(_ what: String) -> PluginError {
        PluginError(.io, "the engine's answer is no HTTP/1.1 response: \(what); does \"endpoint\" name an engine?")
    }
}
