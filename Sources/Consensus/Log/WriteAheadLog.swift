internal import Basics
package import Raft

/// The log on disk: segments of batches, each batch one write and one sync.
///
/// Every call blocks. Calls come one at a time, from the log's ``BlockingLane``; nothing else touches the object, which
/// is why it may claim
/// to be `Sendable`. After a failed write or sync it refuses everything: what the file then holds is unknown, and only
/// a restart, which
/// reads it back, can tell.
package final class WriteAheadLog: @unchecked Sendable {
    package struct Settings: Sendable {
        /// Size of a segment file; 64 MiB, at least 64 KiB.
        package var segmentBytes: UInt64 = 64 << 20
        /// Zeros written ahead of small batches, so that their sync need not wait for the file system's journal; 1 MiB;
        /// 0 for none.
        package var zeroedAheadBytes = 1 << 20

        package init() {}
    }

    /// What was found on disk.
    package struct Recovered: Sendable {
        package var hardState = HardState()
        /// All entries after the snapshot.
        package var entries: [LogEntry] = []
        /// Bytes of a batch that a crash tore; it had not been acknowledged.
        package var tornBytes: UInt64 = 0
    }

    struct Segment {
        let sequence: UInt64
        let path: String
        /// The last index in the log when this segment was closed.
        var lastIndex: UInt64 = 0
    }

    let disk: any Disk
    let folder: String
    let settings: Settings
    var segments: [Segment] = []
    var marks = LogMarks()
    var file: (any DiskFile)?
    /// Where the next batch goes in the last segment, and how far that is allocated and known to be zero-filled.
    var position: UInt64 = 0
    private var allocated: UInt64 = 0
    private var zeroedTo: UInt64 = 0
    var batchNumber: UInt64 = 0
    var hardState = HardState()
    package internal(set) var lastIndex: UInt64 = 0
    private var encoder = BatchEncoder()
    /// The first entry or reset in the batch being gathered.
    private var pendingMark: LogMarks.Beginning?
    private var failure: ConsensusError?
    /// Bytes of batches written since the log was opened.
    package private(set) var bytesWritten: UInt64 = 0

    init(disk: any Disk, folder: String, settings: Settings) {
        self.disk = disk
        self.folder = folder
        self.settings = settings
    }

    /// Writes all records and returns once they are durable: one sync, unless they exceed ``LogFormat/batchBytesMax``.
    package func append(_ records: [LogRecord]) throws(ConsensusError) {
        if let failure { throw failure }
        do {
            for record in records { try add(record) }
            try flush()
        } catch {
            encoder.reset()
            pendingMark = nil
            failure = error
            throw error
        }
    }

    private func add(_ record: LogRecord) throws(ConsensusError) {
        let beginning = LogMarks.Beginning(record, lastIndex: lastIndex)
        switch record {
        case .entry(let entry):
            guard entry.index > 0, entry.index <= lastIndex + 1 else {
                throw .stopped("entry \(entry.index) does not follow \(lastIndex) in \(folder)")
            }
            // A batch never replaces its own entries, so that reading from any mark sees indexes go up only.
            if entry.index <= lastIndex { try flush() }
            lastIndex = entry.index
        case .hardState(let state): hardState = state
        case .reset(let index, _):
            try flush()
            lastIndex = index
        }
        pendingMark = pendingMark ?? beginning
        encoder.append(record)
        if encoder.isFull { try flush() }
    }

    /// Makes the batch at hand durable.
    private func flush() throws(ConsensusError) {
        guard !encoder.isEmpty else { return }
        if position + UInt64(encoder.bytes.count) > max(settings.segmentBytes, allocated) {
            try roll(for: encoder.bytes.count)
        }
        if let pendingMark, let segment = segments.last?.sequence {
            marks.batchBegins(pendingMark, segment: segment, offset: position)
        }
        pendingMark = nil
        try write(&encoder)
    }

    private func write(_ batch: inout BatchEncoder) throws(ConsensusError) {
        guard let file else { throw .stopped("the log in \(folder) is closed") }
        batchNumber += 1
        batch.seal(number: batchNumber)
        let end = position + UInt64(batch.bytes.count)
        do {
            try zeroAhead(of: end, in: file)
            try file.write(batch.bytes, at: position)
            try file.synchronize()
        } catch {
            throw .storage(error)
        }
        position = end
        bytesWritten += UInt64(batch.bytes.count)
        batch.reset()
    }

    /// The first write to a block of an allocated file changes the file's map, and the sync must wait for the journal;
    /// zeros written a
    /// megabyte at a time pay that once for thousands of small batches (SWIFT.md §7 measured the difference).
    private func zeroAhead(of end: UInt64, in file: any DiskFile) throws(DiskError) {
        guard settings.zeroedAheadBytes > 0, end > zeroedTo else { return }
        zeroedTo = end
        let upTo = min(allocated, end + UInt64(settings.zeroedAheadBytes))
        guard end - position < UInt64(settings.zeroedAheadBytes / 4), upTo > end else { return }
        zeroedTo = upTo
        try file.write([UInt8](repeating: 0, count: Int(upTo - end)), at: end)
    }

    // MARK: - Segments

    static func path(folder: String, sequence: UInt64) -> String {
        let digits = String(sequence, radix: 16)
        return "\(folder)/\(String(repeating: "0", count: 16 - digits.count))\(digits).wal"
    }

    /// Closes the last segment and begins a new one whose first batch repeats the hard state, so that older ones may be
    /// removed.
    func roll(for bytes: Int) throws(ConsensusError) {
        // The batch at hand may have moved `lastIndex` already, which only keeps the segment a little longer.
        if !segments.isEmpty { segments[segments.count - 1].lastIndex = lastIndex }
        let sequence = (segments.last?.sequence ?? 0) + 1
        let path = WriteAheadLog.path(folder: folder, sequence: sequence)
        let overhead = LogFormat.segmentHeaderBytes + 2 * LogFormat.batchHeaderBytes + 1_024
        let size = max(settings.segmentBytes, UInt64(bytes + overhead))
        do {
            file?.close()
            file = nil
            let new = try disk.open(path, create: true, exclusive: true)
            try new.allocate(size)
            try new.write(LogFormat.segmentHeader(sequence: sequence), at: 0)
            try new.synchronize()
            try disk.synchronizeDirectory(folder)
            file = new
        } catch {
            throw .storage(error)
        }
        segments.append(Segment(sequence: sequence, path: path))
        resume(at: UInt64(LogFormat.segmentHeaderBytes), allocated: size)
        var first = BatchEncoder()
        first.append(.hardState(hardState))
        try write(&first)
    }

    /// Goes on writing at `position` of the last segment.
    func resume(at position: UInt64, allocated: UInt64) {
        self.position = position
        self.allocated = allocated
        zeroedTo = position
    }

    /// Removes segments that hold nothing but entries up to `index`.
    ///
    /// - Returns: the first index that can still be read.
    package func compact(through index: UInt64) throws(ConsensusError) -> UInt64 {
        if let failure { throw failure }
        do {
            let before = segments.count
            while segments.count > 1, segments[0].lastIndex <= index {
                try disk.remove(segments[0].path)
                segments.removeFirst()
            }
            if segments.count < before { try disk.synchronizeDirectory(folder) }
        } catch {
            throw .storage(error)
        }
        if let oldest = segments.first { marks.forget(before: oldest.sequence) }
        return marks.firstIndex ?? lastIndex + 1
    }

    /// Bytes of disk the log occupies.
    package var bytesOnDisk: UInt64 { UInt64(segments.count) * settings.segmentBytes }

    package func close() {
        file?.close()
        file = nil
        failure = failure ?? .stopped("the log in \(folder) is closed")
    }
}
