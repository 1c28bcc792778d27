import Basics
import Consensus
import Linux
import Raft
import Synchronization
import TestSupport
import Testing

@testable import Recovery

@Suite struct QuorumRecoveryTests {
    private static let members = (1...3).map {
        Membership.Member(id: ServerID("s\($0)"), address: "192.0.2.\($0):4647")
    }
    private static let cluster = ID(high: 1, low: 1)
    private static let fresh = ID(high: 2, low: 2)

    /// The data folder of s2 in a group of three, with a log of ten entries in term 4.
    private static func dataFolder(members: [Membership.Member] = members) throws -> TemporaryFolder {
        let folder = try TemporaryFolder("recovery")
        let disk = SystemDisk()
        let server = folder.path + "/server"
        try disk.makeDirectory(server + "/raft")
        let (log, _) = try WriteAheadLog.open(disk: disk, folder: server + "/raft/log", snapshot: .empty)
        let membership = Membership(members: members)
        var records: [LogRecord] = [.hardState(HardState(term: 4, vote: ServerID("s1")))]
        for index in UInt64(1)...10 {
            let kind: EntryKind = index == 1 ? .membership : .firstApplication
            let data = index == 1 ? membership.bytes : [UInt8(index)]
            records.append(.entry(LogEntry(index: index, term: 4, kind: kind, data: data)))
        }
        try log.append(records)
        log.close()
        try folder.write("server/node-id", "s2\n")
        var record = ClusterRecord()
        record.cluster = cluster
        try disk.replace(server + "/cluster.json", with: record.jsonBytes)
        return folder
    }

    private static func check(_ folder: TemporaryFolder, copy: String) throws {
        let disk = SystemDisk()
        let raft = folder.path + "/server/raft"
        let stored = try StoredFolder.read(raft, disk: disk)
        #expect(stored.entries.map(\.index) == Array(1...11) && stored.lastTerm == 5)
        #expect(stored.entries[9].data == [10], "what was there is kept")
        #expect(stored.membership == Membership(members: [members[1]]))
        let record = try ClusterRecord(json: disk.read(folder.path + "/server/cluster.json", limit: 4_096))
        #expect(record.cluster == fresh)
        // The copy is as the folder was.
        let before = try StoredFolder.read(copy + "/raft", disk: disk)
        #expect(before.entries.count == 10 && before.membership.members == members)
        #expect(try ClusterRecord(json: disk.read(copy + "/cluster.json", limit: 4_096)).cluster == cluster)
        #expect(!disk.exists(folder.path + "/server/recovery.json"))
    }

    @Test func theOneLeftGoesOnAlone() throws {
        let folder = try Self.dataFolder()
        let recovery = try QuorumRecovery(folder.path, disk: SystemDisk())
        let situation = try recovery.situation()
        #expect(situation.server == Self.members[1] && situation.others.map(\.id.name) == ["s1", "s3"])
        #expect(situation.lastIndex == 10 && situation.lastTerm == 4 && !situation.isAlone && !situation.isUnderWay)
        #expect(situation.hasQuorum(with: [ServerID("s3")]) && !situation.hasQuorum(with: []))
        let copy = try recovery.carryOut(cluster: Self.fresh)
        try Self.check(folder, copy: copy)
        #expect(try recovery.situation().isAlone)
    }

    /// Whatever a crash leaves, the next try finishes: each write of the disk fails once.
    @Test func aCrashAnywhereIsGoneOnFrom() throws {
        for point in 1...200 {
            let folder = try Self.dataFolder()
            let failing = FailingDisk(at: point)
            let interrupted = try? QuorumRecovery(folder.path, disk: failing).carryOut(cluster: Self.fresh)
            if interrupted != nil, !failing.hasFailed {
                #expect(point > 15, "every step was tried")
                return
            }
            let recovery = try QuorumRecovery(folder.path, disk: SystemDisk())
            let situation = try recovery.situation()
            guard !situation.isAlone || situation.isUnderWay else {
                // It failed after the last change that counts.
                try Self.check(folder, copy: folder.path + "/server/before-recovery-\(Self.cluster)-10")
                continue
            }
            let wasUnderWay = situation.isUnderWay
            let copy = try recovery.carryOut(cluster: wasUnderWay ? ID(high: 3, low: 3) : Self.fresh)
            try Self.check(folder, copy: copy)
        }
        Issue.record("the recovery did not end")
    }

