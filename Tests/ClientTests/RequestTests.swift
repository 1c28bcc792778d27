import Basics
import Client
import Glibc
import Linux
import Model
import PluginHost
import RPC
import Testing

/// What callers elsewhere ask of a client over relays: they are told how it came out, not that the connection has ended.
@Suite struct RequestTests {
    private func withAllocation(
        _ body: @escaping @Sendable (ClientFixture, Allocation, String) async throws -> Void
    ) async throws {
        var fixture = ClientFixture()
        fixture.drivers = [
            FakeDriver(exec: { throw PluginError(.notFound, "no such program") })
        ]
        defer { fixture.close() }
        let allocation = makeAllocation(.batch, [makeTask("web")])
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { [fixture] _ in
            try await fixture.reported(allocation.id) { $0.clientStatus == .running }
            try await body(fixture, allocation, "\(fixture.folder)/alloc/\(allocation.id)")
        }
    }

    @Test func whatWentWrongIsTold() async throws {
        try await withAllocation { fixture, allocation, root in
            var logs = NodeRequest(.logs, allocation: allocation.id, task: "web")
            logs.logStream = "stdout"
            // Found only as the first piece is read.
            try Folder.remove(root + "/alloc/logs")
            symlink("/etc", root + "/alloc/logs")
            let rows: [(NodeRequest, CallError.Code, String)] = [
                (logs, .permission, "leads out"),
                (NodeRequest(.stream, allocation: allocation.id, path: "none"), .notFound, "does not exist"),
                (NodeRequest(.stream, allocation: allocation.id, path: "/"), .invalid, "not a regular file"),
                (NodeRequest(.file, allocation: allocation.id, path: "none"), .notFound, "does not exist"),
                (NodeRequest(.restart, allocation: ID(high: 1, low: 1)), .notFound, "Unknown allocation"),
                (try NodeRequest(json: Array(#"{"Kind":"dance"}"#.utf8)), .unsupported, "does not know this request"),
            ]
            for (request, code, text) in rows {
                let answer = try await fixture.servers.relay { RelayTicket(end: $0, request: request) }
                #expect(answer.frames.first == RawJSON(Array("{}".utf8)), "it has taken the request")
                let closing = answer.closing
                #expect(
                    closing.code == code.rawValue && closing.message.contains(text),
                    "\(closing.code) \(closing.message)")
            }
        }
    }

    @Test func whatWentWrongWithACommandIsTold() async throws {
        try await withAllocation { fixture, allocation, _ in
            var command = TaskCommand()
            (command.allocation, command.task, command.arguments) = (allocation.id, "web", ["none"])
            command.mayReachNode = true
            let asked = command
            let closing = try await fixture.servers.relay { RelayTicket(end: $0, command: asked) }.closing
            #expect(closing.code == 404 && closing.message == "no such program")
        }
    }

    /// However long the names are, what is sent at a time is less than servers take.
    @Test func longListingsComeInPieces() async throws {
        try await withAllocation { fixture, allocation, root in
            let folder = root + "/web/local"
            let filler = String(repeating: "\u{1}", count: 240)
            for number in 0..<1_500 { try SmallFile.replace("\(folder)/\(filler)\(number)", with: []) }
            let request = NodeRequest(.files, allocation: allocation.id, path: "web/local")
            let answer = try await fixture.servers.relay { RelayTicket(end: $0, request: request) }
            let lists = try answer.frames.dropFirst().map { try #require(try JSONParser.parse($0.bytes).array) }
            #expect(answer.closing.code == 0 && lists.map(\.count).reduce(0, +) == 1_500 && lists.count > 1)
            #expect(answer.frames.allSatisfy { $0.bytes.count < 1 << 20 })
        }
    }
}
