package import Raft

/// One thing remembered in the write-ahead log, in the order it happened.
package enum LogRecord: Sendable, Hashable {
    /// An entry. Its index is one above the last, or at most the last: then it replaces that entry and all after it.
    case entry(LogEntry)
    /// The newest term and vote.
    case hardState(HardState)
    /// A snapshot replaced the log: it goes on after this index.
    case reset(index: UInt64, term: UInt64)
}

/// How records lie on disk. All numbers are little-endian.
///
///     segment  magic "DROVERWL" u64 · version u32 · checksum of the other 20 bytes u32 · sequence u64, then batches,
///     then zeros
///     batch    magic "DWB1" u32 · body bytes u32 · number u64 · record count u32 · checksum of header and body u32,
///     then the body
///     record   data bytes u32 · kind u16 · type u8 · 0 u8 · index u64 · term u64, then the data
///
/// A batch is what one write and one sync make durable; its number is one above that of the batch before. Only the last
/// batch of a log can be
/// torn by a crash, for nothing is written after a batch until it is synced. So a bad batch with a good one after it is
/// damage, not a tear.
package enum LogFormat {
    package static let segmentHeaderBytes = 24
    package static let batchHeaderBytes = 24
    package static let recordHeaderBytes = 24
    static let version: UInt32 = 1
    static let segmentMagic: UInt64 = 0x4c57_5245_564f_5244
    static let batchMagic: UInt32 = 0x3142_5744

    /// The most bytes of data in one entry; 16 MiB. Larger proposals are refused.
    package static let entryBytesMax = 16 << 20
    /// A batch is closed once its body exceeds this; 4 MiB. A larger entry makes a batch of its own.
    package static let batchBytesMax = 4 << 20
    /// The largest body a reader believes.
    static let bodyBytesMax = batchBytesMax + entryBytesMax + 1_024

    static let entryType: UInt8 = 1
    static let hardStateType: UInt8 = 2
    static let resetType: UInt8 = 3
}

/// Fills a reused buffer with one batch.
package struct BatchEncoder: Sendable {
    package private(set) var bytes = [UInt8](repeating: 0, count: LogFormat.batchHeaderBytes)
    package private(set) var count: UInt32 = 0

    package init() {}

    package var isEmpty: Bool { count == 0 }
    package var isFull: Bool { bytes.count >= LogFormat.batchBytesMax }

    package mutating func append(_ record: LogRecord) {
        switch record {
        case .entry(let entry):
            append(
                type: LogFormat.entryType, kind: entry.kind.rawValue, index: entry.index, term: entry.term, entry.data)
        case .hardState(let state):
            let vote = Array((state.vote?.name ?? "").utf8)
            append(type: LogFormat.hardStateType, kind: 0, index: 0, term: state.term, vote)
        case .reset(let index, let term): append(type: LogFormat.resetType, kind: 0, index: index, term: term, [])
        }
    }

    private mutating func append(type: UInt8, kind: UInt16, index: UInt64, term: UInt64, _ data: [UInt8]) {
        let first = UInt64(UInt32(data.count)) | UInt64(kind) << 32 | UInt64(type) << 48
        withUnsafeBytes(of: (first.littleEndian, index.littleEndian, term.littleEndian)) {
            bytes.append(contentsOf: $0)
        }
        bytes.append(contentsOf: data)
        count += 1
    }

    /// Writes the header; the batch is then ready for disk.
    package mutating func seal(number: UInt64) {
        let body = UInt32(bytes.count - LogFormat.batchHeaderBytes)
        let first = UInt64(LogFormat.batchMagic) | UInt64(body) << 32
        bytes.withUnsafeMutableBytes { buffer in
            buffer.storeBytes(of: first.littleEndian, toByteOffset: 0, as: UInt64.self)
            buffer.storeBytes(of: number.littleEndian, toByteOffset: 8, as: UInt64.self)
            buffer.storeBytes(of: count.littleEndian, toByteOffset: 16, as: UInt32.self)
            let crc = LogFormat.batchChecksum(UnsafeRawBufferPointer(buffer))
            buffer.storeBytes(of: crc.littleEndian, toByteOffset: 20, as: UInt32.self)
        }
    }

    /// Empties the batch and keeps its memory, unless a large entry made that unusually big.
    package mutating func reset() {
        if bytes.capacity > 4 * LogFormat.batchBytesMax {
            bytes = [UInt8](repeating: 0, count: LogFormat.batchHeaderBytes)
        }
        bytes.removeLast(bytes.count - LogFormat.batchHeaderBytes)
        count = 0
    }
}

