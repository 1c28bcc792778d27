import Glibc
import Linux
import Testing

/// Pipes and terminals without blocked threads.
@Suite struct DescriptorTests {
    @Test func aPipeIsReadAndWrittenAsItGoes() async throws {
        let ends = try FileDescriptor.pipe()
        let (reader, writer) = (try AsyncDescriptor(ends.read), try AsyncDescriptor(ends.write))
        let sent = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        async let writing: Void = writer.write(sent)
        var received: [UInt8] = []
        while received.count < sent.count { received += try await reader.read(count: 10_000) }
        try await writing
        #expect(received == sent)
    }

    @Test func readingEndsWithTheWriterOrWhenDry() async throws {
        var ends = Optional(try FileDescriptor.pipe())
        let reader = try AsyncDescriptor(try #require(ends?.read))
        try ends?.write.write([1, 2])
        #expect(try await reader.read(count: 10) == [1, 2])
        async let next = reader.read(count: 10)
        ends = nil
        #expect(try await next == [])

        let open = try FileDescriptor.pipe()
        let other = try AsyncDescriptor(open.read)
        async let last = other.read(count: 10)
        try await Task.sleep(for: .milliseconds(20))
        other.endWhenDry()
        #expect(try await last == [], "though the writing end is open")
        try open.write.write([7])
        #expect(try await other.read(count: 10) == [7], "what is there is read yet")
        #expect(try await other.read(count: 10) == [])
    }

    @Test func waitingCanBeCancelled() async throws {
        let ends = try FileDescriptor.pipe()
        let reader = try AsyncDescriptor(ends.read)
        let waiting = Task { try await reader.read(count: 1) }
        try await Task.sleep(for: .milliseconds(20))
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }

        let shared = try FileDescriptor.pipe()
        let input = try SharedInput(shared.read.number, blocking: BlockingThreads())
        try shared.write.write([5])
        #expect(try await input.read(count: 10) == [5])
        let blocked = Task { try await input.read(count: 1) }
        try await Task.sleep(for: .milliseconds(20))
        blocked.cancel()
        await #expect(throws: CancellationError.self) { try await blocked.value }
    }

    @Test func aTerminalHasASizeAndAnEnd() async throws {
        let pair = try Terminal.open()
        var inner = Optional(pair.inner)
        let outer = try AsyncDescriptor(pair.outer)
        try Terminal.setSize(outer.number, rows: 33, columns: 111)
        let size = Terminal.size(pair.inner.number)
        #expect(size?.rows == 33 && size?.columns == 111)
        let before = try #require(Terminal.makeRaw(pair.inner.number))
        try await outer.write(Array("a\r".utf8))
        #expect(try inner?.read(count: 10) == Array("a\r".utf8), "raw: nothing waits for a line, nothing is changed")
        Terminal.restore(pair.inner.number, before)
        let ends = try FileDescriptor.pipe()
        #expect(Terminal.size(ends.read.number) == nil && Terminal.makeRaw(ends.read.number) == nil)
        inner = nil
    }
}
