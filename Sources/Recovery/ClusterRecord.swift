package import Basics

/// What `cluster.json` says: which cluster a server is a member of, or, before that, to whose founding of one it has promised
/// itself.
package struct ClusterRecord: Document {
    package static let fileName = "cluster.json"
    package static let fileBytesMax = 4_096
    /// Beside it while ``QuorumRecovery`` is under way: no server may start on such a folder.
    package static let recoveryFileName = "recovery.json"

    package var cluster = ID.none
    /// The server that may found a cluster with this one, in the poll ``ballot``, and the version of the record that it
    /// asked with; that stays when the poll is over.
    package var candidate = ""
    package var ballot = ID.none
    package var version: UInt64 = 0
    /// The server left ``cluster`` in good order, and asks to be a member again.
    package var hasLeft = false

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Cluster", &cluster)
        try visitor.field("Candidate", &candidate)
        try visitor.field("Ballot", &ballot)
        try visitor.field("Version", &version)
        try visitor.field("HasLeft", &hasLeft)
    }
}
