internal import Basics
internal import Raft

/// How a snapshot lies on disk. All numbers are little-endian.
///
///     header  magic "DROVERSN" u64 · version u32 · index u64 · term u64 · membership bytes u32 · membership · checksum
///     of all that u32
///     chunk   bytes u32, not 0 · checksum of the content u32 · content
///     end     0 u32 · checksum over all chunk checksums u32 · content bytes in all u64
enum SnapshotFormat {
    static let magic: UInt64 = 0x4e53_5245_564f_5244
    static let version: UInt32 = 1
    /// Content is cut into chunks of this size; 1 MiB.
    static let chunkBytes = 1 << 20
    static let fixedHeaderBytes = 32

    static func header(_ metadata: SnapshotMetadata) -> [UInt8] {
        let membership = metadata.membership.bytes
        var bytes: [UInt8] = []
        bytes.append(littleEndian: magic)
        bytes.append(littleEndian: version)
        bytes.append(littleEndian: metadata.index)
        bytes.append(littleEndian: metadata.term)
        bytes.append(littleEndian: UInt32(membership.count))
        bytes += membership
        bytes.append(littleEndian: CRC32C.checksum(bytes))
        return bytes
    }
}

extension [UInt8] {
    mutating func append(littleEndian word: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: word.littleEndian) { append(contentsOf: $0) }
    }

    /// The number at `offset`, which must be inside.
    func littleEndian<Word: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: Word.Type) -> Word {
        withUnsafeBytes { Word(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: type)) }
    }
}

/// Writes one snapshot to a temporary file.
struct SnapshotWriter {
    let file: any DiskFile
    private var offset: UInt64 = 0
    private var chunk: [UInt8] = []
    private var contentBytes: UInt64 = 0
    private var chainedChecksum: UInt32 = 0

    init(file: any DiskFile, metadata: SnapshotMetadata) throws(DiskError) {
        self.file = file
        try write(SnapshotFormat.header(metadata))
    }

    mutating func append(_ piece: [UInt8]) throws(DiskError) {
        var rest = piece[...]
        while !rest.isEmpty {
            let taken = rest.prefix(SnapshotFormat.chunkBytes - chunk.count)
            chunk += taken
            rest = rest.dropFirst(taken.count)
            if chunk.count == SnapshotFormat.chunkBytes { try flush() }
        }
    }

    /// Writes what is left and the end mark, and syncs.
    ///
    /// - Returns: the size of the file.
    mutating func finish() throws(DiskError) -> UInt64 {
        try flush()
        var end: [UInt8] = []
        end.append(littleEndian: UInt32(0))
        end.append(littleEndian: chainedChecksum)
        end.append(littleEndian: contentBytes)
        try write(end)
        try file.truncate(offset)
        try file.synchronize()
        return offset
    }

    private mutating func flush() throws(DiskError) {
        guard !chunk.isEmpty else { return }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(chunk.count + 8)
        let checksum = CRC32C.checksum(chunk)
        bytes.append(littleEndian: UInt32(chunk.count))
        bytes.append(littleEndian: checksum)
        chainedChecksum = withUnsafeBytes(of: checksum.littleEndian) { CRC32C.checksum($0, seed: chainedChecksum) }
        contentBytes += UInt64(chunk.count)
        bytes += chunk
        chunk.removeAll(keepingCapacity: true)
        try write(bytes)
    }

    private mutating func write(_ bytes: [UInt8]) throws(DiskError) {
        try file.write(bytes, at: offset)
        offset += UInt64(bytes.count)
    }
}

/// Reads one snapshot, checking everything.
struct SnapshotReader {
    let metadata: SnapshotMetadata
    private let file: any DiskFile
    private let path: String
    private var offset: UInt64
    private var contentBytes: UInt64 = 0
    private var chainedChecksum: UInt32 = 0
    private var isAtEnd = false

    init(file: any DiskFile, path: String) throws(ConsensusError) {
        self.file = file
        self.path = path
        let fixed = try SnapshotReader.read(file, at: 0, count: SnapshotFormat.fixedHeaderBytes)
        func damaged(_ what: String) -> ConsensusError { .damaged(file: path, offset: 0, what: what) }
        guard fixed.count == SnapshotFormat.fixedHeaderBytes,
            fixed.littleEndian(at: 0, as: UInt64.self) == SnapshotFormat.magic
        else { throw damaged("it is not a snapshot") }
        let version = fixed.littleEndian(at: 8, as: UInt32.self)
        guard version <= SnapshotFormat.version else { throw .newerVersion(file: path, version: version) }
        let membershipBytes = Int(fixed.littleEndian(at: 28, as: UInt32.self))
        guard membershipBytes <= 1 << 20 else { throw damaged("the header does not read back") }
        let count = SnapshotFormat.fixedHeaderBytes + membershipBytes
        let whole = try SnapshotReader.read(file, at: 0, count: count + 4)
        guard whole.count == count + 4,
            whole.littleEndian(at: count, as: UInt32.self) == CRC32C.checksum(Array(whole[..<count])),
            let membership = Membership(bytes: Array(whole[SnapshotFormat.fixedHeaderBytes..<count]))
        else { throw damaged("the header does not read back") }
        metadata = SnapshotMetadata(
            index: whole.littleEndian(at: 12, as: UInt64.self), term: whole.littleEndian(at: 20, as: UInt64.self),
            membership: membership)
        offset = UInt64(count + 4)
    }

    /// The next chunk of content; nil after the last, once the end mark proved that nothing is missing.
    mutating func next() throws(ConsensusError) -> [UInt8]? {
        guard !isAtEnd else { return nil }
        let head = try SnapshotReader.read(file, at: offset, count: 8)
        guard head.count == 8 else { throw damaged("it ends early") }
        let count = Int(head.littleEndian(at: 0, as: UInt32.self))
        let checksum = head.littleEndian(at: 4, as: UInt32.self)
        if count == 0 { return try finish(checksum) }
        guard count <= SnapshotFormat.chunkBytes else { throw damaged("a chunk claims \(count) bytes") }
        let content = try SnapshotReader.read(file, at: offset + 8, count: count)
        guard content.count == count, CRC32C.checksum(content) == checksum else {
            throw damaged("a chunk does not read back")
        }
        chainedChecksum = withUnsafeBytes(of: checksum.littleEndian) { CRC32C.checksum($0, seed: chainedChecksum) }
        contentBytes += UInt64(count)
        offset += UInt64(8 + count)
        return content
    }

    private mutating func finish(_ checksum: UInt32) throws(ConsensusError) -> [UInt8]? {
        let total = try SnapshotReader.read(file, at: offset + 8, count: 8)
        guard total.count == 8, checksum == chainedChecksum, total.littleEndian(at: 0, as: UInt64.self) == contentBytes
        else {
            throw damaged("its end does not fit its content")
        }
        isAtEnd = true
        file.close()
        return nil
    }

    private func damaged(_ what: String) -> ConsensusError { .damaged(file: path, offset: offset, what: what) }

    private static func read(_ file: any DiskFile, at offset: UInt64, count: Int) throws(ConsensusError) -> [UInt8] {
        do {
            return try file.read(at: offset, count: count)
        } catch {
            throw .storage(error)
        }
    }
}
