package import Basics

/// Writes the binary form of log entries and snapshots: little-endian, whole numbers as LEB128, text and bytes with their length
/// in front.
package struct ByteWriter {
    package private(set) var bytes: [UInt8] = []

    package init(capacity: Int = 256) { bytes.reserveCapacity(capacity) }

    package mutating func byte(_ value: UInt8) { bytes.append(value) }

    package mutating func flag(_ value: Bool) { bytes.append(value ? 1 : 0) }

    package mutating func number(_ value: some BinaryInteger) { number(UInt64(truncatingIfNeeded: value)) }

    /// The commonest kinds by themselves: for other modules the general version is a slow one.
    package mutating func number(_ value: Int) { number(UInt64(truncatingIfNeeded: value)) }

    package mutating func number(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// A number that may be negative, in zigzag form so that small ones stay short.
    package mutating func signed(_ value: Int64) { number(UInt64(bitPattern: value << 1 ^ value >> 63)) }

    package mutating func word(_ value: UInt64) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func id(_ id: ID) {
        word(id.high)
        word(id.low)
    }

    package mutating func data(_ data: some Collection<UInt8>) {
        number(data.count)
        bytes.append(contentsOf: data)
    }

    package mutating func text(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            number(utf8.count)
            bytes.append(contentsOf: utf8)
        }
    }

    package mutating func time(_ time: Timestamp) { signed(time.nanoseconds) }

    package mutating func document(_ document: some Document) { data(document.terseBytes) }

    /// An optional document; absent ones take one byte.
    package mutating func optional(_ document: (some Document)?) {
        if let document { self.document(document) } else { number(0) }
    }

    package mutating func ids(_ ids: [ID]) {
        number(ids.count)
        plain(ids)
    }

    /// A column of plain numbers or ids, as they lie in memory; both kinds of supported machines are little-endian.
    package mutating func column<Element: BitwiseCopyable>(_ column: [Element]) {
        number(column.count)
        plain(column)
    }

    private mutating func plain<Element: BitwiseCopyable>(_ column: [Element]) {
        column.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    /// What `body` writes, with its length in front: a reader that knows less skips the rest of it.
    package mutating func framed(_ body: (inout ByteWriter) -> Void) {
        let start = bytes.count
        body(&self)
        var length = ByteWriter(capacity: 10)
        length.number(bytes.count - start)
        bytes.insert(contentsOf: length.bytes, at: start)
    }
}
