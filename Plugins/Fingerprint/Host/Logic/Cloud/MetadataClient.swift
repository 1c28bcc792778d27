internal import Glibc
internal import PluginSupport

/// As little HTTP as a cloud's metadata needs: one request a connection, to an IPv4 address, with a time limit.
struct MetadataClient {
    /// Bytes of an answer that are read.
    private static let bytesMax = 1 << 20

    /// "a.b.c.d:port".
    private let address: String
    /// Of one request.
    private let timeoutNanoseconds: Int64
    /// When all of them must have ended, on the monotonic clock.
    private let end: Int64

    init(address: String, timeoutNanoseconds: Int64, budget: Int64) {
        self.address = address
        self.timeoutNanoseconds = timeoutNanoseconds
        end = Self.now + budget
    }

    /// The body of an answer with status 200; `nil` for any other, and when none comes in time.
    ///
    /// Callers' paths and headers are constants, or what the cloud itself has said: a token with a line break is refused.
    func ask(_ method: String, _ path: String, _ headers: [String: String]) -> String? {
        guard !headers.values.contains(where: { $0.contains { $0.isNewline } }) else { return nil }
        let deadline = min(Self.now + timeoutNanoseconds, end)
        guard let descriptor = connect(until: deadline) else { return nil }
        defer { close(descriptor) }
        var request = "\(method) \(path) HTTP/1.1\r\nHost: \(address)\r\nConnection: close\r\nContent-Length: 0\r\n"
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) { request += "\(name): \(value)\r\n" }
        // A few hundred bytes: they fit in the socket's buffer.
        guard SmallFile.write(Array((request + "\r\n").utf8), to: descriptor) == 0 else { return nil }
        return read(descriptor, until: deadline).flatMap(Self.body)
    }

    private func connect(until deadline: Int64) -> Int32? {
        let parts = address.split(separator: ":").map(String.init)
        guard parts.count == 2, let port = UInt16(parts[1]) else { return nil }
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = port.bigEndian
        guard inet_pton(AF_INET, parts[0], &place.sin_addr) == 1 else { return nil }
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_INET, kind, 0)
        guard descriptor >= 0 else { return nil }
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, size) }
        }
        var (failure, length) = (Int32(0), socklen_t(4))
        if result == 0
            || (errno == EINPROGRESS && Self.wait(descriptor, POLLOUT, until: deadline)
                && getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &length) == 0 && failure == 0)
        {
            return descriptor
        }
        close(descriptor)
        return nil
    }

    private func read(_ descriptor: Int32, until deadline: Int64) -> [UInt8]? {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while bytes.count < Self.bytesMax, Self.wait(descriptor, POLLIN, until: deadline) {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 && (errno == EINTR || errno == EAGAIN) { continue }
            if count == 0 { return bytes }
            guard count > 0 else { return nil }
            bytes += chunk[..<count]
        }
        return nil
    }

    private static func wait(_ descriptor: Int32, _ event: Int32, until deadline: Int64) -> Bool {
        while true {
            let left = deadline - now
            guard left > 0 else { return false }
            var wish = pollfd(fd: descriptor, events: Int16(event), revents: 0)
            let count = poll(&wish, 1, Int32(clamping: left / 1_000_000 + 1))
            if count > 0 { return true }
            if count == 0 || errno != EINTR { return false }
        }
    }

    private static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Status line, headers, empty line, body (RFC 9112); the body may come in chunks.
    static func body(_ answer: [UInt8]) -> String? {
        let text = String(decoding: answer, as: UTF8.self)
        // Swift takes CR LF for one character, which is a line break.
        guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        let head = text[..<end.lowerBound].split(whereSeparator: \.isNewline)
        let status = head.first?.split(separator: " ") ?? []
        guard status.count >= 2, status[0].hasPrefix("HTTP/1."), status[1] == "200" else { return nil }
        let body = text[end.upperBound...]
        let isChunked = head.contains {
            $0.lowercased().hasPrefix("transfer-encoding:") && $0.lowercased().hasSuffix("chunked")
        }
        return isChunked ? joined(Array(body.utf8)) : String(body)
    }

    /// Chunks: length in hexadecimal, CR LF, bytes, CR LF; the last has the length 0.
    private static func joined(_ bytes: [UInt8]) -> String? {
        var (rest, whole) = (bytes[...], [UInt8]())
        while let line = rest.firstIndex(of: 10) {
            let digits = rest[..<line].prefix { $0 != 13 && $0 != UInt8(ascii: ";") }
            guard let length = Int(String(decoding: digits, as: UTF8.self), radix: 16), length >= 0 else { return nil }
            if length == 0 { return String(decoding: whole, as: UTF8.self) }
            rest = rest[(line + 1)...]
            guard rest.count >= length + 2 else { return nil }
            whole += rest.prefix(length)
            rest = rest.dropFirst(length + 2)
        }
        return nil
    }
}
