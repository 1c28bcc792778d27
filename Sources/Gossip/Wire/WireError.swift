/// Bytes that are not a gossip message.
package enum WireError: Error, Equatable, CustomStringConvertible {
    /// The input ends early; a reader of a stream may try again once it holds `needed` bytes, counted from its start.
    case truncated(needed: Int)
    /// The input can never be read; the text says what was found where a peer speaking the protocol writes something else.
    case malformed(String)

    package var description: String {
        switch self {
        case .truncated(let needed): "gossip message cut short: at least \(needed) bytes are needed"
        case .malformed(let text): "gossip message not understood: \(text)"
        }
    }
}
