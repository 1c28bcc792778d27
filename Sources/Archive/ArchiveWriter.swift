package import Basics
internal import Crypto

/// Writes an archive.
package enum ArchiveWriter {
    /// Hands the state out in pieces of any size, in order; called twice, and each time gives the same.
    package typealias Content = (_ piece: ([UInt8]) throws -> Void) throws -> Void

    static let metadataName = "meta.json"
    static let stateName = "state.bin"
    static let sumsName = "SHA256SUMS"

    /// The archive's bytes in all, and their SHA-256.
    package struct Written: Sendable, Equatable {
        package var size: UInt64
        package var digest: [UInt8]
    }

    /// Hands the archive to `emit`, piece by piece. Format, version and size of the metadata are filled in.
    ///
    /// The content is asked for twice: its size and sum stand in front of it.
    /// - Throws: ``ArchiveError/tooLarge(bytes:)``, and what `content` and `emit` throw.
    package static func write(
        _ metadata: ArchiveMetadata, content: Content, to emit: @escaping ([UInt8]) throws -> Void
    ) throws -> Written {
        var size: UInt64 = 0
        var state = SHA256()
        try content { piece in
            size += UInt64(piece.count)
            state.update(data: piece)
        }
        guard size <= TarHeader.sizeMax else { throw ArchiveError.tooLarge(bytes: size) }
        var metadata = metadata
        (metadata.format, metadata.version, metadata.size) = (
            ArchiveMetadata.formatName, ArchiveMetadata.versionKnown, size
        )
        let meta = metadata.jsonBytes
        let sums = "\(SHA256.hash(data: meta).hex)  \(metadataName)\n\(state.finalize().hex)  \(stateName)\n"

        let tally = Tally()
        let gzip = GzipWriter { piece in
            tally.size += UInt64(piece.count)
            tally.sum.update(data: piece)
            try emit(piece)
        }
        let time = UInt64(max(0, metadata.created.nanoseconds / 1_000_000_000))
        try gzip.file(metadataName, size: UInt64(meta.count), time: time) { try $0(meta) }
        try gzip.file(stateName, size: size, time: time, content)
        try gzip.file(sumsName, size: UInt64(sums.utf8.count), time: time) { try $0(Array(sums.utf8)) }
        try gzip.write([UInt8](repeating: 0, count: 2 * TarHeader.blockBytes))
        try gzip.finish()
        return Written(size: tally.size, digest: Array(tally.sum.finalize()))
    }

    /// What has been written so far.
    private final class Tally {
        var size: UInt64 = 0
        var sum = SHA256()
    }
}

extension ArchiveWriter {
    /// Writes the archive to a file, which must not be there, and syncs it.
    package static func write(
        _ metadata: ArchiveMetadata, content: Content, to path: String, disk: any Disk
    ) throws -> Written {
        let file = try disk.open(path, create: true, exclusive: true)
        defer { file.close() }
        var offset: UInt64 = 0
        let written = try write(metadata, content: content) { piece in
            try file.write(piece, at: offset)
            offset += UInt64(piece.count)
        }
        try file.synchronize()
        return written
    }
}

extension GzipWriter {
    fileprivate func file(_ name: String, size: UInt64, time: UInt64, _ content: ArchiveWriter.Content) throws {
        try write(TarHeader(name: name, size: size, time: time).bytes)
        try content { try write($0) }
        try write([UInt8](repeating: 0, count: TarHeader.padding(size)))
    }
}

extension Digest {
    /// As `sha256sum` writes it.
    var hex: String {
        String(decoding: flatMap { [Hex.digit($0 >> 4), Hex.digit($0 & 15)] }, as: UTF8.self)
    }
}
