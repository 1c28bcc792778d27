import Basics
import Consensus
import Raft
import Testing

/// A server's folder, read from outside while it may run.
@Suite struct StoredFolderTests {
    private struct Content: StateSnapshot {
        let bytes: [UInt8]
        func write(to emit: ([UInt8]) throws -> Void) throws { try emit(bytes) }
    }

    private let snapshot = SnapshotMetadata(
        index: 4, term: 1, membership: Membership(members: [.init(id: ServerID("s1"), address: "h:1")]))

    private func entries(_ range: ClosedRange<UInt64>) -> [LogEntry] {
        range.map { LogEntry(index: $0, term: 1, kind: .firstApplication, data: [UInt8](repeating: 7, count: 300)) }
    }

    private func log(_ disk: MemoryDisk) throws -> WriteAheadLog {
        var settings = WriteAheadLog.Settings()
        settings.segmentBytes = 4_096
        return try WriteAheadLog.open(disk: disk, folder: "/r/log", snapshot: .empty, settings: settings).log
    }

    @Test func snapshotAndLogAreReadTogether() async throws {
        let disk = MemoryDisk()
        let log = try log(disk)
        for index in UInt64(1)...40 { try log.append(entries(index...index).map(LogRecord.entry)) }
        _ = try SnapshotStore(disk: disk, folder: "/r/snapshots").save(snapshot, Content(bytes: [1, 2, 3]))
        #expect(try disk.list("/r/log").count > 1)
        let stored = try StoredFolder.read("/r", disk: disk)
        #expect(stored.entries.map(\.index) == Array(5...40))
        let found = try #require(stored.snapshot)
        #expect(found.metadata == snapshot)
        #expect(try await found.chunks.next() == [1, 2, 3])
        // The log goes on as if nobody had looked.
        try log.append(entries(41...41).map(LogRecord.entry))
        #expect(try StoredFolder.read("/r", disk: disk).entries.last?.index == 41)
    }

    @Test func whatIsTornStaysAsItIs() throws {
        let disk = MemoryDisk()
        let log = try log(disk)
        for index in UInt64(1)...3 { try log.append(entries(index...index).map(LogRecord.entry)) }
        let path = "/r/log/" + (try #require(try disk.list("/r/log").last))
        let file = try disk.open(path, create: false, exclusive: false)
        let whole = try file.read(at: 0, count: 4_096)
        let end = try #require(whole.lastIndex { $0 != 0 })
        try file.write([whole[end] ^ 1], at: UInt64(end))
        let before = disk.bytes(of: path)
        #expect(try StoredFolder.read("/r", disk: disk).entries == entries(1...2))
        #expect(disk.bytes(of: path) == before)
    }

    @Test func damageIsNotSkipped() throws {
        let disk = MemoryDisk()
        let log = try log(disk)
        for index in UInt64(1)...3 { try log.append(entries(index...index).map(LogRecord.entry)) }
        let path = "/r/log/" + (try #require(try disk.list("/r/log").last))
        let file = try disk.open(path, create: false, exclusive: false)
        let whole = try file.read(at: 0, count: 4_096)
        let middle = try #require(whole.firstIndex(of: 7)) + 350
        try file.write([whole[middle] ^ 0xff], at: UInt64(middle))
        #expect(throws: ConsensusError.self) { try StoredFolder.read("/r", disk: disk) }
    }

    @Test func anEmptyFolderHoldsNothing() throws {
        let stored = try StoredFolder.read("/r", disk: MemoryDisk())
        #expect(stored.snapshot == nil && stored.entries.isEmpty)
    }
}
