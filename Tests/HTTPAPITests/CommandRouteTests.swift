import APIClient
import Basics
import Connections
import HTTPAPI
import Model
import NIOCore
import NIOPosix
import RPC
import Synchronization
import Testing

/// `/v1/client/allocation/:id/exec`: a WebSocket as Nomad's clients speak it.
@Suite("Command routes")
struct CommandRouteTests {
    static let id = FakeClient.allocation

    private static func path(_ id: ID = id, task: String = "t", command: String = "%5B%22a%22%2C%22b%22%5D") -> String {
        "/v1/client/allocation/\(id)/exec?task=\(task)&command=\(command)&tty=false"
    }

    /// What a program says until its end.
    private static func everything(_ command: RunningCommand) async throws -> (out: String, error: String, code: Int?) {
        var (out, error): ([UInt8], [UInt8]) = ([], [])
        while let output = try await command.next() {
            out += output.standardOutput
            error += output.standardError
            if let code = output.exitCode {
                return (String(decoding: out, as: UTF8.self), String(decoding: error, as: UTF8.self), code)
            }
        }
        return (String(decoding: out, as: UTF8.self), String(decoding: error, as: UTF8.self), nil)
    }

    @Test func carriesBothWays() async throws {
        let fake = FakeClient()
        try await withAPI(client: fake) { client in
            let long = [UInt8](repeating: UInt8(ascii: "x"), count: 300_000)
            let code = try await client.runCommand(
                ["a", "b c", "\"d\""], in: Self.id, task: "t", terminal: true
            ) { command in
                try await command.send(CommandInput(size: TerminalSize(rows: 5, columns: 9)))
                try await command.send(CommandInput())
                try await command.send(CommandInput(data: long))
                try await command.send(CommandInput(data: Array("!".utf8), isEnd: true))
                let said = try await Self.everything(command)
                #expect(said.out == "5x9" + String(repeating: "x", count: 300_000) + "!")
                #expect(said.error == "over")
                return said.code ?? -1
            }
            #expect(code == 3)
        }
        #expect(fake.asked.withLock { $0 } == [#"run ["a", "b c", "\"d\""] true true"#, "ended"])
    }

