import Basics
import Glibc
import Linux
import TestSupport
import Testing

@testable import Archive

@Suite struct ArchiveTests {
    /// Some megabytes that do not repeat themselves, so that archive and state are cut in several pieces.
    static let state: [UInt8] = {
        var generator = SeededGenerator(seed: 5)
        return (0..<3_000_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }()

    static func metadata() -> ArchiveMetadata {
        var metadata = ArchiveMetadata()
        metadata.id = ID(high: 1, low: 2)
        metadata.index = 42
        metadata.created = Timestamp(seconds: 1_700_000_000)
        metadata.region = "global"
        metadata.build = "0.1"
        return metadata
    }

    static func archive(_ state: [UInt8], _ metadata: ArchiveMetadata = metadata()) throws -> [UInt8] {
        let out = Collected()
        let written = try ArchiveWriter.write(metadata, content: { try $0(state) }) { out.bytes += $0 }
        #expect(written.size == UInt64(out.bytes.count))
        return out.bytes
    }

    final class Collected { var bytes: [UInt8] = [] }

    /// The whole state, or the error that refuses the archive.
    static func read(_ archive: [UInt8], pieceBytes: Int = 100_000) throws -> (ArchiveMetadata, [UInt8]) {
        var rest = archive[...]
        let reader = try ArchiveReader {
            let piece = rest.prefix(pieceBytes)
            rest = rest.dropFirst(piece.count)
            return Array(piece)
        }
        var state: [UInt8] = []
        while let piece = try reader.next() { state += piece }
        #expect(try reader.next() == nil)
        return (reader.metadata, state)
    }

    @Test(arguments: [0, 1, 512, 1 << 20, 3_000_000])
    func comesBack(count: Int) throws {
        let state = Array(Self.state.prefix(count))
        let archive = try Self.archive(state)
        for pieceBytes in [1_000, 1 << 20] {
            let (metadata, found) = try Self.read(archive, pieceBytes: pieceBytes)
            #expect(found == state)
            #expect(metadata.index == 42 && metadata.size == UInt64(count) && metadata.version == 1)
        }
    }

    /// Tools that everybody has read it, and its sums.
    @Test func tarAndSumsReadIt() throws {
        let folder = try TemporaryFolder("archive")
        let state = Array(Self.state.prefix(700_000))
        let path = folder.path + "/a.tgz"
        _ = try ArchiveWriter.write(
            Self.metadata(), content: { try $0(state) }, to: path, disk: SystemDisk())
        let script =
            "cd \(folder.path) && tar xzf a.tgz && sha256sum --check --quiet SHA256SUMS && rm a.tgz && "
            + "tar czf a.tgz meta.json state.bin SHA256SUMS"
        #expect(system(script) == 0)
        #expect(try Array(folder.read("meta.json").utf8) == SystemDisk().read(folder.path + "/meta.json", limit: 4_096))
        // And what they make of it is an archive again.
        let again = try SystemDisk().read(path, limit: 1 << 30)
        #expect(try Self.read(again).1 == state)
    }

    @Test func everyCutIsRefused() throws {
        let archive = try Self.archive(Array(Self.state.prefix(2_000)))
        for count in 0..<archive.count {
            #expect(throws: ArchiveError.self, "cut after \(count)") { try Self.read(Array(archive.prefix(count))) }
        }
        #expect(throws: ArchiveError.damaged("bytes follow its end")) { try Self.read(archive + [0]) }
    }

    @Test func everyFlippedByteIsRefusedOrChangesNothing() throws {
        let state = Array(Self.state.prefix(2_000))
        let archive = try Self.archive(state)
        let right = try Self.read(archive).0
        var refused = 0
        for position in archive.indices {
            var bad = archive
            bad[position] ^= 0x10
            // Time and system in gzip's header are nobody's.
            guard let (metadata, found) = try? Self.read(bad) else {
                refused += 1
                continue
            }
            #expect(found == state && metadata == right, "byte \(position)")
        }
        #expect(refused > archive.count - 12)
    }

    @Test func refusesWhatIsNotItsOwn() throws {
        #expect(throws: ArchiveError.foreign("it is no gzip file")) { try Self.read(Array("hello, world".utf8)) }
        #expect(throws: ArchiveError.foreign("it is empty")) { try Self.read([]) }
        func packed(_ files: [(String, String)]) throws -> [UInt8] {
            let out = Collected()
            let gzip = GzipWriter { out.bytes += $0 }
            for (name, text) in files {
                try gzip.write(TarHeader(name: name, size: UInt64(text.utf8.count), time: 0).bytes)
                try gzip.write(Array(text.utf8))
                try gzip.write([UInt8](repeating: 0, count: TarHeader.padding(UInt64(text.utf8.count))))
            }
            try gzip.write([UInt8](repeating: 0, count: 1_024))
            try gzip.finish()
            return out.bytes
        }
        let other = try packed([("meta.json", #"{"Version":1,"ID":"2-18","Index":18,"Size":3}"#), ("state.bin", "abc")])
        #expect(throws: ArchiveError.foreign("its meta.json is that of another program")) { try Self.read(other) }
        let later = try packed([("meta.json", #"{"Format":"drover-snapshot","Version":2,"Build":"9.0"}"#)])
        #expect(throws: ArchiveError.newer(version: 2, build: "9.0")) { try Self.read(later) }
        let song = try packed([("song.txt", "la")])
        #expect(throws: ArchiveError.foreign("\"song.txt\" is in it, not meta.json")) { try Self.read(song) }
        let meta = #"{"Format":"drover-snapshot","Version":1,"Size":3}"#
        let sums = try packed([("meta.json", meta), ("state.bin", "abc"), ("SHA256SUMS", "0  state.bin\n")])
        #expect(throws: ArchiveError.damaged("the sum of meta.json does not fit SHA256SUMS")) { try Self.read(sums) }
    }

    /// Golden: the header of `meta.json`, 300 bytes, 2023-11-14.
    @Test func tarHeaderBytes() {
        let bytes = TarHeader(name: "meta.json", size: 300, time: 1_700_000_000).bytes
        let text = String(decoding: bytes.map { $0 == 0 ? UInt8(ascii: ".") : $0 }, as: UTF8.self)
        let expected =
            "meta.json" + String(repeating: ".", count: 91)
            + "0000600.0000000.0000000."  // mode, uid, gid
            + "00000000454.14524770400."  // size and time, octal
            + "013264. " + "0"  // checksum, plain file
            + String(repeating: ".", count: 100) + "ustar.00"
            + "root" + String(repeating: ".", count: 28) + "root" + String(repeating: ".", count: 28 + 183)
        #expect(text.count == 512)
        #expect(text.prefix(148) == expected.prefix(148))
        #expect(text.dropFirst(156) == expected.dropFirst(156))
        #expect(throws: Never.self) { try TarHeader(bytes: bytes) }
    }
}
