internal import Basics

/// One file of the log, being read from its start: batch by batch through a window, so that a large file costs little
/// memory.
struct SegmentReader {
    let file: any DiskFile
    let size: UInt64
    /// Where the next batch begins.
    private(set) var offset = UInt64(LogFormat.segmentHeaderBytes)
    private var window: [UInt8] = []
    private var windowStart: UInt64 = 0
    private static let windowBytes = 1 << 20

    enum Header: Equatable {
        case valid(sequence: UInt64)
        case newer(version: UInt32)
        case bad
    }

    init(file: any DiskFile) throws(DiskError) {
        self.file = file
        size = try file.size()
    }

    mutating func header() throws(DiskError) -> Header {
        let bytes = try bytes(at: 0, count: LogFormat.segmentHeaderBytes)
        guard bytes.count == LogFormat.segmentHeaderBytes else { return .bad }
        return Array(bytes).withUnsafeBytes { buffer in
            func word<Word: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _ type: Word.Type) -> Word {
                Word(littleEndian: buffer.loadUnaligned(fromByteOffset: offset, as: type))
            }
            guard word(0, UInt64.self) == LogFormat.segmentMagic else { return .bad }
            guard word(12, UInt32.self) == LogFormat.segmentChecksum(buffer) else { return .bad }
            let version = word(8, UInt32.self)
            return version > LogFormat.version ? .newer(version: version) : .valid(sequence: word(16, UInt64.self))
        }
    }

    /// The next batch, or nil where there is no whole one with the expected number; `offset` then stays there.
    mutating func next(number: UInt64) throws(DiskError) -> DecodedBatch? {
        guard let batch = try batch(at: offset), batch.decoded.number == number else { return nil }
        offset += UInt64(batch.bytes)
        return batch.decoded
    }

    /// The next batch whatever its number, for a part of the log that was read before.
    mutating func nextOfAnyNumber() throws(DiskError) -> DecodedBatch? {
        guard let batch = try batch(at: offset) else { return nil }
        offset += UInt64(batch.bytes)
        return batch.decoded
    }

    /// The number of the batch at `offset`; 1 when there is none.
    mutating func firstNumber() throws(DiskError) -> UInt64 { try batch(at: offset)?.decoded.number ?? 1 }

    /// Goes on from `offset`, which must be where a batch begins.
    mutating func seek(to offset: UInt64) { self.offset = offset }

    /// Where a batch numbered after `number` begins behind the current place, if there is one.
    ///
    /// Looks no further than one batch can reach, for at most one was unsynced when the writer stopped.
    mutating func laterBatch(than number: UInt64) throws(DiskError) -> UInt64? {
        let end = min(size, offset + UInt64(2 * LogFormat.batchHeaderBytes + LogFormat.bodyBytesMax))
        let magic = withUnsafeBytes(of: LogFormat.batchMagic.littleEndian) { Array($0) }
        var position = offset
        while position < end {
            let piece = try bytes(at: position, count: Int(min(UInt64(SegmentReader.windowBytes), end - position)))
            guard piece.count >= 4 else { return nil }
            for start in SegmentReader.matches(of: magic, in: piece) {
                let place = position + UInt64(start)
                if let found = try batch(at: place), found.decoded.number > number { return place }
            }
            position += UInt64(piece.count - 3)
        }
        return nil
    }

    private static func matches(of magic: [UInt8], in piece: ArraySlice<UInt8>) -> [Int] {
        piece.withUnsafeBufferPointer { buffer in
            var found: [Int] = []
            if isAllZero(UnsafeRawBufferPointer(buffer)) { return found }
            for start in 0...(buffer.count - 4) where buffer[start] == magic[0] && buffer[start + 1] == magic[1] {
                if buffer[start + 2] == magic[2], buffer[start + 3] == magic[3] { found.append(start) }
            }
            return found
        }
    }

    private mutating func batch(at place: UInt64) throws(DiskError) -> (decoded: DecodedBatch, bytes: Int)? {
        let start = try bytes(at: place, count: LogFormat.batchHeaderBytes)
        guard let header = start.withUnsafeBytes({ BatchHeader($0) }) else { return nil }
        let count = LogFormat.batchHeaderBytes + header.bodyBytes
        let whole = try bytes(at: place, count: count)
        guard whole.count == count, let decoded = whole.withUnsafeBytes({ DecodedBatch($0) }) else { return nil }
        return (decoded, count)
    }

    /// `count` bytes from `place`, fewer at the end of the file; read through the window.
    private mutating func bytes(at place: UInt64, count: Int) throws(DiskError) -> ArraySlice<UInt8> {
        if place < windowStart || place + UInt64(count) > windowStart + UInt64(window.count) {
            window = try file.read(at: place, count: max(count, SegmentReader.windowBytes))
            windowStart = place
        }
        let first = Int(place - windowStart)
        guard first <= window.count else { return [] }
        return window[first..<min(window.count, first + count)]
    }
}

/// Whether there is nothing but zeros, eight bytes at a time: the unused rest of a segment is tens of megabytes of
/// them.
func isAllZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var position = 0
    while position + 8 <= bytes.count {
        if bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self) != 0 { return false }
        position += 8
    }
    return bytes[position...].allSatisfy { $0 == 0 }
}
