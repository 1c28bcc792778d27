/// What ``Swim`` asks of the layer above.
enum SwimEffect: Equatable, Sendable {
    /// Send one packet.
    case send([UInt8], to: GossipAddress)
    /// Connect, send a ping and wait for its ack, until the probe's end.
    case ping(StreamID, [UInt8], to: GossipAddress, within: Duration)
    /// Connect and exchange states.
    case exchange(StreamID, with: GossipAddress)
    /// Answer a peer's stream with this.
    case reply(StreamID, [UInt8])
    /// Answer a peer's push/pull with this node's state.
    case replyState(StreamID, isJoin: Bool)
    case close(StreamID)
    /// A user message of the layer above.
    case user([UInt8])
    /// A new node, or one that was dead or had left.
    case arrived(String)
    /// Dead or left.
    case departed(String)
    /// Other tags, address or versions.
    case changed(String)
    case note(GossipNote)
}

/// A stream between two nodes, for one message each way; numbers of streams that this node opens count up from 1, the shell numbers
/// those it accepts downwards from −1.
package struct StreamID: Hashable, Sendable {
    package let number: Int64

    package init(_ number: Int64) { self.number = number }
}

/// Something an operator should find in the log.
package enum GossipNote: Equatable, Sendable {
    /// A packet, or part of one, that could not be read.
    case unreadable(from: GossipAddress, WireError)
    /// A user message that could not be read.
    case unreadableUser(WireError)
    /// A ping for another node came here: two nodes share an address, or one took the address of another.
    case pingForOther(String, from: GossipAddress)
    /// Two nodes at different addresses go by one name; the first one known counts.
    case nameConflict(String, known: GossipAddress, other: GossipAddress)
    /// The node answers streams but not packets: UDP is filtered.
    case onlyStreams(String)
    /// No answer; others will be asked to confirm.
    case suspected(String)
    case failed(String, confirmations: Int)
    /// Others took this node for suspect or dead; it objected.
    case refuted(accuser: String)
    /// The node's versions cannot be right, or do not fit the pool's.
    case versionsRefused(String)
    /// No room for another node.
    case poolFull(String)
    /// A periodic exchange with the node failed.
    case exchangeFailed(GossipAddress, String)
}
