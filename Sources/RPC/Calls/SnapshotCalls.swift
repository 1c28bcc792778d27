package import Basics

/// Makes an archive of the state on a server, to be fetched with ``ReadSnapshot``.
package struct SaveSnapshot: ServerCall {
    package typealias Reply = SavedSnapshot
    package static let method = CallMethod.saveSnapshot

    /// Any server may answer, with the state that it knows.
    package var stale = false
    /// Without the nodes' secrets.
    package var redact = false

    package var patience: Duration { .seconds(300) }

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Stale", &stale)
        try visitor.field("Redact", &redact)
    }
}

package struct SavedSnapshot: Document {
    package var id = ID.none
    /// The server on whose disk it lies.
    package var server = ""
    /// Bytes of the archive, and their SHA-256 in base64.
    package var size: UInt64 = 0
    package var digest = ""
    package var index: UInt64 = 0
    package var knownLeader = false
    package var lastContact = Duration.zero

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ID", &id)
        try visitor.field("Server", &server)
        try visitor.field("Size", &size)
        try visitor.field("Digest", &digest)
        try visitor.field("Index", &index)
        try visitor.field("KnownLeader", &knownLeader)
        try visitor.field("LastContact", &lastContact)
    }
}

/// A piece of an archive. The server forgets the archive once its last piece was read, or after ten minutes.
package struct ReadSnapshot: ServerCall {
    package typealias Reply = SnapshotBytes
    package static let method = CallMethod.readSnapshot

    /// Longest piece; 1 MiB.
    package static let bytesMax = 1 << 20

    package var id = ID.none
    package var server = ""
    package var offset: UInt64 = 0

    package init() {}

    package init(_ saved: SavedSnapshot, offset: UInt64) {
        id = saved.id
        server = saved.server
        self.offset = offset
    }

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ID", &id)
        try visitor.field("Server", &server)
        try visitor.field("Offset", &offset)
    }
}

package struct SnapshotBytes: Document {
    package var data = EncodedBytes()

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Data", &data)
    }
}

/// A piece of an archive on its way to the leader. Pieces come in order; after the last one the archive is checked and the
/// state restored from it, or refused with nothing changed.
package struct RestoreSnapshot: ServerCall {
    package typealias Reply = RestoreReply
    package static let method = CallMethod.restoreSnapshot

    /// As the answer to the first piece gave it; none with that one.
    package var id = ID.none
    /// Bytes before this piece.
    package var offset: UInt64 = 0
    package var isLast = false
    package var data = EncodedBytes()

    /// Large states take a while to check, to log and to read on every server.
    package var patience: Duration { isLast ? .seconds(1_800) : .seconds(30) }

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ID", &id)
        try visitor.field("Offset", &offset)
        try visitor.field("IsLast", &isLast)
        try visitor.field("Data", &data)
    }
}

package struct RestoreReply: Document {
    package var id = ID.none
    /// The state's: after the last piece that of the restored state.
    package var index: UInt64 = 0

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ID", &id)
        try visitor.field("Index", &index)
    }
}

/// Bytes as base64 in JSON.
package struct EncodedBytes: JSONForm, Equatable {
    package var bytes: [UInt8]

    package init(_ bytes: [UInt8] = []) { self.bytes = bytes }

    package func write(to writer: inout JSONWriter) { writer.string(Base64.encode(bytes)) }

    package static func read(_ json: JSON) throws(DocumentError) -> EncodedBytes {
        guard let text = json.string, let bytes = Base64.decode(text) else {
            throw DocumentError(message: "expected bytes in base64")
        }
        return EncodedBytes(bytes)
    }
}