extension LogFormat {
    /// Over the header without the checksum field, then the body; `batch` is header and body.
    static func batchChecksum(_ batch: UnsafeRawBufferPointer) -> UInt32 {
        let header = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: batch[..<20]))
        return CRC32C.checksum(UnsafeRawBufferPointer(rebasing: batch[batchHeaderBytes...]), seed: header)
    }

    static func segmentHeader(sequence: UInt64) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: segmentHeaderBytes)
        bytes.withUnsafeMutableBytes { buffer in
            buffer.storeBytes(of: segmentMagic.littleEndian, toByteOffset: 0, as: UInt64.self)
            buffer.storeBytes(of: version.littleEndian, toByteOffset: 8, as: UInt32.self)
            buffer.storeBytes(of: sequence.littleEndian, toByteOffset: 16, as: UInt64.self)
            let crc = segmentChecksum(UnsafeRawBufferPointer(buffer))
            buffer.storeBytes(of: crc.littleEndian, toByteOffset: 12, as: UInt32.self)
        }
        return bytes
    }

    static func segmentChecksum(_ header: UnsafeRawBufferPointer) -> UInt32 {
        let first = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: header[..<12]))
        return CRC32C.checksum(UnsafeRawBufferPointer(rebasing: header[16..<segmentHeaderBytes]), seed: first)
    }
}

/// One batch as read from disk.
package struct DecodedBatch: Sendable {
    package let number: UInt64
    package let records: [LogRecord]

    /// Reads header and body; nil unless everything about them is right.
    package init?(_ batch: UnsafeRawBufferPointer) {
        guard let header = BatchHeader(batch), batch.count == LogFormat.batchHeaderBytes + header.bodyBytes,
            header.checksum == LogFormat.batchChecksum(batch)
        else { return nil }
        number = header.number
        var records: [LogRecord] = []
        var position = LogFormat.batchHeaderBytes
        for _ in 0..<header.count {
            guard let record = DecodedBatch.record(batch, &position) else { return nil }
            records.append(record)
        }
        guard position == batch.count else { return nil }
        self.records = records
    }

    private static func record(_ batch: UnsafeRawBufferPointer, _ position: inout Int) -> LogRecord? {
        guard batch.count - position >= LogFormat.recordHeaderBytes else { return nil }
        func word(_ offset: Int) -> UInt64 {
            UInt64(littleEndian: batch.loadUnaligned(fromByteOffset: position + offset, as: UInt64.self))
        }
        let (first, index, term) = (word(0), word(8), word(16))
        let count = Int(UInt32(truncatingIfNeeded: first))
        let start = position + LogFormat.recordHeaderBytes
        guard batch.count - start >= count, first >> 56 == 0 else { return nil }
        position = start + count
        let data = batch[start..<position]
        switch UInt8(truncatingIfNeeded: first >> 48) {
        case LogFormat.entryType:
            let kind = EntryKind(rawValue: UInt16(truncatingIfNeeded: first >> 32))
            return .entry(LogEntry(index: index, term: term, kind: kind, data: Array(data)))
        case LogFormat.hardStateType:
            guard let vote = String(validating: data, as: UTF8.self) else { return nil }
            return .hardState(HardState(term: term, vote: vote.isEmpty ? nil : ServerID(vote)))
        case LogFormat.resetType: return count == 0 ? .reset(index: index, term: term) : nil
        default: return nil
        }
    }
}

/// The first 24 bytes of a batch, believed only as far as magic and size go.
struct BatchHeader {
    let bodyBytes: Int
    let number: UInt64
    let count: UInt32
    let checksum: UInt32

    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= LogFormat.batchHeaderBytes else { return nil }
        func word<Word: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _ type: Word.Type) -> Word {
            Word(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
        }
        guard word(0, UInt32.self) == LogFormat.batchMagic else { return nil }
        bodyBytes = Int(word(4, UInt32.self))
        number = word(8, UInt64.self)
        count = word(16, UInt32.self)
        checksum = word(20, UInt32.self)
        guard bodyBytes <= LogFormat.bodyBytesMax, Int(count) * LogFormat.recordHeaderBytes <= bodyBytes else {
            return nil
        }
    }
}
