internal import DroverSDK

/// One request to the engine's API, and its bytes (RFC 9112 §3).
struct EngineRequest: Sendable {
    var method: String
    /// Without the query: "/containers/json".
    var path: String
    var query: [(name: String, value: String)] = []
    var body: JSON?
    /// Further header fields, such as "X-Registry-Auth".
    var fields: [(name: String, value: String)] = []
    /// Whether the connection is to become a plain stream of bytes both ways.
    var upgrades = false
    /// The length of a body that is written after the head; it is a tar archive.
    var archiveBytes: Int64?

    init(_ method: String, _ path: String, _ query: KeyValuePairs<String, String> = [:], body: JSON? = nil) {
        self.method = method
        self.path = path
        self.query = query.map { ($0.key, $0.value) }
        self.body = body
    }

    /// The request, with `body` but without an archive.
    func bytes(host: String) -> [UInt8] {
        let target = query.isEmpty ? path : path + "?" + EngineRequest.text(query)
        var lines = [
            "\(method) \(target) HTTP/1.1", "Host: \(host)", "User-Agent: drover",
            upgrades ? "Connection: Upgrade" : "Connection: close",
        ]
        if upgrades { lines.append("Upgrade: tcp") }
        for field in fields { lines.append("\(field.name): \(field.value)") }
        let content = body.map { Array($0.text.utf8) } ?? []
        if body != nil { lines.append("Content-Type: application/json") }
        if let archiveBytes {
            lines += ["Content-Type: application/x-tar", "Content-Length: \(archiveBytes)"]
        } else if method != "GET" {
            lines.append("Content-Length: \(content.count)")
        }
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + content
    }

    private static func text(_ query: [(name: String, value: String)]) -> String {
        query.map { "\(escape($0.name))=\(escape($0.value))" }.joined(separator: "&")
    }

    /// `text` with every byte but those that mean themselves everywhere in a URL written as %XX (RFC 3986 §2.3); "/" stays if
    /// `keepsSlash`.
    static func escape(_ text: String, keepsSlash: Bool = false) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                bytes.append(byte)
            case UInt8(ascii: "/") where keepsSlash: bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
