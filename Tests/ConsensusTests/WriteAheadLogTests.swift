import Basics
import Consensus
import Raft
import Testing

struct WriteAheadLogTests {
    private static let folder = "/data/log"

    private static var small: WriteAheadLog.Settings {
        var settings = WriteAheadLog.Settings()
        settings.segmentBytes = 4_096
        settings.zeroedAheadBytes = 1_024
        return settings
    }

    private func open(
        _ disk: MemoryDisk, snapshot: SnapshotMetadata = .empty
    ) throws -> (log: WriteAheadLog, recovered: WriteAheadLog.Recovered) {
        try WriteAheadLog.open(
            disk: disk, folder: WriteAheadLogTests.folder, snapshot: snapshot, settings: WriteAheadLogTests.small)
    }

    private func entries(_ range: ClosedRange<UInt64>, term: UInt64 = 1, bytes: Int = 40) -> [LogEntry] {
        range.map {
            LogEntry(
                index: $0, term: term, kind: .firstApplication, data: [UInt8](repeating: UInt8($0 & 0xff), count: bytes)
            )
        }
    }

    private func segments(_ disk: MemoryDisk) throws -> [String] {
        try disk.list(WriteAheadLogTests.folder).map { "\(WriteAheadLogTests.folder)/\($0)" }
    }

    // MARK: - Round trips

