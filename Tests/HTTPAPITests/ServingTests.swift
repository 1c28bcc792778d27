import APIClient
import Basics
import Foundation
import Glibc
import HTTPAPI
import Logging
import NIOPosix
import RPC
import ServiceLifecycle
import Synchronization
import Testing

@Suite("Serving")
struct ServingTests {
    @Test func aPortInUseIsNamed() async throws {
        try await withAPI { client in
            guard case .http(_, let port) = client.address else { return }
            let error = await #expect(throws: APIBindError.self) {
                try await withAPI(change: { $0.addresses = [.tcp(NetworkAddress(host: "127.0.0.1", port: port))] }) {
                    _ in
                }
            }
            #expect(error?.description.contains("cannot serve the HTTP API at http://127.0.0.1:\(port)") == true)
            #expect(error?.description.contains("in use") == true)
        }
    }

    @Test func socketFilesWork() async throws {
        let path = "/tmp/drover-api-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).sock"
        defer { unlink(path) }
        try await withAPI(change: { $0.addresses = [.unix(path: path)] }) { client in
            #expect(client.address == .unix(path: path))
            let answer = try await client.get("/v1/jobs")
            #expect(answer.text == "null")
        }
    }

    /// A query that waits is given up when its caller hangs up.
    @Test func waitingQueriesEndWithTheirCaller() async throws {
        let (events, note) = AsyncStream.makeStream(of: String.self)
        let servers = FakeServers { _, _ in
            note.yield("asked")
            do {
                try await Task.sleep(for: .seconds(3600))
            } catch {
                note.yield("cancelled")
                throw error
            }
            return QueryReply()
        }
        try await withAPI(servers: servers) { client in
            var iterator = events.makeAsyncIterator()
            await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await client.get("/v1/jobs?index=5") }
                #expect(await iterator.next() == "asked")
                group.cancelAll()
            }
            #expect(await iterator.next() == "cancelled")
        }
    }

    /// Shutting down does not wait for queries and streams that would go on for minutes.
    @Test func shutdownEndsWhatWaits() async throws {
        let (asked, note) = AsyncStream.makeStream(of: Void.self)
        let servers = FakeServers { _, _ in
            note.yield()
            try await Task.sleep(for: .seconds(3600))
            return QueryReply()
        }
        let (addresses, ready) = AsyncStream.makeStream(of: [APIAddress].self)
        let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let server = APIServer(
            configuration: APIConfiguration(addresses: [.tcp(NetworkAddress(host: "127.0.0.1", port: 0))]),
            endpoints: endpoints(servers: servers, client: FakeClient()), log: log, onReady: { ready.yield($0) })
        let services = ServiceGroup(services: [server], logger: log)
        try await withThrowingTaskGroup(of: Int.self) { group in
            group.addTask {
                try await services.run()
                return 0
            }
            var iterator = addresses.makeAsyncIterator()
            let address = try #require(await iterator.next()?.first)
            let client = DroverClient(address: try AgentAddress(address.description))
            group.addTask { (try? await client.send("GET", "/v1/jobs?index=5").status) ?? -1 }
            group.addTask {
                let path = "/v1/client/fs/logs/\(FakeClient.allocation)?task=t&type=stdout&follow=true&plain=true"
                return (try? await client.send("GET", path).status) ?? -1
            }
            var asking = asked.makeAsyncIterator()
            await asking.next()
            await services.triggerGracefulShutdown()
            var statuses: Set<Int> = []
            while let status = try await group.next() { statuses.insert(status) }
            #expect(statuses.isSuperset(of: [0, 503]))
        }
    }

    @Test func connectionsAreLimited() async throws {
        let (asked, note) = AsyncStream.makeStream(of: Void.self)
        let servers = FakeServers { _, _ in
            note.yield()
            try await Task.sleep(for: .seconds(3600))
            return QueryReply()
        }
        try await withAPI(servers: servers, change: { $0.connectionsPerClientMax = 1 }) { client in
            await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await client.get("/v1/jobs?index=5") }
                var iterator = asked.makeAsyncIterator()
                _ = await iterator.next()
                let answer = try? await client.send("GET", "/v1/regions")
                #expect(answer?.status == 429)
                #expect(answer?.text.contains("too many concurrent connections") == true)
                group.cancelAll()
            }
        }
    }

    /// By name, as the bytes themselves would flood the output.
    static let garbage = [
        "zeros": "\u{0}\u{0}\u{0}\r\n\r\n",
        "no target": "GET\r\n\r\n",
        "odd version": "GET /v1/jobs HTTP/9.9\r\n\r\n",
        "long target": "GET /" + String(repeating: "a", count: 200_000) + " HTTP/1.1\r\n\r\n",
        "many headers": "GET / HTTP/1.1\r\n" + String(repeating: "X: y\r\n", count: 5000) + "\r\n",
        "negative length": "PUT /v1/jobs HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        "bad chunk": "PUT /v1/jobs HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ]

    /// Bytes that are no request are refused, and the agent goes on serving others.
    @Test(arguments: garbage.keys.sorted())
    func garbageIsSurvived(name: String) async throws {
        let text = try #require(ServingTests.garbage[name])
        try await withAPI { client in
            guard case .http(_, let port) = client.address else { return }
            let answer = try await NIOThreadPool.singleton.runIfActive { try RawConnection(port: port).exchange(text) }
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 4"), "\(answer.prefix(100))")
            let after = try await client.send("GET", "/v1/regions")
            #expect(after.status == 200)
        }
    }

    /// Of a client that does not wait for answers: short requests, which are answered in one piece, and others get theirs in the
    /// requests' order.
    @Test(arguments: [true, false])
    func answersKeepTheOrderOfRequests(closes: Bool) async throws {
        func request(_ line: String, _ headers: [String] = [], body: String = "") -> String {
            ([line + " HTTP/1.1", "Host: x"] + headers + ["", body]).joined(separator: "\r\n")
        }
        let kinds = [
            (request("PUT /v1/regions", ["Content-Length: 2"], body: "{}"), "405"),
            (request("GET /v1/regions"), "200"),
            (request("DELETE /v1/nothing"), "404"),
            (request("PUT /v1/jobs", ["Content-Length: 2"], body: "{}"), "400"),
            (
                request("PUT /v1/nothing", ["Content-Length: 100000"], body: String(repeating: "x", count: 100_000)),
                "404"
            ),
            (request("PUT /v1/regions", ["Transfer-Encoding: chunked"], body: "2\r\n{}\r\n0\r\n\r\n"), "405"),
        ]
        let order = (0..<60).map { $0 * 7 % kinds.count } + [0, 0, 0, 1, 0, 4, 0, 5, 5, 0]
        let last = request("DELETE /v1/regions", closes ? [] : ["Connection: close"])
        let text = order.map { kinds[$0].0 }.joined() + last
        try await withAPI { client in
            guard case .http(_, let port) = client.address else { return }
            let answer = try await NIOThreadPool.singleton.runIfActive {
                try RawConnection(port: port).exchange(text, closes: closes)
            }
            let statuses = answer.components(separatedBy: "HTTP/1.1 ").dropFirst().map { String($0.prefix(3)) }
            #expect(statuses == order.map { kinds[$0].1 } + ["405"])
        }
    }

    @Test func extraHeadersAreAdded() async throws {
        try await withAPI(change: { $0.responseHeaders = ["X-Frame-Options": "DENY"] }) { client in
            let answer = try await client.send("GET", "/v1/nothing")
            #expect(answer.headers["x-frame-options"] == "DENY")
        }
    }

    @Test func nobodyThereIsSaidClearly() async throws {
        let client = DroverClient(address: .http(host: "127.0.0.1", port: 1))
        let error = await #expect(throws: ConnectionError.self) { try await client.get("/v1/jobs") }
        #expect(error?.description.contains("cannot reach the agent at http://127.0.0.1:1: connection refused") == true)
    }
}

/// Bytes to a port of this machine, and what comes back until the other side closes.
struct RawConnection {
    let port: Int

    /// `closes` this side after the bytes.
    func exchange(_ text: String, closes: Bool = true) throws -> String {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw CallError(.unavailable, "cannot connect") }
        let bytes = Array(text.utf8)
        // The other side may close before it has read everything.
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        if closes { shutdown(descriptor, Int32(SHUT_WR)) }
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            guard count > 0 else { return String(decoding: answer, as: UTF8.self) }
            answer += chunk[..<count]
        }
    }
}
