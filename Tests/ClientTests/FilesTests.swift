import Basics
import Client
import Glibc
import Linux
import Model
import RPC
import Testing

/// Reading an allocation's files through the endpoint.
@Suite struct FilesTests {
    private func withAllocation(
        _ body: @escaping @Sendable (ClientFixture, ClientAgent, Allocation, String) async throws -> Void
    ) async throws {
        let fixture = ClientFixture()
        defer { fixture.close() }
        let allocation = makeAllocation(.batch, [makeTask("web")])
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { client in
            try await fixture.reported(allocation.id) { $0.clientStatus == .running }
            try await body(fixture, client, allocation, "\(fixture.folder)/alloc/\(allocation.id)")
        }
    }

    private func text(_ stream: any FileStream) async throws -> String {
        var bytes: [UInt8] = []
        while let frame = try await stream.next() { bytes += frame.data }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func listsAndReads() async throws {
        try await withAllocation { _, client, allocation, root in
            try SmallFile.replace(root + "/web/local/data.json", with: Array("0123456789".utf8))
            let names = try await client.files(allocation: allocation.id, path: "/").map(\.name)
            #expect(names == ["alloc", "web"])
            let info = try await client.file(allocation: allocation.id, path: "web/local/data.json")
            #expect(info.size == 10 && info.contentType == "application/json" && info.fileMode == "-rw-------")
            let part = try await client.stream(
                allocation: allocation.id, path: "web/local/data.json", from: FilePosition(offset: 3), follow: false)
            #expect(try await text(part) == "3456789")
            await #expect(throws: CallError.self) { try await client.files(allocation: .none, path: "/") }
        }
    }

    @Test func nothingLeadsOut() async throws {
        try await withAllocation { fixture, client, allocation, root in
            symlink("/etc", root + "/web/local/out")
            symlink("../../../../client", root + "/web/local/up")
            symlink("data", root + "/web/local/in")
            try SmallFile.replace(root + "/web/local/data", with: [65])
            try SmallFile.replace(root + "/web/secrets/token", with: [65])
            for path in [
                "web/local/out/passwd", "web/local/up/client-id", "../../client/client-id", "/../../../etc/passwd",
                "web/secrets/token", "web/local/../secrets/token", "web/private/attempt", "web//./secrets/token",
            ] {
                await #expect(throws: CallError.self, "\(path)") {
                    try await client.stream(
                        allocation: allocation.id, path: path, from: FilePosition(), follow: false)
                }
            }
            #expect(
                try await text(
                    client.stream(
                        allocation: allocation.id, path: "web/local/in", from: FilePosition(), follow: false)) == "A")
            mkfifo(root + "/web/local/pipe", 0o600)
            await #expect(throws: CallError.self) {
                try await client.stream(
                    allocation: allocation.id, path: "web/local/pipe", from: FilePosition(), follow: false)
            }
        }
    }

    @Test func readsRotatedLogsAsOne() async throws {
        try await withAllocation { _, client, allocation, root in
            for (number, content) in [(3, "aaaa"), (4, "bbbb"), (10, "cc")] {
                try SmallFile.replace("\(root)/alloc/logs/web.stdout.\(number)", with: Array(content.utf8))
            }
            for (position, expected) in [
                (FilePosition(), "aaaabbbbcc"), (FilePosition(offset: 5), "bbbcc"),
                (FilePosition(offset: 3, fromEnd: true), "bcc"),
                (FilePosition(offset: 100, fromEnd: true), "aaaabbbbcc"),
                (FilePosition(offset: 100), ""),
            ] {
                let request = LogRequest(task: "web", stream: .stdout, position: position)
                let stream = try await client.logs(allocation: allocation.id, request: request)
                #expect(try await text(stream) == expected)
            }
            let none = LogRequest(task: "nobody", stream: .stdout)
            await #expect(throws: CallError.self) { try await client.logs(allocation: allocation.id, request: none) }
        }
    }

    @Test func followsUntilTheTaskEnds() async throws {
        try await withAllocation { fixture, client, allocation, root in
            let request = LogRequest(task: "web", stream: .stderr, follow: true)
            async let all = text(try await client.logs(allocation: allocation.id, request: request))
            try SmallFile.replace("\(root)/alloc/logs/web.stderr.0", with: Array("one ".utf8))
            try SmallFile.replace("\(root)/alloc/logs/web.stderr.1", with: Array("two".utf8))
            fixture.driver.end("web")
            #expect(try await all == "one two")
        }
    }

    @Test func tellsOfATruncatedFile() async throws {
        try await withAllocation { _, client, allocation, root in
            let path = root + "/web/local/file"
            try SmallFile.replace(path, with: Array("long content".utf8))
            let stream = try await client.stream(
                allocation: allocation.id, path: "web/local/file", from: FilePosition(), follow: true)
            #expect(try await stream.next()?.data.count == 12)
            let file = try FileDescriptor(path: path, flags: O_WRONLY | O_TRUNC)
            #expect(try await stream.next()?.event == "file truncated")
            try file.write([66])
            #expect(try await stream.next()?.data == [66])
            try Folder.remove(path)
            #expect(try await stream.next()?.event == "file deleted")
            #expect(try await stream.next() == nil)
        }
    }
}