    @Test func refusals() throws {
        let empty = try TemporaryFolder("recovery")
        #expect(throws: RecoveryError.self) { try QuorumRecovery(empty.path, disk: SystemDisk()) }
        let other = try Self.dataFolder(members: [Self.members[0], Self.members[2]])
        let error = #expect(throws: RecoveryError.self) {
            try QuorumRecovery(other.path, disk: SystemDisk()).situation()
        }
        #expect(error?.description.contains("is no member of its cluster any more") == true)
        // While an agent runs, nothing is touched.
        let folder = try Self.dataFolder()
        let lock = try SystemDisk().lock(folder.path + "/server/raft/lock")
        #expect(throws: ConsensusError.folderInUse(path: folder.path + "/server/raft/lock")) {
            try QuorumRecovery(folder.path, disk: SystemDisk()).carryOut(cluster: Self.fresh)
        }
        lock.release()
        #expect(try StoredFolder.read(folder.path + "/server/raft", disk: SystemDisk()).entries.count == 10)
        #expect(!SystemDisk().exists(folder.path + "/server/recovery.json"))
    }

    @Test func peersFileIsTakenInOnce() throws {
        let folder = try Self.dataFolder()
        let (disk, raft) = (SystemDisk(), folder.path + "/server/raft")
        #expect(try PeersFile.takeIn(raft, disk: disk) == nil)
        try folder.write(
            "server/raft/peers.json",
            #"[{"id":"s2","address":"192.0.2.2:4647","non_voter":false},{"id":"s3","address":"192.0.2.9:4647"}]"#)
        #expect(try PeersFile.takeIn(raft, disk: disk) == 2)
        #expect(try PeersFile.takeIn(raft, disk: disk) == nil)
        let stored = try StoredFolder.read(raft, disk: disk)
        #expect(stored.lastIndex == 11 && stored.lastTerm == 5)
        #expect(stored.membership.members.map(\.address) == ["192.0.2.2:4647", "192.0.2.9:4647"])
    }

    @Test(arguments: [
        "", "{}", "[]", #"[{"id":"a"}]"#, #"[{"id":"a","address":"x:y"}]"#,
        #"[{"id":"a","address":"h:1","non_voter":true}]"#,
        #"[{"id":"a","address":"h:1"},{"id":"a","address":"h:2"}]"#,
    ])
    func badPeersFiles(text: String) throws {
        let folder = try Self.dataFolder()
        try folder.write("server/raft/peers.json", text)
        #expect(throws: RecoveryError.self) {
            try PeersFile.takeIn(folder.path + "/server/raft", disk: SystemDisk())
        }
        #expect(try StoredFolder.read(folder.path + "/server/raft", disk: SystemDisk()).entries.count == 10)
    }
}

/// The machine's disk, on which one operation that changes something fails.
private final class FailingDisk: Disk {
    private let disk = SystemDisk()
    private let left: Mutex<Int>

    init(at point: Int) { left = Mutex(point) }

    var hasFailed: Bool { left.withLock { $0 <= 0 } }

    fileprivate func spend(_ operation: String, _ path: String) throws(DiskError) {
        let isDue = left.withLock { left in
            left -= 1
            return left == 0
        }
        if isDue { throw DiskError(operation: operation, path: path, reason: .noSpace) }
    }

    func open(_ path: String, create: Bool, exclusive: Bool) throws(DiskError) -> any DiskFile {
        if create { try spend("open", path) }
        return FailingFile(try disk.open(path, create: create, exclusive: exclusive), disk: self)
    }

    func read(_ path: String, limit: Int) throws(DiskError) -> [UInt8] { try disk.read(path, limit: limit) }
    func list(_ path: String) throws(DiskError) -> [String] { try disk.list(path) }
    func exists(_ path: String) -> Bool { disk.exists(path) }
    func lock(_ path: String) throws(DiskError) -> any DiskLock { try disk.lock(path) }

    func makeDirectory(_ path: String) throws(DiskError) {
        try spend("make folder", path)
        try disk.makeDirectory(path)
    }

    func rename(_ source: String, to target: String) throws(DiskError) {
        try spend("rename to", target)
        try disk.rename(source, to: target)
    }

    func remove(_ path: String) throws(DiskError) {
        try spend("remove", path)
        try disk.remove(path)
    }

    func synchronizeDirectory(_ path: String) throws(DiskError) {
        try spend("sync folder", path)
        try disk.synchronizeDirectory(path)
    }
}

private final class FailingFile: DiskFile {
    private let file: any DiskFile
    private let disk: FailingDisk

    init(_ file: any DiskFile, disk: FailingDisk) {
        self.file = file
        self.disk = disk
    }

    var path: String { file.path }
    func size() throws(DiskError) -> UInt64 { try file.size() }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) -> Int {
        try file.read(into: buffer, at: offset)
    }

    func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(DiskError) {
        try disk.spend("write", path)
        try file.write(buffer, at: offset)
    }

    func allocate(_ size: UInt64) throws(DiskError) { try file.allocate(size) }
    func truncate(_ size: UInt64) throws(DiskError) { try file.truncate(size) }

    func synchronize() throws(DiskError) {
        try disk.spend("sync", path)
        try file.synchronize()
    }

    func close() { file.close() }
}
