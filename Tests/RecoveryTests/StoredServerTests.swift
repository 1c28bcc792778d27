import Basics
import Consensus
import Linux
import Model
import Raft
import Recovery
import StateStore
import TestSupport
import Testing

/// A server's folder as tools read it.
@Suite struct StoredServerTests {
    private static func entry(_ index: UInt64, _ kind: EntryKind, _ data: [UInt8]) -> LogEntry {
        LogEntry(index: index, term: 2, kind: kind, data: data)
    }

    /// A data folder whose log has a leader's empty entry and then a namespace each; `last` follows them.
    private static func dataFolder(_ last: LogEntry? = nil) throws -> TemporaryFolder {
        let folder = try TemporaryFolder("stored")
        let disk = SystemDisk()
        let raft = folder.path + "/server/raft"
        try disk.makeDirectory(raft)
        let (log, _) = try WriteAheadLog.open(disk: disk, folder: raft + "/log", snapshot: .empty)
        let changes = (2...4).map { number in
            var namespace = Namespace()
            namespace.name = "n\(number)"
            return entry(UInt64(number), .firstApplication, StateEntry.namespaceUpsert(namespace).encoded)
        }
        let entries = [entry(1, .noop, [])] + changes + [last].compactMap { $0 }
        try log.append([.hardState(HardState(term: 2))] + entries.map { .entry($0) })
        log.close()
        return folder
    }

    @Test func theStateIsThatOfAnyIndex() async throws {
        let folder = try Self.dataFolder()
        for path in ["", "/server", "/server/raft"] {
            let server = try StoredServer(folder.path + path, disk: SystemDisk())
            #expect(server.folder == folder.path + "/server/raft" && server.stored.lastIndex == 4)
            let now = try await server.state()
            #expect(now.namespace("n2") != nil && now.namespace("n4") != nil)
            let before = try await server.state(through: 3)
            #expect(before.namespace("n3") != nil && before.namespace("n4") == nil && before.index == 3)
        }
    }

    @Test func whatIsNotThereIsSaid() async throws {
        let folder = try Self.dataFolder()
        let server = try StoredServer(folder.path, disk: SystemDisk())
        let later = await #expect(throws: RecoveryError.self) { try await server.state(through: 5) }
        #expect(later?.description.contains("its log ends at 4") == true)
        let empty = try TemporaryFolder("empty")
        let nothing = #expect(throws: RecoveryError.self) { try StoredServer(empty.path, disk: SystemDisk()) }
        #expect(nothing?.description.contains("has neither log nor snapshots") == true)
    }

    @Test func entriesOfALaterReleaseAreNamed() async throws {
        let folder = try Self.dataFolder(Self.entry(5, EntryKind(rawValue: 999), [1]))
        let server = try StoredServer(folder.path, disk: SystemDisk())
        let error = await #expect(throws: RecoveryError.self) { try await server.state() }
        #expect(error?.description.contains("log entry 5 is of a newer release's kind 999") == true)
        #expect(try await server.state(through: 4).namespace("n4") != nil)
    }
}
