/// A number of HCL: an exact 64-bit integer when it is one, else a double.
///
/// Kept normalised: a double that is a whole number in the range of `Int64` is stored as `int`, so equal numbers
/// compare equal. HCL itself keeps 512 bits; nothing a job or an agent is told needs more than these.
package enum Number: Hashable, Sendable {
    case int(Int64)
    case double(Double)

    /// Normalises; nil for infinities and not-a-number, which HCL has no form for.
    package init?(_ value: Double) {
        guard value.isFinite else { return nil }
        if let exact = Int64(exactly: value) { self = .int(exact) } else { self = .double(value) }
    }

    /// Reads a literal such as `12`, `1.5`, `2e10`, or `-3`; nil for anything else and for what no double or
    /// integer of 64 bits can hold.
    package init?(literal text: some StringProtocol) {
        if let int = Int64(text) {
            self = .int(int)
            return
        }
        guard text.utf8.contains(where: { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            text.utf8.allSatisfy(Self.isLiteralByte), let double = Double(String(text))
        else { return nil }
        // A whole number beyond 64 bits would silently lose digits.
        let isWhole = text.utf8.allSatisfy {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == 45 || $0 == 43
        }
        guard !isWhole else { return nil }
        self.init(double)
    }

    private static func isLiteralByte(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "+"), UInt8(ascii: "-")].contains(
                byte)
    }

    package var double: Double {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        }
    }

    /// The integer, when the number is one in range.
    package var int: Int64? {
        if case .int(let value) = self { value } else { nil }
    }
}

extension Number: Comparable {
    package static func < (left: Number, right: Number) -> Bool {
        if case .int(let one) = left, case .int(let two) = right { return one < two }
        return left.double < right.double
    }
}

extension Number: CustomStringConvertible {
    /// Decimal without an exponent for integers; else the shortest text that reads back as the same double.
    package var description: String {
        switch self {
        case .int(let value): String(value)
        case .double(let value): value.description
        }
    }
}
