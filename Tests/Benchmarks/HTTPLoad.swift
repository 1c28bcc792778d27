import Basics
import CLinux
import Glibc
import TestSupport

/// Load over HTTP: many connections, each with one request under way at a time, driven by one thread.
///
/// The requests are laid out before the clock starts and the answers are read after it stops, so that the client, which shares
/// the cores with what it measures, costs little more than its system calls.
struct HTTPLoad {
    struct Answer {
        let status: Int
        let body: [UInt8]
        /// From sending the request to having read the whole answer.
        let milliseconds: Double

        var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// All answers, connection by connection in the order of their requests, and how long the whole took.
    struct Outcome {
        let answers: [Answer]
        let seconds: Double

        var perSecond: Double { Double(answers.count) / seconds }
        var milliseconds: [Double] { answers.map(\.milliseconds) }
    }

    private let port: Int
    private let requests: [[[UInt8]]]

    /// One connection for each element of `requests`, which are whole messages such as ``put(_:_:)`` makes.
    init(port: Int, requests: [[[UInt8]]]) {
        self.port = port
        self.requests = requests
    }

    /// A PUT in wire form.
    static func put(_ path: String, _ body: JSON) -> [UInt8] {
        let bytes = body.bytes
        let head = "PUT \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: \(bytes.count)\r\n\r\n"
        return Array(head.utf8) + bytes
    }

    /// Plays the load; blocks until the last answer is there.
    ///
    /// - Throws: ``NeverHappened`` when a connection breaks or what comes is no answer with a length.
    func run() throws -> Outcome {
        var lines = try requests.map { try Line(port: port, requests: $0) }
        let queue = epoll_create1(0)
        defer { for descriptor in lines.map(\.descriptor) + [queue] { close(descriptor) } }
        for number in lines.indices {
            var wanted = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(u32: UInt32(number)))
            guard epoll_ctl(queue, EPOLL_CTL_ADD, lines[number].descriptor, &wanted) == 0 else {
                throw Line.failure("epoll")
            }
        }
        var events = [epoll_event](repeating: epoll_event(), count: lines.count)
        let begin = seconds()
        for number in lines.indices { try lines[number].sendNext() }
        var waiting = lines.count { !$0.isDone }
        while waiting > 0 {
            let count = epoll_wait(queue, &events, Int32(events.count), 60_000)
            guard count > 0 else { throw NeverHappened(description: "no answer came for a minute") }
            for event in events[..<Int(count)] {
                let number = Int(event.data.u32)
                try lines[number].receive()
                if lines[number].isDone {
                    waiting -= 1
                    epoll_ctl(queue, EPOLL_CTL_DEL, lines[number].descriptor, nil)
                }
            }
        }
        return Outcome(answers: lines.flatMap(\.answers), seconds: seconds() - begin)
    }
}

/// One connection and what has become of its requests.
private struct Line {
    let descriptor: Int32
    private let requests: [[UInt8]]
    private(set) var answers: [HTTPLoad.Answer] = []
    private var sentAt = 0.0
    /// The answer so far: the first bytes of a buffer that grows when it is full.
    private var received = [UInt8](repeating: 0, count: 16_384)
    private var receivedCount = 0

    var isDone: Bool { answers.count == requests.count }

    init(port: Int, requests: [[UInt8]]) throws {
        self.requests = requests
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        answers.reserveCapacity(requests.count)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Line.failure("connect to port \(port)") }
    }

    static func failure(_ what: String) -> NeverHappened {
        NeverHappened(description: "\(what): \(String(cString: strerror(errno)))")
    }

    mutating func sendNext() throws {
        guard !isDone else { return }
        let request = requests[answers.count]
        sentAt = seconds()
        let count = send(descriptor, request, request.count, Int32(MSG_NOSIGNAL))
        guard count == request.count else { throw Line.failure("send") }
    }

    /// Takes what is there; sends the next request once an answer is whole.
    mutating func receive() throws {
        if receivedCount == received.count { received += [UInt8](repeating: 0, count: received.count) }
        let begin = receivedCount
        let count = received.withUnsafeMutableBytes { bytes in
            recv(descriptor, bytes.baseAddress?.advanced(by: begin), bytes.count - begin, 0)
        }
        guard count > 0 else { throw Line.failure("receive") }
        receivedCount += count
        guard let (status, body) = try parse() else { return }
        answers.append(
            HTTPLoad.Answer(status: status, body: body, milliseconds: (seconds() - sentAt) * 1_000))
        receivedCount = 0
        try sendNext()
    }

    /// Status and body, once all is there.
    private func parse() throws -> (Int, [UInt8])? {
        guard let head = received.position(of: "\r\n\r\n", before: receivedCount) else { return nil }
        guard let field = received.position(of: "ontent-Length: ", before: head) else {
            throw NeverHappened(
                description: "an answer without a length: \(String(decoding: received[..<head], as: UTF8.self))")
        }
        let length = received.number(at: field + 15)
        guard receivedCount >= head + 4 + length else { return nil }
        return (received.number(at: 9), Array(received[(head + 4)..<(head + 4 + length)]))
    }
}

extension [UInt8] {
    /// Where `text` begins for the first time.
    fileprivate func position(of text: StaticString, before end: Int) -> Int? {
        let size = text.utf8CodeUnitCount
        return withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return nil }
            var from = 0
            while from + size <= end, let found = memchr(base + from, Int32(text.utf8Start[0]), end - size - from + 1) {
                from = UnsafeRawPointer(found) - base
                if memcmp(found, text.utf8Start, size) == 0 { return from }
                from += 1
            }
            return nil
        }
    }

    /// The decimal number that begins there.
    fileprivate func number(at position: Int) -> Int {
        self[position...].prefix { $0 >= 0x30 && $0 <= 0x39 }.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }
}
