/// The Castagnoli checksum (RFC 3720 §B.4: polynomial 0x1EDC6F41, reflected), eight bytes a step from eight tables.
package enum CRC32C {
    /// Checksum of `bytes`; to go on over several pieces, pass the last result as `seed`.
    package static func checksum(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
        tables.withUnsafeBufferPointer { table in
            var crc = ~seed
            var position = 0
            while position + 8 <= bytes.count {
                let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
                crc = eightBytes(word ^ UInt64(crc), table)
                position += 8
            }
            while position < bytes.count {
                crc = table[Int((crc ^ UInt32(bytes[position])) & 0xff)] ^ (crc >> 8)
                position += 1
            }
            return ~crc
        }
    }

    package static func checksum(_ bytes: [UInt8], seed: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes { checksum($0, seed: seed) }
    }

    @inline(__always)
    private static func eightBytes(_ word: UInt64, _ table: UnsafeBufferPointer<UInt32>) -> UInt32 {
        table[1_792 + Int(word & 0xff)] ^ table[1_536 + Int(word >> 8 & 0xff)]
            ^ table[1_280 + Int(word >> 16 & 0xff)] ^ table[1_024 + Int(word >> 24 & 0xff)]
            ^ table[768 + Int(word >> 32 & 0xff)] ^ table[512 + Int(word >> 40 & 0xff)]
            ^ table[256 + Int(word >> 48 & 0xff)] ^ table[Int(word >> 56)]
    }

    /// Table k, at 256·k, holds the effect of a byte followed by k zero bytes.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 2_048)
        for byte in 0..<256 {
            var crc = UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? 0x82f6_3b78 ^ (crc >> 1) : crc >> 1 }
            tables[byte] = crc
        }
        for position in 256..<2_048 {
            let before = tables[position - 256]
            tables[position] = tables[Int(before & 0xff)] ^ (before >> 8)
        }
        return tables
    }()
}
