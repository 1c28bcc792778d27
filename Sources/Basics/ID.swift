/// A 128-bit identifier, written as a lower-case UUID: `8-4-4-4-12` hexadecimal digits.
///
/// The all-zero value stands for "none" and is written as the empty string, as the HTTP API does for absent ids.
public struct ID: Hashable, Comparable, Sendable, BitwiseCopyable {
    public var high: UInt64
    public var low: UInt64

    /// The absent id; its text is empty.
    public static let none = ID(high: 0, low: 0)

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A version-4 UUID from the given generator (RFC 9562 §5.4).
    public init(random generator: inout some RandomNumberGenerator) {
        high = (generator.next() & 0xffff_ffff_ffff_0fff) | 0x4000
        low = (generator.next() & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000
    }

    /// An id that follows from a log index and an ordinal within it, so every replica derives the same one.
    ///
    /// The result has the form of a version-8 UUID (RFC 9562 §5.8); `salt` keeps kinds of objects apart.
    public init(index: UInt64, ordinal: UInt64, salt: UInt64 = 0) {
        var mixer = SplitMix64(seed: index &* 0x9e37_79b9_7f4a_7c15 ^ ordinal &* 0xd1b5_4a32_d192_ed03 ^ salt)
        high = (mixer.next() & 0xffff_ffff_ffff_0fff) | 0x8000
        low = (mixer.next() & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000
    }

    public var isNone: Bool { high == 0 && low == 0 }

    public static func < (left: ID, right: ID) -> Bool {
        left.high != right.high ? left.high < right.high : left.low < right.low
    }
}

extension ID: LosslessStringConvertible, CustomStringConvertible {
    /// Reads the 36-character form, either case; the empty string is ``none``.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard !bytes.isEmpty else {
            self = .none
            return
        }
        guard bytes.count == 36 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        var digits = 0
        for (position, byte) in bytes.enumerated() {
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let digit = Hex.value(byte) else { return nil }
            if digits < 16 { high = high << 4 | UInt64(digit) } else { low = low << 4 | UInt64(digit) }
            digits += 1
        }
        self.init(high: high, low: low)
    }

    public var description: String {
        guard !isNone else { return "" }
        return String(unsafeUninitializedCapacity: 36) { buffer in
            write(into: buffer)
            return 36
        }
    }

    /// The first eight characters, as shown by the command line without `-verbose`.
    public var short: String { String(description.prefix(8)) }

    /// Writes the 36 bytes of the text form; `buffer` must hold at least 36.
    public func write(into buffer: UnsafeMutableBufferPointer<UInt8>) {
        var position = 0
        for digit in 0..<32 {
            if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                buffer[position] = UInt8(ascii: "-")
                position += 1
            }
            let word = digit < 16 ? high : low
            let nibble = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (digit & 15))) & 15
            buffer[position] = Hex.digit(nibble)
            position += 1
        }
    }
}

/// Hexadecimal digits and their values.
public enum Hex {
    /// The value of one digit of either case, or nil.
    public static func value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// The lower-case digit of a value below 16.
    public static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    /// All bytes as lower-case digits.
    public static func string(_ bytes: some Sequence<UInt8>) -> String {
        var out: [UInt8] = []
        for byte in bytes {
            out.append(digit(byte >> 4))
            out.append(digit(byte & 15))
        }
        return String(decoding: out, as: UTF8.self)
    }
}