    /// Random appends, replacements, votes, compaction and restarts against a plain model.
    @Test(arguments: 1...20)
    func whatIsWrittenComesBack(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let disk = MemoryDisk()
        var (log, _) = try open(disk)
        var model = LogModel()
        for _ in 0..<120 {
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<7: try log.append(model.randomRecords(using: &generator))
            case 7:
                let index = UInt64.random(
                    in: model.snapshot.index...max(model.snapshot.index, model.lastIndex), using: &generator)
                model.saveSnapshot(at: index)
                _ = try log.compact(through: index)
            case 8: try checkFetches(log, model, using: &generator)
            default:
                log.close()
                let opened = try open(disk, snapshot: model.snapshot)
                log = opened.log
                #expect(opened.recovered.entries == model.entries)
                #expect(opened.recovered.hardState == model.hardState)
                #expect(opened.recovered.tornBytes == 0)
            }
        }
    }

    private func checkFetches(_ log: WriteAheadLog, _ model: LogModel, using generator: inout SeededGenerator) throws {
        guard let first = model.entries.randomElement(using: &generator)?.index else { return }
        let found = try log.entries(from: first, bytesMax: 200)
        let rest = model.entries.drop { $0.index < first }
        #expect(!found.entries.isEmpty && found.entries == Array(rest.prefix(found.entries.count)))
        if let before = model.entries.first(where: { $0.index + 1 == first }) { #expect(found.before == before.term) }
    }

    @Test func oldSegmentsGoOnceASnapshotCoversThem() throws {
        let disk = MemoryDisk()
        let (log, _) = try open(disk)
        for index in UInt64(1)...400 { try log.append(entries(index...index).map(LogRecord.entry)) }
        let before = try segments(disk).count
        let first = try log.compact(through: 350)
        #expect(try segments(disk).count < before / 2)
        #expect(first <= 351 && first > 250)
        let snapshot = SnapshotMetadata(index: 350, term: 1, membership: Membership(members: []))
        #expect(try open(disk, snapshot: snapshot).recovered.entries.map(\.index) == Array(351...400))
    }

    // MARK: - Crashes

    /// What was acknowledged is there, whatever happened to the rest; and the rest is a prefix of what was being
    /// written.
    @Test(arguments: 1...60)
    func nothingAcknowledgedIsLostInACrash(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let disk = MemoryDisk()
        var model = LogModel()
        for _ in 0..<8 {
            let (log, recovered) = try open(disk, snapshot: model.snapshot)
            #expect(recovered.entries == model.entries, "replay: seed \(seed)")
            #expect(recovered.hardState == model.hardState)
            for _ in 0..<Int.random(in: 0..<12, using: &generator) {
                try log.append(model.randomRecords(using: &generator))
            }
            // Power fails during the sync of one more batch.
            disk.failSync(at: Int.random(in: 1...2, using: &generator))
            var wanted = model
            let isDone = (try? log.append(wanted.randomRecords(using: &generator))) != nil
            disk.crash(using: &generator)
            let found = try open(disk, snapshot: model.snapshot).recovered
            let isNew = found.entries == wanted.entries && found.hardState == wanted.hardState
            // The vote comes first, so it may be there without the entries.
            let isOld = found.entries == model.entries && [model.hardState, wanted.hardState].contains(found.hardState)
            #expect(isNew || (isOld && !isDone), "replay: seed \(seed)")
            if isNew { model = wanted } else { model.hardState = found.hardState }
        }
    }

    @Test func aFailedSyncIsFinal() throws {
        let disk = MemoryDisk()
        let (log, _) = try open(disk)
        try log.append(entries(1...1).map(LogRecord.entry))
        disk.failSync(at: 1)
        let error = #expect(throws: ConsensusError.self) { try log.append(entries(2...2).map(LogRecord.entry)) }
        #expect("\(try #require(error))".contains("sync /data/log/0000000000000001.wal: Input/output error"))
        let syncs = disk.syncs
        #expect(throws: try #require(error)) { try log.append(entries(2...2).map(LogRecord.entry)) }
        #expect(disk.syncs == syncs, "a failed sync must not be tried again")
    }

    /// After a failed sync the system takes what was written for clean: it reads back, and a power cut loses it all the same. The same
    /// holds, until the next sync, for what a killed process wrote.
    @Test(arguments: [true, false])
    func whatIsReadBackIsDurableFromThenOn(afterFailedSync: Bool) throws {
        let disk = MemoryDisk()
        let log = try open(disk).log
        try log.append(entries(1...3).map(LogRecord.entry))
        disk.failSync(at: 1, forgetsDirty: afterFailedSync)
        #expect(throws: ConsensusError.self) { try log.append(entries(4...6).map(LogRecord.entry)) }
        #expect(try open(disk).recovered.entries.map(\.index) == Array(1...6))
        disk.loseUnsynced()
        let (again, found) = try open(disk)
        #expect(found.entries.map(\.index) == Array(1...6), "it was told of, so it is there")
        try again.append(entries(7...9).map(LogRecord.entry))
        disk.loseUnsynced()
        #expect(try open(disk).recovered.entries.map(\.index) == Array(1...9))
    }

    @Test func aFullDiskSaysSo() throws {
        let disk = MemoryDisk()
        disk.limit(to: 6_000)
        let (log, _) = try open(disk)
        let error = #expect(throws: ConsensusError.self) {
            for index in UInt64(1)...200 { try log.append(entries(index...index).map(LogRecord.entry)) }
        }
        #expect("\(try #require(error))".contains("no space left on the device"))
        disk.limit(to: .max)
        #expect(try open(disk).recovered.entries.count > 30, "what was acknowledged before is still there")
    }

    // MARK: - Damage

    /// A changed bit in a batch that has another after it is damage: refused, with file and offset, and nothing
    /// touched.
    @Test func damageInTheMiddleIsRefused() throws {
        let disk = MemoryDisk()
        let (log, _) = try open(disk)
        for index in UInt64(1)...100 { try log.append(entries(index...index).map(LogRecord.entry)) }
        let path = try segments(disk)[0]
        let offset = 24 + 48 + 5 * 88 + 30
        disk.tamper(path) { $0[offset] ^= 4 }
        let before = disk.bytes(of: path)
        let error = #expect(throws: ConsensusError.self) { try open(disk) }
        guard case .damaged(path, let place, _) = error else {
            return #expect(Bool(false), "\(String(describing: error))")
        }
        #expect(place == 24 + 48 + 5 * 88)
        #expect(disk.bytes(of: path) == before)
    }

    @Test func aMissingSegmentIsRefused() throws {
        let disk = MemoryDisk()
        let (log, _) = try open(disk)
        for index in UInt64(1)...200 { try log.append(entries(index...index).map(LogRecord.entry)) }
        try disk.remove(try segments(disk)[1])
        #expect(throws: ConsensusError.self) { try open(disk) }
    }

    @Test func aNewerFormatIsRefused() throws {
        let disk = MemoryDisk()
        _ = try open(disk)
        let path = try segments(disk)[0]
        disk.tamper(path) { bytes in
            bytes[8] = 9
            let crc = CRC32C.checksum(Array(bytes[16..<24]), seed: CRC32C.checksum(Array(bytes[..<12])))
            withUnsafeBytes(of: crc.littleEndian) { bytes.replaceSubrange(12..<16, with: $0) }
        }
        #expect(throws: ConsensusError.newerVersion(file: path, version: 9)) { try open(disk) }
    }

    /// Any bytes at all: opened or refused, never a crash; and what was opened can be written to.
    @Test(arguments: 1...150)
    func anyBytesAreSurvived(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let disk = MemoryDisk()
        let (log, _) = try open(disk)
        var model = LogModel()
        for _ in 0..<20 { try log.append(model.randomRecords(using: &generator)) }
        let path = try #require(try segments(disk).randomElement(using: &generator))
        disk.tamper(path) { bytes in
            for _ in 0..<Int.random(in: 1...20, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[place] = UInt8.random(in: 0...255, using: &generator)
            }
            if Bool.random(using: &generator) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator)) }
        }
        guard let (log, _) = try? open(disk) else { return }
        try log.append([.entry(LogEntry(index: log.lastIndex + 1, term: 99, kind: .firstApplication, data: [1]))])
        #expect(try open(disk).log.lastIndex == log.lastIndex)
    }

    /// The snapshot came from the leader, and power failed before the log knew: the log gives way.
    @Test func aSnapshotOutranksAnOlderLog() throws {
        let disk = MemoryDisk()
        let (log, _) = try open(disk)
        try log.append(entries(1...5).map(LogRecord.entry))
        let snapshot = SnapshotMetadata(index: 9, term: 2, membership: Membership(members: []))
        let (second, recovered) = try open(disk, snapshot: snapshot)
        #expect(recovered.entries.isEmpty && second.lastIndex == 9)
        try second.append(entries(10...11, term: 2).map(LogRecord.entry))
        #expect(try open(disk, snapshot: snapshot).recovered.entries.map(\.index) == [10, 11])
    }
}

