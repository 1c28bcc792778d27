/// Writes MessagePack as hashicorp's go-msgpack does by default: text and bytes alike as "raw", integers in the shortest form,
/// structs as maps whose keys are in byte order. The caller keeps that order.
package struct MessagePackWriter: Sendable {
    package private(set) var bytes: [UInt8]

    /// Appends to `prefix`, such as the byte that names the message's type.
    package init(prefix: [UInt8] = []) { bytes = prefix }

    package mutating func writeMap(_ count: Int) { writeCount(count, fixed: 0x80, fixedMax: 15, wide: 0xde) }

    package mutating func writeArray(_ count: Int) { writeCount(count, fixed: 0x90, fixedMax: 15, wide: 0xdc) }

    package mutating func writeString(_ text: String) { writeRaw(Array(text.utf8)) }

    package mutating func writeRaw(_ raw: [UInt8]) {
        writeCount(raw.count, fixed: 0xa0, fixedMax: 31, wide: 0xda)
        bytes += raw
    }

    package mutating func writeBool(_ value: Bool) { bytes.append(value ? 0xc3 : 0xc2) }

    package mutating func writeNil() { bytes.append(0xc0) }

    package mutating func writeInteger(_ value: UInt64) {
        switch value {
        case 0...0x7f: bytes.append(UInt8(value))
        case 0...0xff: writeCoded(0xcc, value, count: 1)
        case 0...0xffff: writeCoded(0xcd, value, count: 2)
        case 0...0xffff_ffff: writeCoded(0xce, value, count: 4)
        default: writeCoded(0xcf, value, count: 8)
        }
    }

    // MARK: - Fields

    package mutating func field(_ key: String, _ value: some FixedWidthInteger & UnsignedInteger) {
        writeString(key)
        writeInteger(UInt64(value))
    }

    package mutating func field(_ key: String, _ value: String) {
        writeString(key)
        writeString(value)
    }

    package mutating func field(_ key: String, _ value: [UInt8]) {
        writeString(key)
        writeRaw(value)
    }

    package mutating func field(_ key: String, _ value: Bool) {
        writeString(key)
        writeBool(value)
    }

    // MARK: - Private

    private mutating func writeCount(_ count: Int, fixed: UInt8, fixedMax: Int, wide: UInt8) {
        switch count {
        case 0...fixedMax: bytes.append(fixed | UInt8(count))
        case 0...0xffff: writeCoded(wide, UInt64(count), count: 2)
        default: writeCoded(wide + 1, UInt64(count), count: 4)
        }
    }

    private mutating func writeCoded(_ code: UInt8, _ value: UInt64, count: Int) {
        bytes.append(code)
        bytes.appendBigEndian(value, count: count)
    }
}

extension [UInt8] {
    /// The low `count` bytes of `value`, most significant first.
    package mutating func appendBigEndian(_ value: UInt64, count: Int) {
        for shift in stride(from: 8 * (count - 1), through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
        }
    }

    /// Big-endian value of the `count` bytes at `offset`, which the caller knows to be there.
    package func bigEndian(at offset: Int, count: Int) -> UInt64 {
        self[offset..<offset + count].reduce(0) { $0 << 8 | UInt64($1) }
    }
}
