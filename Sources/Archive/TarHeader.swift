/// The 512 bytes before a file in a tar archive (POSIX.1-1988, ustar), for plain files only.
///
///     name 100 · mode 8 · uid 8 · gid 8 · size 12 · time 12 · checksum 8 · type 1 · link 100 · magic "ustar\0" 6 ·
///     version "00" 2 · owner 32 · group 32 · device 16 · prefix 155 · 0 …     numbers are octal text
struct TarHeader: Equatable {
    static let blockBytes = 512
    /// Eleven octal digits; 8 GiB less one.
    static let sizeMax: UInt64 = (1 << 33) - 1

    var name: String
    var size: UInt64
    /// Seconds since 1970.
    var time: UInt64

    /// Zeros from the end of a file of `size` bytes to the next block.
    static func padding(_ size: UInt64) -> Int { Int((UInt64(blockBytes) - size % UInt64(blockBytes)) % 512) }

    var bytes: [UInt8] {
        var block = [UInt8](repeating: 0, count: TarHeader.blockBytes)
        func put(_ text: String, at offset: Int) {
            block.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
        }
        put(name, at: 0)
        put("0000600\0", at: 100)
        put("0000000\0", at: 108)
        put("0000000\0", at: 116)
        put(TarHeader.octal(size, digits: 11), at: 124)
        put(TarHeader.octal(time, digits: 11), at: 136)
        put("        ", at: 148)
        put("0", at: 156)
        put("ustar\u{0}00", at: 257)
        put("root", at: 265)
        put("root", at: 297)
        put(TarHeader.octal(TarHeader.sum(block), digits: 6) + "\0 ", at: 148)
        return block
    }

    init(name: String, size: UInt64, time: UInt64) {
        self.name = name
        self.size = size
        self.time = time
    }

    /// Reads a header; throws ``ArchiveError`` for anything but a plain file's.
    init(bytes block: [UInt8]) throws(ArchiveError) {
        guard block.count == TarHeader.blockBytes else { throw .damaged("it ends early") }
        guard Array(block[257..<262]) == Array("ustar".utf8) else { throw .foreign("it holds no tar archive") }
        var blank = block
        blank.replaceSubrange(148..<156, with: [UInt8](repeating: 0x20, count: 8))
        guard let sum = TarHeader.number(block[148..<156]), sum == TarHeader.sum(blank),
            let size = TarHeader.number(block[124..<136]), let time = TarHeader.number(block[136..<148])
        else { throw .damaged("the header of a file in it does not read back") }
        let name = String(decoding: block[..<100].prefix { $0 != 0 }, as: UTF8.self)
        guard block[156] == UInt8(ascii: "0") || block[156] == 0 else {
            throw .foreign("\"\(name)\" in it is no plain file")
        }
        self.init(name: name, size: size, time: time)
    }

    private static func sum(_ block: [UInt8]) -> UInt64 { block.reduce(0) { $0 + UInt64($1) } }

    private static func octal(_ number: UInt64, digits: Int) -> String {
        let text = String(number, radix: 8)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    /// Octal digits, with spaces or zeros around them.
    private static func number(_ field: ArraySlice<UInt8>) -> UInt64? {
        let digits = field.drop { $0 == 0x20 }.prefix { $0 != 0 && $0 != 0x20 }
        return UInt64(String(decoding: digits, as: UTF8.self), radix: 8)
    }
}
