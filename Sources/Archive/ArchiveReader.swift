package import Basics
internal import Crypto

/// Reads an archive in one pass, checking all of it.
package final class ArchiveReader {
    /// Pieces of the state are as large as this, but for the last; 1 MiB.
    package static let pieceBytes = 1 << 20
    private static let metadataBytesMax: UInt64 = 1 << 20
    private static let sumsBytesMax: UInt64 = 4_096

    package let metadata: ArchiveMetadata
    private let gzip: GzipReader
    private let metadataSum: String
    private var stateSum = SHA256()
    private var left: UInt64
    private var isFinished = false

    /// Reads as far as the state. `source` gives the archive's next bytes, none at its end.
    /// - Throws: ``ArchiveError``, and what `source` throws.
    package init(source: @escaping () throws -> [UInt8]) throws {
        gzip = GzipReader(source: source)
        let meta = try gzip.smallFile(ArchiveWriter.metadataName, bytesMax: ArchiveReader.metadataBytesMax)
        metadataSum = SHA256.hash(data: meta).hex
        guard let json = try? JSONParser.parse(meta), json["Format"]?.string == ArchiveMetadata.formatName else {
            throw ArchiveError.foreign("its \(ArchiveWriter.metadataName) is that of another program")
        }
        guard let metadata = try? ArchiveMetadata(json: json) else {
            throw ArchiveError.damaged("its \(ArchiveWriter.metadataName) cannot be read")
        }
        guard metadata.version <= ArchiveMetadata.versionKnown else {
            throw ArchiveError.newer(version: metadata.version, build: metadata.build)
        }
        self.metadata = metadata
        let header = try gzip.header(ArchiveWriter.stateName)
        guard header.size == metadata.size else {
            throw ArchiveError.damaged("\(ArchiveWriter.stateName) has another size than announced")
        }
        left = header.size
    }

    /// Reads the archive at `path`, which must stay as it is meanwhile.
    package convenience init(_ path: String, disk: any Disk) throws {
        let file = try disk.open(path, create: false, exclusive: false)
        var offset: UInt64 = 0
        try self.init {
            let bytes = try file.read(at: offset, count: ArchiveReader.pieceBytes)
            offset += UInt64(bytes.count)
            return bytes
        }
    }

    /// The state's next piece; nil after the last one, once all of the archive was found right.
    package func next() throws -> [UInt8]? {
        guard !isFinished else { return nil }
        guard left > 0 else {
            try finish()
            return nil
        }
        let wanted = Int(min(left, UInt64(ArchiveReader.pieceBytes)))
        let piece = try gzip.read(wanted)
        guard piece.count == wanted else { throw ArchiveError.damaged("it ends early") }
        left -= UInt64(wanted)
        stateSum.update(data: piece)
        return piece
    }

    private func finish() throws {
        try gzip.skipPadding(metadata.size)
        let sums = try gzip.smallFile(ArchiveWriter.sumsName, bytesMax: ArchiveReader.sumsBytesMax)
        let found = [
            (ArchiveWriter.metadataName, metadataSum), (ArchiveWriter.stateName, stateSum.finalize().hex),
        ]
        let lines = String(decoding: sums, as: UTF8.self).split(separator: "\n")
        for (name, sum) in found where !lines.contains("\(sum)  \(name)") {
            throw ArchiveError.damaged("the sum of \(name) does not fit \(ArchiveWriter.sumsName)")
        }
        while true {
            let block = try gzip.read(TarHeader.blockBytes)
            if block.isEmpty { break }
            guard block.allSatisfy({ $0 == 0 }) else { throw ArchiveError.damaged("more follows its last file") }
        }
        try gzip.finish()
        isFinished = true
    }
}

extension GzipReader {
    /// The header of the next file, which must have this name.
    fileprivate func header(_ name: String) throws -> TarHeader {
        let block = try read(TarHeader.blockBytes)
        guard !block.isEmpty else { throw ArchiveError.damaged("\(name) is not in it") }
        let header = try TarHeader(bytes: block)
        guard header.name == name else { throw ArchiveError.foreign("\"\(header.name)\" is in it, not \(name)") }
        return header
    }

    fileprivate func smallFile(_ name: String, bytesMax: UInt64) throws -> [UInt8] {
        let header = try header(name)
        guard header.size <= bytesMax else { throw ArchiveError.foreign("\(name) in it has \(header.size) bytes") }
        let bytes = try read(Int(header.size))
        guard bytes.count == Int(header.size) else { throw ArchiveError.damaged("it ends early") }
        try skipPadding(header.size)
        return bytes
    }

    fileprivate func skipPadding(_ size: UInt64) throws {
        let count = TarHeader.padding(size)
        guard try read(count).count == count else { throw ArchiveError.damaged("it ends early") }
    }
}
