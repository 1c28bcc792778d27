/// What serf says in memberlist's user messages; serf protocol 4 (of serf 0.9).
package enum SerfMessage: Equatable, Sendable {
    case leave(LeaveIntent)
    case join(JoinIntent)
    /// In the user state of a push/pull only.
    case pushPull(SerfState)
    case userEvent(UserEvent)
    case query(Query)
    case queryResponse(QueryResponse)
    case conflictResponse(ConflictResponse?)
    case keyRequest(key: [UInt8])
    case keyResponse(KeyResponse)
    /// A message to hand on to another node, byte for byte.
    case relay(to: GossipAddress, node: String, message: [UInt8])

    /// The first byte, serf's numbers.
    enum Kind: UInt8 {
        case leave = 0
        case join = 1
        case pushPull = 2
        case userEvent = 3
        case query = 4
        case queryResponse = 5
        case conflictResponse = 6
        case keyRequest = 7
        case keyResponse = 8
        case relay = 9
    }
}

/// "`node` is about to leave", at Lamport time `time`.
package struct LeaveIntent: Equatable, Sendable {
    package var time: UInt64
    package var node: String
    /// Whether to forget the node at once instead of listing it as left.
    package var prune: Bool
}

/// "`node` has joined", at Lamport time `time`; outweighs older leave intents.
package struct JoinIntent: Equatable, Sendable {
    package var time: UInt64
    package var node: String
}

/// serf's part of a push/pull.
package struct SerfState: Equatable, Sendable {
    package var time: UInt64 = 0
    /// When each node's standing last changed by intent.
    package var statusTimes: [String: UInt64] = [:]
    package var leftMembers: [String] = []
    package var eventTime: UInt64 = 0
    package var events: [UserEvent] = []
    package var queryTime: UInt64 = 0
}

/// A broadcast of an application; Drover sends none, and passes on and reports those of others.
package struct UserEvent: Hashable, Sendable {
    package var time: UInt64
    package var name: String
    package var payload: [UInt8]
    /// Whether equal events may be merged into one.
    package var canCoalesce: Bool = false
}

/// A question to all, answered straight to `source`.
package struct Query: Equatable, Sendable {
    package var time: UInt64
    package var id: UInt32
    package var source: GossipAddress
    package var sourceNode: String
    package var filters: [QueryFilter] = []
    package var flags: UInt32 = 0
    /// How many others should relay each answer.
    package var relayFactor: UInt8 = 0
    /// Nanoseconds the asker waits.
    package var timeout: Int64
    package var name: String
    package var payload: [UInt8] = []

    package static let ackFlag: UInt32 = 1
    package static let noBroadcastFlag: UInt32 = 2

    package var wantsAck: Bool { flags & Query.ackFlag != 0 }
    package var isBroadcast: Bool { flags & Query.noBroadcastFlag == 0 }
}

/// Who should answer a query; all filters must hold.
package enum QueryFilter: Equatable, Sendable {
    case nodes([String])
    /// The tag's value must match the regular expression.
    case tag(String, expression: String)
    /// Of a kind not known here; nobody matches.
    case unknown([UInt8])
}

/// An answer to a query, or with ``Query/ackFlag`` the news that it arrived.
package struct QueryResponse: Equatable, Sendable {
    package var time: UInt64
    package var id: UInt32
    package var from: String
    package var flags: UInt32 = 0
    package var payload: [UInt8] = []

    package var isAck: Bool { flags & Query.ackFlag != 0 }
}

/// Whom a node takes the owner of a name to be.
package struct ConflictResponse: Equatable, Sendable {
    package var member: Member
}

/// What a node answers to a change or a listing of keys.
package struct KeyResponse: Equatable, Sendable {
    package var isDone: Bool
    package var message: String = ""
    /// Base64, as they are listed.
    package var keys: [String] = []
    package var primaryKey: String = ""

    package init(isDone: Bool, message: String = "", keys: [String] = [], primaryKey: String = "") {
        self.isDone = isDone
        self.message = message
        self.keys = keys
        self.primaryKey = primaryKey
    }
}
