/// What ``GossipNode`` is told.
package enum GossipEvent: Sendable {
    /// Once, before all others.
    case start
    /// ``GossipNode/deadline`` has come.
    case tick
    /// A packet without its label and encryption.
    case packet([UInt8], from: GossipAddress)
    /// A peer opened a stream and sent this. Answered by ``GossipEffect/reply(_:_:)`` or ``GossipEffect/close(_:)``.
    case request(StreamID, StreamMessage, from: GossipAddress)
    /// The answer on a stream that this node had opened.
    case response(StreamID, StreamMessage)
    /// A stream that this node had opened brought no answer; the text says why.
    case streamFailed(StreamID, String)
    /// Join the pool through the node at that address; answered by ``GossipEffect/joinEnded(_:failure:)``.
    case join(RequestID, GossipAddress)
    /// Tell the pool other tags. Those that do not fit ``WireLimits/metaBytesMax`` must not be given.
    case setTags([String: String])
    /// Leave the pool in good order; answered by ``GossipEffect/left`` once that is known well enough.
    case leave
    /// Take a failed member for one that has left, and forget it at once when `prune`.
    case forceLeave(String, prune: Bool)
    /// Have all members do this to their keyrings; answered by ``GossipEffect/keysEnded(_:answers:asked:)``.
    case changeKeys(RequestID, KeyOperation)
    /// This node's own keyring has done what ``GossipEffect/changeKeyring(_:_:)`` asked.
    case keyringChanged(KeyChangeID, KeyResponse)
}

/// The shell's number for something it asked for.
package struct RequestID: Hashable, Sendable {
    package let number: UInt64

    package init(_ number: UInt64) { self.number = number }
}

/// The core's number for something it asked of the keyring.
package struct KeyChangeID: Hashable, Sendable {
    let number: UInt64
}

/// What can be done to keyrings. Keys are 16, 24 or 32 bytes.
package enum KeyOperation: Equatable, Sendable {
    /// Accept what is sealed with it.
    case install([UInt8])
    /// Seal with it from now on; it must be installed.
    case use([UInt8])
    /// Accept it no more; it must not be in use.
    case remove([UInt8])
    case list

    /// serf's name of the query that asks for it.
    var queryName: String {
        switch self {
        case .install: "_serf_install-key"
        case .use: "_serf_use-key"
        case .remove: "_serf_remove-key"
        case .list: "_serf_list-keys"
        }
    }

    var queryPayload: [UInt8] {
        switch self {
        case .install(let key), .use(let key), .remove(let key): SerfMessage.keyRequest(key: key).encoded
        case .list: []
        }
    }

    /// Nil when the query is about something else, or its payload holds no key.
    init?(_ query: Query) {
        if query.name == KeyOperation.list.queryName {
            self = .list
            return
        }
        guard case .keyRequest(let key)? = SerfMessage.readable(query.payload) else { return nil }
        let operations: [KeyOperation] = [.install(key), .use(key), .remove(key)]
        guard let known = operations.first(where: { $0.queryName == query.name }) else { return nil }
        self = known
    }
}
