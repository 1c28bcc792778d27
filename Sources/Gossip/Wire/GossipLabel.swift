/// The label that keeps pools apart: it precedes a packet or stream in clear, and is authenticated when encryption is on.
///
/// A type byte (244), a length byte, the label's bytes; absent for the empty label (memberlist 0.3 and later).
package enum GossipLabel {
    package static let bytesMax = 255

    /// Header bytes for `label`; none for the empty one.
    package static func header(_ label: String) -> [UInt8] {
        precondition(label.utf8.count <= bytesMax, "label of \(label.utf8.count) bytes, at most \(bytesMax)")
        return label.isEmpty ? [] : [MessageType.hasLabel.rawValue, UInt8(label.utf8.count)] + label.utf8
    }

    /// Takes the label off the front of `bytes`; the empty label when there is none.
    ///
    /// - Throws: ``WireError/truncated(needed:)`` when the header is not complete, ``WireError/malformed(_:)`` when it names an empty
    ///   label or is not text.
    package static func split(_ bytes: [UInt8]) throws(WireError) -> (label: String, rest: [UInt8]) {
        guard bytes.first == MessageType.hasLabel.rawValue else { return ("", bytes) }
        guard bytes.count >= 2 else { throw .truncated(needed: 2) }
        let count = Int(bytes[1])
        guard count > 0 else { throw .malformed("an empty label") }
        guard bytes.count >= 2 + count else { throw .truncated(needed: 2 + count) }
        guard let label = String(validating: bytes[2..<2 + count], as: UTF8.self) else {
            throw .malformed("a label that is not UTF-8")
        }
        return (label, Array(bytes[(2 + count)...]))
    }
}
