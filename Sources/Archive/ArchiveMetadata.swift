package import Basics

/// What an archive says of itself, in its `meta.json`.
package struct ArchiveMetadata: Document {
    /// The word by which archives are told from those of other programs, which name their files alike.
    package static let formatName = "drover-snapshot"
    /// The newest version this build reads, and the one it writes.
    package static let versionKnown = 1

    package var format = ""
    package var version = 0
    package var id = ID.none
    /// The state's index.
    package var index: UInt64 = 0
    package var term: UInt64 = 0
    package var created = Timestamp.never
    package var region = ""
    /// The cluster it is of; one restored from it may be another.
    package var cluster = ID.none
    /// The release that wrote it.
    package var build = ""
    /// Bytes of `state.bin`.
    package var size: UInt64 = 0
    /// The nodes' secrets were taken out: good for looking at, not for restoring.
    package var isRedacted = false
    /// The Raft group it was taken from; for people.
    package var servers: [ArchivedServer] = []

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Format", &format)
        try visitor.field("Version", &version)
        try visitor.field("ID", &id)
        try visitor.field("Index", &index)
        try visitor.field("Term", &term)
        try visitor.field("Created", &created)
        try visitor.field("Region", &region)
        try visitor.field("Cluster", &cluster)
        try visitor.field("Build", &build)
        try visitor.field("Size", &size)
        try visitor.field("Redacted", &isRedacted)
        try visitor.field("Servers", &servers)
    }
}

/// A server of the group an archive was taken from.
package struct ArchivedServer: Document {
    package var id = ""
    package var address = ""
    package var isVoter = false

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ID", &id)
        try visitor.field("Address", &address)
        try visitor.field("Voter", &isVoter)
    }
}
