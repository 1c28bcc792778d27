import Basics
import Testing

@testable import Gossip

/// Writes what ``LZW`` reads: Go's form, with a clear code when the table is full.
enum LZWWriter {
    static func compress(_ text: [UInt8]) -> [UInt8] {
        var (output, bits, bitCount, width) = ([UInt8](), UInt64(0), 0, 9)
        var table: [UInt32: Int] = [:]
        var next = 257
        func write(_ code: Int) {
            bits |= UInt64(code) << UInt64(bitCount)
            bitCount += width
            while bitCount >= 8 {
                output.append(UInt8(truncatingIfNeeded: bits))
                bits >>= 8
                bitCount -= 8
            }
        }
        /// Counts an entry; true when the table is full.
        func grow() -> Bool {
            next += 1
            if next == 1 << width, width < 12 { width += 1 }
            return next == 4_095
        }
        write(256)
        guard var current = text.first.map(Int.init) else {
            write(257)
            return output + (bitCount > 0 ? [UInt8(truncatingIfNeeded: bits)] : [])
        }
        for byte in text.dropFirst() {
            let key = UInt32(current) << 8 | UInt32(byte)
            if let longer = table[key] {
                current = longer
                continue
            }
            write(current)
            current = Int(byte)
            if grow() {
                write(256)
                (width, next) = (9, 257)
                table = [:]
            } else {
                table[key] = next
            }
        }
        write(current)
        _ = grow()
        write(257)
        return output + (bitCount > 0 ? [UInt8(truncatingIfNeeded: bits)] : [])
    }
}

@Suite struct LZWTests {
    @Test(arguments: [0, 1, 2, 3, 255, 256, 5_000, 60_000])
    func textsComeBack(count: Int) throws {
        var generator = SeededGenerator(seed: UInt64(count))
        for alphabet in [1, 2, 7, 256] {
            let text = (0..<count).map { _ in UInt8(Int.random(in: 0..<alphabet, using: &generator)) }
            #expect(try LZW.decompress(LZWWriter.compress(text), limit: 70_000) == text, "\(alphabet) letters")
        }
    }

    @Test func unknownCodeIsRefused() {
        // After a clear code, 300 is not defined yet: nine bits 256, nine bits 300, least significant first.
        let bits = UInt32(256) | UInt32(300) << 9
        let bytes = [UInt8(bits & 255), UInt8(bits >> 8 & 255), UInt8(bits >> 16)]
        #expect(throws: WireError.malformed("LZW code 300 before it was defined")) {
            try LZW.decompress(bytes, limit: 100)
        }
    }
}
