package import Basics

/// What a server agent answers about its part in the gossip pool; the HTTP API calls it in the same process.
///
/// Every function throws ``CallError``: `unavailable` while the pool is not entered, `invalid` for what cannot be done.
package protocol PoolEndpoint: Sendable {
    /// Joins the pool through each of `addresses`, `host:port` or `host`.
    func join(_ addresses: [String]) async -> PoolJoinReply

    /// Takes a failed member for one that has left, so that its cluster lets go of it; forgets it at once when `prune`.
    /// Throws `notFound` for a name that no member has.
    func forceLeave(_ member: String, prune: Bool) async throws

    /// Has every member change or list its gossip keys; throws `failed` naming the members that could not.
    func changeKeys(_ change: KeyringChange) async throws -> KeyringReply
}

/// What is done to the keyrings of all members. Keys are base64 of 16, 24 or 32 bytes.
package enum KeyringChange: Sendable, Equatable {
    case list
    case install(String)
    case use(String)
    case remove(String)
}

package struct PoolJoinReply: Document, Equatable {
    /// Addresses that answered.
    package var joined = 0
    /// Why others did not; empty when all did.
    package var error = ""

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("num_joined", &joined)
        try visitor.field("error", &error)
    }
}

package struct KeyringReply: Document, Equatable {
    /// What members had to say, by name.
    package var messages: [String: String] = [:]
    /// How many members hold each key.
    package var keys: [String: Int] = [:]
    /// Members that were alive when they were asked.
    package var members = 0

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Messages", &messages)
        try visitor.field("Keys", &keys)
        try visitor.field("NumNodes", &members)
    }
}
