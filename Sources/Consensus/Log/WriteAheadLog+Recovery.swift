package import Basics
package import Raft

extension WriteAheadLog {
    /// Opens the log in `folder`, made if absent, and reads it back.
    ///
    /// A torn last batch is cut off. Anything else that does not read back as written throws
    /// ``ConsensusError/damaged(file:offset:what:)``
    /// and touches nothing. `snapshot` is the newest one saved; entries it covers are skipped, and a log that
    /// contradicts it (the
    /// snapshot came from a leader, and the crash came before the log knew) is dropped in its favour.
    package static func open(
        disk: any Disk, folder: String, snapshot: SnapshotMetadata, settings: Settings = Settings()
    ) throws(ConsensusError) -> (log: WriteAheadLog, recovered: Recovered) {
        let log = WriteAheadLog(disk: disk, folder: folder, settings: settings)
        do {
            try disk.makeDirectory(folder)
            let sequences = try disk.list(folder).compactMap { WriteAheadLog.sequence(of: $0) }.sorted()
            log.segments = sequences.map { Segment(sequence: $0, path: path(folder: folder, sequence: $0)) }
        } catch {
            throw .storage(error)
        }
        var replay = LogReplay(snapshot: snapshot)
        for position in log.segments.indices { try log.read(segment: position, into: &replay) }
        let contradicts = replay.finish()
        log.hardState = replay.hardState
        log.lastIndex = replay.lastIndex
        if log.file == nil { try log.roll(for: 0) }
        if contradicts { try log.append([.reset(index: snapshot.index, term: snapshot.term)]) }
        let recovered = Recovered(hardState: replay.hardState, entries: replay.entries, tornBytes: replay.tornBytes)
        return (log, recovered)
    }

    private static func sequence(of name: String) -> UInt64? {
        name.utf8.count == 20 && name.hasSuffix(".wal") ? UInt64(name.dropLast(4), radix: 16) : nil
    }

    /// Reads one segment; the last one becomes the one written to.
    private func read(segment position: Int, into replay: inout LogReplay) throws(ConsensusError) {
        let isLast = position == segments.count - 1
        let path = segments[position].path
        do {
            let opened = try disk.open(path, create: false, exclusive: false)
            var reader = try SegmentReader(file: opened)
            guard try hasHeader(&reader, segment: segments[position], isLast: isLast) else {
                opened.close()
                try disk.remove(path)
                segments.removeLast()
                return
            }
            if position == 0 { batchNumber = try reader.firstNumber() - 1 }
            let lastBatch = try readBatches(&reader, segment: position, into: &replay)
            segments[position].lastIndex = replay.lastIndex
            if let later = try reader.laterBatch(than: batchNumber) {
                let what = "batch \(batchNumber + 1) does not read back, though a later one at byte \(later) does"
                throw ConsensusError.damaged(file: path, offset: reader.offset, what: what)
            }
            if isLast {
                try cutTail(of: opened, reader, lastBatch: lastBatch, replay: &replay)
            } else {
                opened.close()
            }
        } catch let error as DiskError {
            throw .storage(error)
        } catch let error as ConsensusError {
            throw error
        } catch {
            throw .stopped("\(path): \(error)")
        }
    }

    /// Whether the segment begins as it should. A last one that does not was being made when the crash came, if it
    /// holds no batch.
    private func hasHeader(_ reader: inout SegmentReader, segment: Segment, isLast: Bool) throws -> Bool {
        switch try reader.header() {
        case .valid(let sequence) where sequence == segment.sequence: return true
        case .valid(let sequence):
            let what = "it says it is segment \(sequence), not \(segment.sequence)"
            throw ConsensusError.damaged(file: segment.path, offset: 0, what: what)
        case .newer(let version): throw ConsensusError.newerVersion(file: segment.path, version: version)
        case .bad:
            guard isLast, try reader.laterBatch(than: 0) == nil else {
                throw ConsensusError.damaged(
                    file: segment.path, offset: 0, what: "the segment header does not read back")
            }
            return false
        }
    }

    /// - Returns: where the last batch begins; the end of all when there is none.
    private func readBatches(
        _ reader: inout SegmentReader, segment: Int, into replay: inout LogReplay
    ) throws -> UInt64 {
        var (place, lastPlace) = (reader.offset, reader.offset)
        while let batch = try reader.next(number: batchNumber + 1) {
            batchNumber = batch.number
            let last = replay.lastIndex
            if let beginning = batch.records.lazy.compactMap({ LogMarks.Beginning($0, lastIndex: last) }).first {
                marks.batchBegins(beginning, segment: segments[segment].sequence, offset: place)
            }
            for record in batch.records {
                if let contradiction = replay.take(record) {
                    throw ConsensusError.damaged(file: segments[segment].path, offset: place, what: contradiction)
                }
            }
            (lastPlace, place) = (place, reader.offset)
        }
        return lastPlace
    }

