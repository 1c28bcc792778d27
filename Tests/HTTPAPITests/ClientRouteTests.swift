import APIClient
import Basics
import HTTPAPI
import RPC
import Synchronization
import Testing

@Suite("Client routes")
struct ClientRouteTests {
    static let id = FakeClient.allocation
    static let other = ID(high: 9, low: 9)
    static let frame = #"{"Offset":3,"Data":"aGkK","File":"o"}"#

    @Test(arguments: [
        ("/v1/client/fs/cat/\(id)?path=a", "hello\nworld\n"),
        ("/v1/client/fs/readat/\(id)?path=a&offset=6&limit=5", "world"),
        ("/v1/client/fs/readat/\(id)?path=a&offset=60&limit=5", ""),
        ("/v1/client/fs/logs/\(id)?task=t&type=stdout&plain=true", "hello\nworld\n"),
        ("/v1/client/fs/logs/\(id)?task=t&type=stderr", #"{"Offset":12,"Data":"aGVsbG8Kd29ybGQK","File":"out.0"}"#),
        ("/v1/client/fs/stream/\(id)?path=a&follow=false", #"{"Offset":12,"Data":"aGVsbG8Kd29ybGQK","File":"out.0"}"#),
        ("/v1/client/stats", #"{"Uptime":5}"#),
        ("/v1/client/allocation/\(id)/stats?task=t", #""t""#),
    ])
    func reads(path: String, text: String) async throws {
        try await withAPI { client in
            let answer = try await client.get(path)
            #expect(answer.text == text)
        }
    }

    @Test(arguments: [
        ("/v1/client/stats?node_id=abc", 400, "no whole node id"),
        ("/v1/client/fs/cat/\(id)", 400, "must provide a file name"),
        ("/v1/client/fs/cat/\(id)?path=/alloc", 400, "is a directory"),
        ("/v1/client/fs/readat/\(id)?path=a", 400, "must provide offset and limit"),
        ("/v1/client/fs/logs/\(id)?task=t", 400, "must provide log type (stdout/stderr)"),
        ("/v1/client/fs/logs/\(id)?task=t&type=stdout&origin=middle", 400, "origin must be start or end"),
    ])
    func refusals(path: String, status: Int, text: String) async throws {
        try await withAPI { client in
            let answer = try await client.send("GET", path)
            #expect(answer.status == status)
            #expect(answer.text.contains(text), "\(answer.text)")
        }
    }

    @Test func withoutAClient() async throws {
        try await withAPI(client: nil) { client in
            let answer = try await client.send("GET", "/v1/client/stats")
            #expect(answer.status == 501)
        }
    }

    /// What the servers relay is asked of them once, and their end is closed, whatever comes of it.
    @Test(arguments: [
        ("fs/logs/\(other)?task=t&type=stdout&follow=false", ["{}", "{}", frame], 200, frame, NodeRequestKind.logs),
        ("fs/logs/\(other)?task=t&type=stdout&plain=true", ["{}", "{}", frame], 200, "hi\n", .logs),
        ("fs/stream/\(other)?path=a&follow=false", ["{}", "{}", frame, frame], 200, frame + frame, .stream),
        ("fs/cat/\(other)?path=a", ["{}", "{}", frame, frame], 200, "hi\nhi\n", .stream),
        ("fs/readat/\(other)?path=a&offset=1&limit=4", ["{}", "{}", frame, frame], 200, "hi\nh", .stream),
        ("fs/ls/\(other)", ["{}", #"[{"Name":"a"}]"#, #"[{"Name":"b"}]"#], 200, #""Name":"b""#, .files),
        ("allocation/\(other)/stats?task=t", ["{}", #"{"x":1}"#], 200, #"{"x":1}"#, .statistics),
        ("allocation/\(other)/gc", ["{}"], 200, "", .collectAllocation),
        ("stats?node_id=\(other)", ["{}", #"{"Uptime":7}"#], 200, #"{"Uptime":7}"#, .hostStatistics),
        ("gc?node_id=\(other)", ["{}"], 200, "", .collectNode),
        ("allocation/\(other)/stats", ["{}"], 404, "nothing there", .statistics),
        ("fs/stat/\(other)?path=a", ["{}"], 404, "nothing there", .file),
        ("fs/logs/\(other)?task=t&type=stdout&follow=true", ["{}"], 404, "nothing there", .logs),
        ("fs/cat/\(other)?path=a", ["{}", "{}"], 404, "nothing there", .stream),
        // A client of an earlier release, which says so of the command that it looks for.
        ("fs/stat/\(other)?path=a", [], 501, "of an earlier release", .file),
        ("fs/logs/\(other)?task=t&type=stdout&follow=true", [], 501, "of an earlier release", .logs),
    ])
    func otherNodesAreAskedOverTheServers(
        path: String, frames: [String], status: Int, text: String, kind: NodeRequestKind
    ) async throws {
        let left = Mutex<[String]>([])
        let isWanted = Mutex(false)
        let servers = FakeServers { call, _ in
            switch call {
            case let call as AskNode:
                // Before a file is read it is looked at.
                left.withLock { $0 = call.request.kind == kind ? frames : ["{}", "{}"] }
                isWanted.withLock { $0 = call.request.kind == kind }
                return RelayEnd(server: "s1", id: ID(high: 5, low: 5))
            case is ReceiveRelayed:
                var reply = ReceiveRelayedReply()
                let next = left.withLock { $0.isEmpty ? nil : $0.removeFirst() }
                if let next { reply.frames = [RawJSON(Array(next.utf8))] }
                reply.isOver = next == nil
                if reply.isOver, status >= 404, isWanted.withLock({ $0 }) {
                    (reply.code, reply.message) = (404, "nothing there")
                }
                return reply
            default: return SendRelayedReply(isTaken: true)
            }
        }
        try await withAPI(servers: servers) { client in
            let answer = try await client.send("GET", "/v1/client/\(path)")
            #expect(answer.status == status && answer.text.contains(text), "\(answer.status) \(answer.text)")
        }
        let asked = servers.received(AskNode.self).map(\.request.kind)
        #expect(asked.last == kind && servers.received(CloseRelay.self).count == asked.count, "\(asked)")
    }

    /// However slowly a stream's caller reads, the stream is kept open for it, to its end and no longer.
    @Test(arguments: ["fs/cat/\(id)?path=a", "fs/stream/\(id)?path=a&follow=false", "fs/logs/\(id)?task=t&type=stdout"])
    func streamsAreKeptOpenForTheirCaller(path: String) async throws {
        let fake = FakeClient()
        try await withAPI(client: fake) { client in _ = try await client.get("/v1/client/\(path)") }
        #expect(fake.streams.withLock { $0 } == ["kept open", "let go", "ended"])
    }

    @Test func aStreamWhoseFirstReadFailsIsEnded() async throws {
        let fake = FakeClient()
        try await withAPI(client: fake) { client in
            let answer = try await client.send("GET", "/v1/client/fs/cat/\(ClientRouteTests.id)?path=broken")
            #expect(answer.status == 403 && answer.text == "leads out")
        }
        #expect(fake.streams.withLock { $0 } == ["ended"])
    }

    @Test func filesAndActions() async throws {
        let fake = FakeClient()
        try await withAPI(client: fake) { client in
            #expect(try await client.files(allocation: ClientRouteTests.id, path: "/").map(\.name) == ["out"])
            #expect(try await client.file(allocation: ClientRouteTests.id, path: "/out").size == 12)
            try await client.restartAllocation(ClientRouteTests.id, task: "web")
            try await client.signalAllocation(ClientRouteTests.id, signal: "SIGHUP")
            _ = try await client.get(
                "/v1/client/fs/logs/\(ClientRouteTests.id)?task=web&type=stderr&origin=end&offset=3")
        }
        #expect(
            fake.asked.withLock { $0 } == [
                "restart web false", "signal - SIGHUP", "web stderr FilePosition(offset: 3, fromEnd: true) false",
            ])
    }

    /// A followed stream brings data, then heartbeats; the reader ends it by going away.
    @Test func followedStreamsBeat() async throws {
        struct Enough: Error {}
        try await withAPI { client in
            let seen = Mutex<(decoder: FrameDecoder, text: [UInt8], beats: Int)>((FrameDecoder(), [], 0))
            await #expect(throws: Enough.self) {
                try await client.stream(
                    "/v1/client/fs/logs/\(ClientRouteTests.id)?task=t&type=stdout&follow=true"
                ) { piece in
                    try seen.withLock { seen in
                        for frame in try seen.decoder.add(piece) {
                            seen.text += frame.data
                            seen.beats += frame.isHeartbeat ? 1 : 0
                        }
                        if seen.beats >= 3 { throw Enough() }
                    }
                }
            }
            #expect(seen.withLock { String(decoding: $0.text, as: UTF8.self) } == "hello\nworld\n")
        }
    }

    @Test func agentRoutes() async throws {
        let servers = FakeServers { call, _ in
            var reply = QueryReply()
            if (call as? Query)?.kind == .leader { reply.body = RawJSON(Array(#""127.0.0.1:4647""#.utf8)) }
            return reply
        }
        try await withAPI(servers: servers) { client in
            #expect(try await client.leader() == "127.0.0.1:4647")
            #expect(try await client.plugins().map(\.name) == ["raw_exec"])
            let health = try await client.get("/v1/agent/health").json()
            #expect(health["server"]?["ok"]?.bool == true)
            #expect(health["client"]?["ok"]?.bool == true)
        }
        try await withAPI(servers: FakeServers { _, _ in throw CallError(.unavailable, "no leader") }, client: nil) {
            client in
            let answer = try await client.send("GET", "/v1/agent/health")
            #expect(answer.status == 500)
            #expect(try answer.json()["server"]?["message"]?.string == "no leader")
        }
    }
}
