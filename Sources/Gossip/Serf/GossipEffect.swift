/// What the shell must do, in order.
package enum GossipEffect: Equatable, Sendable {
    /// Send one packet, sealed and labelled; failures need not be told.
    case send([UInt8], to: GossipAddress)
    /// Connect, send these bytes sealed and labelled, and read one message; tell it by ``GossipEvent/response(_:_:)``, or
    /// ``GossipEvent/streamFailed(_:_:)`` when it has not come in time.
    case open(StreamID, [UInt8], to: GossipAddress, within: Duration)
    /// Send these bytes, sealed and labelled, as the answer on a stream a peer opened, and close it.
    case reply(StreamID, [UInt8])
    /// Close a stream a peer opened.
    case close(StreamID)
    /// Tell the application.
    case report(MemberEvent)
    /// An application's broadcast, seen for the first time.
    case userEvent(UserEvent)
    /// Change this node's keyring and tell the outcome by ``GossipEvent/keyringChanged(_:_:)``.
    case changeKeyring(KeyChangeID, KeyOperation)
    /// Nil `failure` when the join went well; else why not.
    case joinEnded(RequestID, failure: String?)
    /// What members answered, by name; `asked` members were alive.
    case keysEnded(RequestID, answers: [String: KeyResponse], asked: Int)
    /// This node has left; it may stop.
    case left
    /// Worth a line in the log.
    case note(GossipNote)
}