    /// Makes the last whole batch durable, everything after it zero again, and goes on writing there.
    ///
    /// The batch may be there only to be read: a process was killed between write and sync, or the sync failed, after which the
    /// system takes its pages for clean (fsync(2)), so it is written again.
    private func cutTail(
        of opened: any DiskFile, _ reader: SegmentReader, lastBatch: UInt64, replay: inout LogReplay
    ) throws {
        let batch = try opened.read(at: lastBatch, count: Int(reader.offset - lastBatch))
        try opened.write(batch, at: lastBatch)
        let size = max(settings.segmentBytes, reader.offset)
        let torn = try opened.lastNonZero(from: reader.offset, count: LogFormat.bodyBytesMax)
        if torn > reader.offset || reader.size < size {
            try opened.truncate(reader.offset)
            try opened.allocate(size)
        }
        try opened.synchronize()
        replay.tornBytes = torn - reader.offset
        file = opened
        resume(at: reader.offset, allocated: max(size, reader.size))
    }

    /// Entries from `first` on that are still in a segment, as many as fit in `bytesMax` but at least one if there is
    /// any; and the term of the one
    /// before, 0 if that is not known. For followers that lag behind the cache.
    package func entries(
        from first: UInt64, bytesMax: Int
    ) throws(ConsensusError) -> (entries: [LogEntry], before: UInt64) {
        guard first <= lastIndex, let range = marks.range(for: max(first, 2) - 1) ?? marks.range(for: first) else {
            return ([], 0)
        }
        var collector = EntryCollector(first: first, bytesMax: bytesMax)
        do {
            try collect(range, into: &collector)
            // The entry before may have been the last of its range.
            if collector.entries.isEmpty, let next = range.to, let following = marks.range(for: next.index) {
                try collect(following, into: &collector)
            }
        } catch {
            throw .storage(error)
        }
        return (collector.entries, collector.before)
    }

    private func collect(
        _ range: (from: LogMarks.Mark, to: LogMarks.Mark?), into collector: inout EntryCollector
    ) throws(DiskError) {
        guard let segment = segments.first(where: { $0.sequence == range.from.segment }) else { return }
        let opened = try disk.open(segment.path, create: false, exclusive: false)
        defer { opened.close() }
        var reader = try SegmentReader(file: opened)
        reader.seek(to: range.from.offset)
        let end = range.to.map { $0.segment == segment.sequence ? $0.offset : .max } ?? .max
        while reader.offset < end, !collector.isFull, let batch = try reader.nextOfAnyNumber() {
            for case .entry(let entry) in batch.records where entry.index < range.to?.index ?? .max {
                collector.take(entry)
            }
        }
    }
}

/// Gathers the entries a follower needs.
private struct EntryCollector {
    let first: UInt64
    let bytesMax: Int
    var entries: [LogEntry] = []
    var before: UInt64 = 0
    var isFull = false
    private var bytes = 0

    init(first: UInt64, bytesMax: Int) {
        self.first = first
        self.bytesMax = bytesMax
    }

    mutating func take(_ entry: LogEntry) {
        if entry.index + 1 == first { before = entry.term }
        guard !isFull, entry.index == first + UInt64(entries.count) else { return }
        bytes += entry.data.count
        isFull = bytes > bytesMax && !entries.isEmpty
        if !isFull { entries.append(entry) }
    }
}

extension DiskFile {
    /// The offset after the last byte that is not zero within `count` bytes from `start`; `start` if there is none.
    fileprivate func lastNonZero(from start: UInt64, count: Int) throws(DiskError) -> UInt64 {
        let pieceBytes = 1 << 20
        var last = start
        var place = start
        while place < start + UInt64(count) {
            let piece = try read(at: place, count: pieceBytes)
            if !piece.withUnsafeBytes({ isAllZero($0) }), let position = piece.lastIndex(where: { $0 != 0 }) {
                last = place + UInt64(position) + 1
            }
            guard piece.count == pieceBytes else { break }
            place += UInt64(pieceBytes)
        }
        return last
    }
}
