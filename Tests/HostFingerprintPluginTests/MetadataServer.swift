import Foundation
import Synchronization

/// A cloud's metadata on a port of this machine: fixed answers by path, on a thread of its own until it is let go of.
final class MetadataServer: Sendable {
    /// What it takes a request for.
    struct Request: Sendable {
        var line: String
        var headers: [String]
    }

    let address: String
    private let listener: Int32
    private let isMute: Bool
    private let requests = Mutex<[Request]>([])

    /// `answer` gives the body for a request ("GET /path"), or nil for status 404. With `isChunked` bodies come in two chunks; with
    /// `isMute` nothing is ever answered.
    init(isChunked: Bool = false, isMute: Bool = false, _ answer: @escaping @Sendable (Request) -> String?) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        self.isMute = isMute
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                _ = bind(listener, generic, length)
                _ = getsockname(listener, generic, &length)
            }
        }
        listen(listener, 16)
        address = "127.0.0.1:\(UInt16(bigEndian: place.sin_port))"
        guard !isMute else { return }
        Thread.detachNewThread { [requests = Box(self)] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else {
                    close(listener)
                    return
                }
                Self.serve(connection, isChunked, requests, answer)
                close(connection)
            }
        }
    }

    /// Keeps no server alive.
    private final class Box: @unchecked Sendable {
        weak var server: MetadataServer?
        init(_ server: MetadataServer) { self.server = server }
    }

    /// The thread closes the socket: closed here, its number could be another server's before the thread asks for the next.
    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        if isMute { close(listener) }
    }

    var lines: [String] { requests.withLock { $0.map(\.line) } }

    private static func serve(
        _ connection: Int32, _ isChunked: Bool, _ box: Box, _ answer: (Request) -> String?
    ) {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = read(connection, &bytes, bytes.count)
        let lines = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: "\r\n").map(
            String.init)
        guard let first = lines.first else { return }
        let line = first.split(separator: " ").prefix(2).joined(separator: " ")
        let request = Request(line: line, headers: Array(lines.dropFirst()))
        box.server?.requests.withLock { $0.append(request) }
        var text = "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n"
        if let body = answer(request) {
            let half = String(body.prefix(body.count / 2)), rest = String(body.dropFirst(body.count / 2))
            let chunks = [half, rest].filter { !$0.isEmpty }.map { "\(String($0.utf8.count, radix: 16))\r\n\($0)\r\n" }
            text =
                "HTTP/1.1 200 OK\r\n"
                + (isChunked ? "Transfer-Encoding: chunked\r\n\r\n\(chunks.joined())0\r\n\r\n" : "\r\n\(body)")
        }
        let answer = Array(text.utf8)
        _ = write(connection, answer, answer.count)
    }
}
