import Basics
import Consensus
import Raft
import Testing

struct SnapshotStoreTests {
    private struct Lines: StateSnapshot {
        let pieces: [[UInt8]]
        func write(to emit: ([UInt8]) throws -> Void) throws { for piece in pieces { try emit(piece) } }
    }

    private let metadata = SnapshotMetadata(
        index: 0x0102, term: 3, membership: Membership(members: [.init(id: ServerID("s1"), address: "h:1")]))

    @Test func snapshotBytesAreGolden() throws {
        let disk = MemoryDisk()
        let store = try SnapshotStore(disk: disk, folder: "/s")
        let size = try store.save(metadata, Lines(pieces: [[1, 2], [3]]))
        let expected: [UInt8] =
            Array("DROVERSN".utf8) + [
                1, 0, 0, 0,  // version
                2, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0,  // index 0x0102, term 3
                9, 0, 0, 0,  // bytes of membership
                1, 1, 2, 0x73, 0x31, 3, 0x68, 0x3a, 0x31,  // one voter, "s1" at "h:1"
                0x4c, 0xa4, 0x62, 0xcb,  // checksum of the header
                3, 0, 0, 0, 0x1e, 0xf2, 0x30, 0xf1, 1, 2, 3,  // a chunk: size, checksum, content
                0, 0, 0, 0, 0x92, 0x56, 0x82, 0x40,  // the end, checksum over the chunks' checksums
                3, 0, 0, 0, 0, 0, 0, 0,  // 3 bytes of content in all
            ]
        let path = "/s/00000000000000000258-00000000000000000003.snapshot"
        #expect(disk.bytes(of: path) == expected)
        #expect(size == UInt64(expected.count))
    }

    /// Whenever power fails during a save, the old snapshot or the new one is there, whole.
    @Test(arguments: 1...30)
    func aCrashLeavesTheOldOrTheNew(seed: Int) async throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let disk = MemoryDisk()
        let store = try SnapshotStore(disk: disk, folder: "/s")
        let old = [UInt8](repeating: 1, count: 3_000)
        let new = [UInt8](repeating: 2, count: 3_000)
        _ = try store.save(metadata, Lines(pieces: [old]))
        try disk.synchronizeDirectory("/s")
        if Bool.random(using: &generator) { disk.failSync(at: 1) }
        let next = SnapshotMetadata(index: 900, term: 4, membership: metadata.membership)
        let isSaved = (try? store.save(next, Lines(pieces: [new]))) != nil
        disk.crash(using: &generator)
        let found = try #require(try SnapshotStore(disk: disk, folder: "/s").newest())
        var content: [UInt8] = []
        while let chunk = try await found.chunks.next() { content += chunk }
        #expect(
            found.metadata == (isSaved ? next : metadata) && content == (isSaved ? new : old), "replay: seed \(seed)")
        #expect(try disk.list("/s").allSatisfy { $0.hasSuffix(".snapshot") }, "what the crash left was removed")
    }
}