/// What the log should hold.
struct LogModel {
    var hardState = HardState()
    var snapshot = SnapshotMetadata.empty
    /// After the snapshot.
    var entries: [LogEntry] = []

    var lastIndex: UInt64 { entries.last?.index ?? snapshot.index }

    mutating func saveSnapshot(at index: UInt64) {
        guard index > snapshot.index, let last = entries.first(where: { $0.index == index }) else { return }
        snapshot = SnapshotMetadata(index: index, term: last.term, membership: Membership(members: []))
        entries.removeAll { $0.index <= index }
    }

    /// New entries, sometimes after cutting some off, sometimes with a new term.
    mutating func randomRecords(using generator: inout SeededGenerator) -> [LogRecord] {
        var records: [LogRecord] = []
        if Int.random(in: 0..<4, using: &generator) == 0 {
            hardState = HardState(term: hardState.term + 1, vote: ServerID("v\(hardState.term)"))
            records.append(.hardState(hardState))
        }
        if Int.random(in: 0..<5, using: &generator) == 0, !entries.isEmpty {
            entries.removeLast(Int.random(in: 1...min(6, entries.count), using: &generator))
        }
        for _ in 0..<Int.random(in: 1...5, using: &generator) {
            let data = (0..<Int.random(in: 0...120, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            let entry = LogEntry(
                index: lastIndex + 1, term: max(1, hardState.term), kind: .firstApplication, data: data)
            entries.append(entry)
            records.append(.entry(entry))
        }
        return records
    }
}
