package import Basics
internal import Glibc

/// A blocking HTTP/1.1 connection for tests and benchmarks: no pool, no retries, one request at a time.
package final class HTTPConnection {
    package struct Response {
        package let status: Int
        package let headers: [String: String]
        package let body: [UInt8]

        package var text: String { String(decoding: body, as: UTF8.self) }

        /// The body as JSON; throws when it is none.
        package func json() throws -> JSON { try JSONParser.parse(body) }

        /// The index of a blocking query's answer.
        package var index: UInt64 { headers["x-nomad-index"].flatMap(UInt64.init) ?? 0 }
    }

    package struct Failure: Error, CustomStringConvertible {
        package let description: String
        /// No byte of the request has left.
        package var isUnsent = false
    }

    private let host: String
    private let port: Int
    private let timeout: Duration?
    private let repeats: Bool
    private var descriptor: Int32 = -1
    private var buffer: [UInt8] = []
    private var position = 0

    /// `host` is an IPv4 address. A request whose answer does not go on coming for `timeout` fails. Without `repeats` a request is
    /// sent once, whatever becomes of the connection.
    package init(port: Int, host: String = "127.0.0.1", timeout: Duration? = nil, repeats: Bool = true) {
        self.host = host
        self.port = port
        self.timeout = timeout
        self.repeats = repeats
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    package func get(_ path: String) throws -> Response { try request("GET", path) }

    /// GET that must answer 200, as JSON.
    package func getJSON(_ path: String) throws -> JSON {
        let response = try get(path)
        guard response.status == 200 else {
            throw Failure(description: "GET \(path): \(response.status) \(response.text)")
        }
        return try response.json()
    }

    package func put(_ path: String, _ body: JSON) throws -> Response { try request("PUT", path, body.bytes) }

    /// One request and its answer; connects first if needed and once more when the server closed an idle connection.
    package func request(_ method: String, _ path: String, _ body: [UInt8] = []) throws -> Response {
        let reused = descriptor >= 0
        do {
            return try exchange(method, path, body)
        } catch {
            disconnect()
            guard reused, repeats else { throw error }
            return try exchange(method, path, body)
        }
    }

    package func disconnect() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
        buffer = []
        position = 0
    }

    private func exchange(_ method: String, _ path: String, _ body: [UInt8]) throws -> Response {
        if descriptor < 0 { try connect() }
        let head = "\(method) \(path) HTTP/1.1\r\nHost: \(host):\(port)\r\nContent-Length: \(body.count)\r\n\r\n"
        try send(Array(head.utf8) + body)
        let status = try line().split(separator: " ")
        guard status.count >= 2, let code = Int(status[1]) else { throw Failure(description: "no HTTP status line") }
        var headers: [String: String] = [:]
        while true {
            let line = try line()
            guard !line.isEmpty else { break }
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            headers[line[..<colon].lowercased()] = String(value)
        }
        let content = try content(headers)
        if headers["connection"]?.lowercased() == "close" { disconnect() }
        return Response(status: code, headers: headers, body: content)
    }

    private func content(_ headers: [String: String]) throws -> [UInt8] {
        if let length = headers["content-length"].flatMap(Int.init) { return try take(length) }
        guard headers["transfer-encoding"] == "chunked" else { return [] }
        var content: [UInt8] = []
        while true {
            let size = try line().prefix { $0.isHexDigit }
            guard let count = Int(size, radix: 16) else { throw Failure(description: "bad chunk size") }
            content += try take(count)
            _ = try line()
            if count == 0 { return content }
        }
    }

    private func connect() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr(host)
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        if let timeout {
            let (seconds, rest) = (timeout.components.seconds, timeout.components.attoseconds)
            var limit = timeval(tv_sec: Int(seconds), tv_usec: Int(rest / 1_000_000_000_000))
            for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
                setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
            }
        }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            let reason = String(cString: strerror(errno))
            disconnect()
            throw Failure(description: "connect to port \(port): \(reason)", isUnsent: true)
        }
    }

    private func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor, $0.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure(description: "send: \(String(cString: strerror(errno)))") }
            sent += count
        }
    }

    private func line() throws -> String {
        while true {
            if let end = buffer[position...].firstIndex(of: 0x0a) {
                defer { position = end + 1 }
                return String(
                    decoding: buffer[position..<(end > position && buffer[end - 1] == 0x0d ? end - 1 : end)],
                    as: UTF8.self)
            }
            try fill()
        }
    }

    private func take(_ count: Int) throws -> [UInt8] {
        while buffer.count - position < count { try fill() }
        defer { position += count }
        return Array(buffer[position..<position + count])
    }

    private func fill() throws {
        if position > 0 {
            buffer.removeFirst(position)
            position = 0
        }
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        guard count > 0 else {
            throw Failure(
                description: count == 0 ? "the server closed the connection" : String(cString: strerror(errno)))
        }
        buffer.append(contentsOf: chunk[..<count])
    }
}