    @Test func refusalsAreSaidInTheClosing() async throws {
        try await withAPI { client in
            for (id, task, text) in [
                (ID(high: 9, low: 9), "t", "the fake has no answer to openRelay"),
                (Self.id, "u", "task \"u\" not found"),
            ] {
                let failure = await #expect(throws: CommandFailure.self) {
                    try await client.runCommand(["a"], in: id, task: task, terminal: false) { command in
                        try await Self.everything(command).code ?? -1
                    }
                }
                #expect(failure?.description == text)
            }
        }
    }

    @Test(arguments: [
        (path(), 400, "this path speaks WebSocket"),
        (path(task: ""), 400, "must provide task name"),
        (path(command: ""), 400, "must provide the command"),
        (path(command: "%5B%5D"), 400, "must provide the command"),
        (path(command: "%5B1%5D"), 400, "must provide the command"),
        (path() + "&ws_handshake=perhaps", 400, "ws_handshake"),
    ])
    func requestsThatBecomeNoSocket(path: String, status: Int, text: String) async throws {
        try await withAPI { client in
            let answer = try await client.send("GET", path)
            #expect(answer.status == status)
            #expect(answer.text.contains(text), "\(answer.text)")
        }
    }

    /// The token comes in a header, or, for browsers, in the first message; without it nothing runs.
    @Test func whoMayRunCommands() async throws {
        let fake = FakeClient()
        let authorize: @Sendable (Capability, CallContext) async throws -> Void = { capability, context in
            let needed: [Capability: String] = [.allocationExec: "some", .allocationNodeExec: "all"]
            guard context.token == "all" || context.token == needed[capability] else {
                throw CallError(.permission, "Permission denied")
            }
        }
        try await withAPI(client: fake, authorize: authorize) { client in
            for (token, isAllowed) in [("", false), ("none", false), ("some", true), ("all", true)] {
                var client = client
                client.token = token
                do {
                    _ = try await client.runCommand(["a"], in: Self.id, task: "t", terminal: false) { command in
                        try await command.send(CommandInput(isEnd: true))
                        return try await Self.everything(command).code ?? -1
                    }
                    #expect(isAllowed)
                } catch let error as CommandFailure {
                    #expect(error.description == "Permission denied" && !isAllowed)
                }
            }
            // Without the first message the header counts, before anything else.
            #expect(try await client.send("GET", Self.path()).status == 403)
        }
        #expect(
            fake.asked.withLock { $0 } == [
                #"run ["a"] false false"#, "ended", #"run ["a"] false true"#, "ended",
            ])
    }

    /// A socket that says what it likes.
    private func withSocket(
        _ client: DroverClient, headers: [String] = [],
        _ body: (TappedConnection) async throws -> Void
    ) async throws {
        guard case .http(let host, let port) = client.address else { return }
        let raw = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let tap = ConnectionTap()
                    try channel.pipeline.syncOperations.addHandler(tap)
                    return tap.take(channel)
                }
            }
        let lines =
            [
                "GET \(Self.path()) HTTP/1.1", "Host: \(host):\(port)", "Upgrade: websocket", "Connection: Upgrade",
                "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            ] + headers + ["", ""]
        try await raw.write(Array(lines.joined(separator: "\r\n").utf8))
        try await body(raw)
        await raw.close()
    }

    private func rest(_ raw: TappedConnection) async throws -> String {
        var bytes: [UInt8] = []
        while let more = try await raw.read() { bytes += more }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(arguments: [
        ([0x81, 0x01, 0x41] as [UInt8], "a frame without a mask"),
        ([0x8f, 0x80, 1, 2, 3, 4], "a frame of an unknown kind"),
        ([0x81, 0xff, 0, 0, 0, 0, 0xff, 0, 0, 0, 1, 2, 3, 4], "at most 1048576 are taken"),
        (WebSocketFrame.encode(.text, Array("no json".utf8), mask: [1, 2, 3, 4]), "not what was expected"),
        (WebSocketFrame.encode(.text, Array(#"{"stdin":7}"#.utf8), mask: [1, 2, 3, 4]), "expected an object"),
        (Array("GET / HTTP/1.1\r\n\r\n".utf8), "unknown kind"),
    ])
    func garbageEndsTheSession(bytes: [UInt8], text: String) async throws {
        let fake = FakeClient()
        try await withAPI(client: fake) { client in
            try await withSocket(client) { raw in
                // RFC 6455 §4.1: a client says nothing before it has been answered.
                let head = String(decoding: try await raw.read() ?? [], as: UTF8.self)
                try await raw.write(bytes)
                let answer = head + (try await rest(raw))
                #expect(answer.contains("101 Switching Protocols\r\n"))
                #expect(answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"))
                #expect(answer.contains(text), "\(answer)")
            }
        }
        #expect(fake.asked.withLock { $0.last } == "ended")
    }

    @Test func aCallerThatHangsUpEndsTheSession() async throws {
        let fake = FakeClient()
        try await withAPI(client: fake) { client in
            try await withSocket(client) { raw in
                try await eventually { fake.asked.withLock { $0.count } == 1 }
            }
            try await eventually { fake.asked.withLock { $0.last } == "ended" }
        }
    }

    /// Browsers let any page open a socket.
    @Test(arguments: [("http://evil.example", "403 Forbidden"), ("", "101 Switching")])
    func pagesOfOtherOriginsAreRefused(origin: String, status: String) async throws {
        try await withAPI { client in
            let own = "\(client.address)"
            try await withSocket(client, headers: ["Origin: \(origin.isEmpty ? own : origin)"]) { raw in
                let answer = String(decoding: try await raw.read() ?? [], as: UTF8.self)
                #expect(answer.hasPrefix("HTTP/1.1 \(status)"), "\(answer)")
            }
        }
    }

    private func eventually(_ condition: () -> Bool) async throws {
        for _ in 0..<1_000 where !condition() { try await Task.sleep(for: .milliseconds(5)) }
        #expect(condition())
    }

    /// An allocation of another node is asked for over a relay of the servers.
    @Test func otherNodesAreReachedOverTheServers() async throws {
        let replies = Mutex<[ReceiveRelayedReply]>([])
        let servers = FakeServers { call, _ in
            switch call {
            case is OpenRelay: return RelayEnd(server: "s1", id: ID(high: 5, low: 5))
            case let call as SendRelayed:
                // Whatever is said is the end of it.
                var output = ReceiveRelayedReply()
                output.frames = [RawJSON(Array(#"{"stdout":{"data":"aGkK"}}"#.utf8)), RawJSON(Array("{}".utf8))]
                var end = ReceiveRelayedReply()
                end.frames = [RawJSON(Array(#"{"exited":true,"result":{"exit_code":4}}"#.utf8))]
                var over = ReceiveRelayedReply()
                over.isOver = true
                if call.end.id == ID(high: 5, low: 5) { replies.withLock { $0 += [output, end, over] } }
                return SendRelayedReply(isTaken: true)
            case is ReceiveRelayed:
                try await Task.sleep(for: .milliseconds(5))
                return replies.withLock { $0.isEmpty ? ReceiveRelayedReply() : $0.removeFirst() }
            default: return SendRelayedReply(isTaken: true)
            }
        }
        try await withAPI(servers: servers, client: nil) { client in
            let code = try await client.runCommand(["a"], in: ID(high: 9, low: 9), task: "t", terminal: false) {
                try await $0.send(CommandInput(isEnd: true))
                let said = try await Self.everything($0)
                #expect(said.out == "hi\n")
                return said.code ?? -1
            }
            #expect(code == 4)
        }
        #expect(servers.received(OpenRelay.self).map(\.command.arguments) == [["a"]])
        #expect(servers.received(CloseRelay.self).map(\.end.id) == [ID(high: 5, low: 5)])
    }
}
