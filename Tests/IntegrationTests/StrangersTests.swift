import Basics
import Glibc
import Linux
import TestSupport
import Testing

/// Garbage on the ports of a real agent, from many addresses at once: it is refused, costs little, and disturbs nobody.
@Suite struct StrangersTests {
    /// What a stranger sends; by name, as the bytes themselves would flood the output.
    private static func garbage(_ kind: Int, _ generator: inout SeededGenerator) -> [UInt8] {
        let hello: [UInt8] =
            [0x20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0] + Array("DROVERPC".utf8)
            + [1, 0, 1, 0, 3, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0]
        switch kind % 9 {
        // Nothing at all: half open.
        case 0: return []
        case 1:
            return (0..<Int.random(in: 1...3_000, using: &generator)).map { _ in .random(in: 0...255, using: &generator)
            }
        // The beginning of a TLS handshake.
        case 2: return [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]
        case 3: return Array("GET / HTTP/1.1\r\nHost: x\r\nX: ".utf8)
        case 4:
            return Array("GET / HTTP/1.1\r\n".utf8) + Array(repeating: Array("A: b\r\n".utf8), count: 3_000).joined()
        case 5: return Array("PUT /v1/jobs HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n{".utf8)
        // A frame that claims 4 GiB, one that claims 60 MiB and sends little of it, and a call of no known number.
        case 6: return hello + [255, 255, 255, 255, 2, 0, 1, 0, 1, 0, 0, 0]
        case 7: return hello + [0, 0, 192, 3, 2, 0, 1, 0, 1, 0, 0, 0] + [UInt8](repeating: 7, count: 200_000)
        default: return hello + [14, 0, 0, 0, 2, 0, 99, 99, 1, 0, 0, 0, 0, 1, 0, 0, 123, 125]
        }
    }

    /// A connection from one of the loopback's addresses; nil when the agent does not take it.
    private static func connect(from last: Int, to port: Int) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        func address(_ host: UInt32, _ port: Int) -> sockaddr_in {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = host.bigEndian
            return address
        }
        func call(_ address: sockaddr_in, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Bool {
            withUnsafePointer(to: address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
        }
        guard call(address(0x7f00_0100 + UInt32(last), 0), { bind(descriptor, $0, $1) }),
            call(address(0x7f00_0001, port), { Glibc.connect(descriptor, $0, $1) })
        else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    /// All that comes until the other end closes.
    private static func receiveAll(_ descriptor: Int32) -> String {
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            guard count > 0 else { return String(decoding: answer, as: UTF8.self) }
            answer += chunk[..<count]
        }
    }

    private static func residentMiB(_ pid: pid_t) throws -> Int {
        let text = try #require(SmallFile.text("/proc/\(pid)/status"))
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        return try #require(Int(line.split(whereSeparator: \.isWhitespace)[1])) / 1_024
    }

    @Test func floodsAreSurvived() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        try agent.register(Jobs.shell("keeper", "exec sleep 300"))
        try agent.wait("keeper", "running")
        let before = try Self.residentMiB(agent.pid)
        var generator = SeededGenerator(seed: 7)
        var held: [Int32] = []
        defer { for descriptor in held { close(descriptor) } }
        var peak = 0
        // 3,000 connections, at most 600 of them open, from 16 addresses, to both ports.
        for number in 0..<3_000 {
            let port = number % 2 == 0 ? agent.httpPort : agent.rpcPort
            if let descriptor = Self.connect(from: number % 16, to: port) {
                let bytes = Self.garbage(number / 2, &generator)
                _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
                held.append(descriptor)
            }
            if held.count > 600 { close(held.removeFirst()) }
            guard number % 100 == 0 else { continue }
            #expect(try agent.http.getJSON("/v1/jobs").array?.count == 1, "others are served meanwhile")
            peak = max(peak, try Self.residentMiB(agent.pid))
        }
        #expect(peak < before + 150, "\(before) MiB before, \(peak) at most")
        // A command goes both ways over the API, and over the RPC from the client half of the agent.
        try agent.register(Jobs.shell("once", "true", type: "batch"))
        try agent.wait("once", "complete")
        try agent.wait("keeper", "running")
        let lines = agent.log.split(separator: "\n").count { $0.contains("connection refused") }
        #expect((1...200).contains(lines), "\(lines) lines about strangers")
    }

    /// One client that opens too many connections is told so; others go on.
    @Test func oneAddressCannotTakeAll() throws {
        let agent = try AgentProcess(
            configuration: "limits {\n  http_max_conns_per_client = 20\n  rpc_max_conns_per_client = 20\n}\n")
        try agent.start()
        try agent.waitUntilReady()
        let words = [agent.httpPort: "HTTP/1.1 429", agent.rpcPort: "20 connections of this address are open"]
        for (port, refusal) in words {
            var held: [Int32] = []
            defer { for descriptor in held { close(descriptor) } }
            for _ in 0..<25 { held.append(try #require(Self.connect(from: 1, to: port))) }
            // Which of them are too many is decided as they come up, in any order.
            usleep(300_000)
            let request = Array("GET /v1/regions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8)
            for descriptor in held { _ = send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) }
            let answers = held.map { Self.receiveAll($0) }
            #expect(answers.count { $0.contains(refusal) } == 5, "\(answers)")
            #expect(try agent.http.get("/v1/regions").status == 200)
        }
        #expect(agent.log.contains("20 connections of this address are open"))
    }
}
