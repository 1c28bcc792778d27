import Basics
import Consensus
import Raft
import Synchronization
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

    private func log(_ disk: MemoryDisk, segmentBytes: UInt64 = 4_096) throws -> WriteAheadLog {
        var settings = WriteAheadLog.Settings()
        settings.segmentBytes = segmentBytes
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

    /// The server wrote a batch between two looks at the file.
    @Test func whatIsWrittenMeanwhileIsNoDamage() throws {
        let disk = MemoryDisk()
        let log = try log(disk, segmentBytes: 4 << 20)
        for index in UInt64(1)...2 { try log.append(entries(index...index).map(LogRecord.entry)) }
        let path = "/r/log/" + (try #require(try disk.list("/r/log").last))
        let end = try #require(disk.bytes(of: path).lastIndex { $0 != 0 }) + 1
        try log.append(entries(3...3).map(LogRecord.entry))
        let late = LateDisk(disk: disk, end: UInt64(end))
        #expect(try StoredFolder.read("/r", disk: late).entries == entries(1...3))
    }

    @Test func anEmptyFolderHoldsNothing() throws {
        let stored = try StoredFolder.read("/r", disk: MemoryDisk())
        #expect(stored.snapshot == nil && stored.entries.isEmpty)
    }
}

/// Files that are zero from `end` on when they are read first.
private struct LateDisk: Disk {
    let disk: MemoryDisk
    let end: UInt64

    func open(_ path: String, create: Bool, exclusive: Bool) throws(DiskError) -> any DiskFile {
        LateFile(file: try disk.open(path, create: create, exclusive: exclusive), end: end)
    }

    func read(_ path: String, limit: Int) throws(DiskError) -> [UInt8] { try disk.read(path, limit: limit) }
    func list(_ path: String) throws(DiskError) -> [String] { try disk.list(path) }
    func makeDirectory(_ path: String) throws(DiskError) { try disk.makeDirectory(path) }
    func rename(_ source: String, to target: String) throws(DiskError) { try disk.rename(source, to: target) }
    func remove(_ path: String) throws(DiskError) { try disk.remove(path) }
    func exists(_ path: String) -> Bool { disk.exists(path) }
    func synchronizeDirectory(_ path: String) throws(DiskError) { try disk.synchronizeDirectory(path) }
    func lock(_ path: String) throws(DiskError) -> any DiskLock { try disk.lock(path) }
}

private final class LateFile: DiskFile {
    private let file: any DiskFile
    private let end: UInt64
    private let wasRead = Mutex(false)

    init(file: any DiskFile, end: UInt64) { (self.file, self.end) = (file, end) }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) -> Int {
        let count = try file.read(into: buffer, at: offset)
        let isFirst = wasRead.withLock { wasRead in
            defer { wasRead = true }
            return !wasRead
        }
        if isFirst { for place in 0..<count where offset + UInt64(place) >= end { buffer[place] = 0 } }
        return count
    }

    var path: String { file.path }
    func size() throws(DiskError) -> UInt64 { try file.size() }
    func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(DiskError) {
        try file.write(buffer, at: offset)
    }
    func allocate(_ size: UInt64) throws(DiskError) { try file.allocate(size) }
    func truncate(_ size: UInt64) throws(DiskError) { try file.truncate(size) }
    func synchronize() throws(DiskError) { try file.synchronize() }
    func close() { file.close() }
}
