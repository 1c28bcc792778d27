/// Lempel-Ziv-Welch as Go's `compress/lzw` writes it: 8-bit literals, codes of 9 to 12 bits, least significant bit first.
///
/// Read only: peers compress by default, and read what is not compressed.
enum LZW {
    private static let clear = 256
    private static let end = 257
    private static let codesMax = 4_096

    /// The text that `bytes` stand for.
    ///
    /// - Throws: ``WireError/malformed(_:)`` for an unknown code, and for more than `limit` bytes of output.
    static func decompress(_ bytes: [UInt8], limit: Int) throws(WireError) -> [UInt8] {
        var decoder = Decoder(input: bytes)
        while let code = decoder.nextCode(), code != end {
            if code == clear {
                decoder.forget()
                continue
            }
            guard decoder.expand(code) else { throw .malformed("LZW code \(code) before it was defined") }
            guard decoder.output.count <= limit else {
                throw .malformed("more than \(limit) bytes when decompressed")
            }
        }
        return decoder.output
    }

    private struct Decoder {
        let input: [UInt8]
        var output: [UInt8] = []
        private var position = 0
        private var bits: UInt32 = 0
        private var bitCount = 0
        private var width = 9
        /// The code the next entry gets; entries below it are defined.
        private var next = LZW.end + 1
        /// The code before this one, if an entry can be made from it.
        private var last: Int?
        private var prefix = [UInt16](repeating: 0, count: LZW.codesMax)
        private var suffix = [UInt8](repeating: 0, count: LZW.codesMax)

        init(input: [UInt8]) { self.input = input }

        /// Nil at the end of the input: Go's writer always ends with a code, so a cut text reads as its beginning.
        mutating func nextCode() -> Int? {
            while bitCount < width {
                guard position < input.count else { return nil }
                bits |= UInt32(input[position]) << UInt32(bitCount)
                position += 1
                bitCount += 8
            }
            defer {
                bits >>= UInt32(width)
                bitCount -= width
            }
            return Int(bits & (1 << UInt32(width) - 1))
        }

        mutating func forget() {
            width = 9
            next = LZW.end + 1
            last = nil
        }

        /// Appends what `code` stands for and defines the next entry: the text before, and this one's first byte.
        mutating func expand(_ code: Int) -> Bool {
            let start = output.count
            if code < next && code != LZW.clear && code != LZW.end {
                append(code)
            } else if code == next, let last {
                // The entry being defined: the text before and its own first byte.
                append(last)
                output.append(output[start])
            } else {
                return false
            }
            if let last, next < LZW.codesMax {
                prefix[next] = UInt16(last)
                suffix[next] = output[start]
                next += 1
            }
            last = code
            // The writer widens when the code after next would not fit; at 12 bits it stops defining entries.
            if next >= 1 << width, width < 12 { width += 1 }
            return true
        }

        private mutating func append(_ code: Int) {
            let start = output.count
            var code = code
            while code > LZW.end {
                output.append(suffix[code])
                code = Int(prefix[code])
            }
            output.append(UInt8(code))
            output[start...].reverse()
        }
    }
}
