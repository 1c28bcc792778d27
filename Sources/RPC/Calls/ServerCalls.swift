package import Basics

/// What a server says of itself to others.
package struct ServerRecord: Document {
    /// The id it keeps in its data folder.
    package var id = ""
    package var name = ""
    package var region = ""
    package var datacenter = ""
    /// Where its RPC is reached, `host:port`.
    package var address = ""
    package var serfPort = 0
    package var build = ""
    /// The greatest kind of log entry it knows; 0 of a release that did not say.
    package var entryKindMax = 0
    /// How many servers it expects to start a cluster with; 0: it joins one.
    package var expect = 0
    /// The cluster it is a member of.
    package var cluster = ID.none
    /// The poll it holds at the moment, asking others to let it found a cluster.
    package var ballot = ID.none
    /// Drawn at each start of its process.
    package var incarnation = ID.none
    /// Grows with everything the server says of itself, over restarts too, as far as its clock does not go back.
    package var version: UInt64 = 0

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ID", &id)
        try visitor.field("Name", &name)
        try visitor.field("Region", &region)
        try visitor.field("Datacenter", &datacenter)
        try visitor.field("Address", &address)
        try visitor.field("SerfPort", &serfPort)
        try visitor.field("Build", &build)
        try visitor.field("EntryKindMax", &entryKindMax)
        try visitor.field("Expect", &expect)
        try visitor.field("Cluster", &cluster)
        try visitor.field("Ballot", &ballot)
        try visitor.field("Incarnation", &incarnation)
        try visitor.field("Version", &version)
    }
}

/// Servers tell each other who they are and whom they know.
package struct IntroduceServer: ServerCall {
    package typealias Reply = IntroduceReply
    package static let method = CallMethod.introduceServer

    package var server = ServerRecord()
    /// The servers the caller has heard of lately.
    package var known: [ServerRecord] = []

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Server", &server)
        try visitor.field("Known", &known)
    }
}

package struct IntroduceReply: Document {
    package var server = ServerRecord()
    package var known: [ServerRecord] = []

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Server", &server)
        try visitor.field("Known", &known)
    }
}

/// A server that wants to found a cluster asks another one to leave that to it.
package struct PromiseFounding: ServerCall {
    package typealias Reply = PromiseReply
    package static let method = CallMethod.promiseFounding

    package var candidate = ServerRecord()

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Candidate", &candidate)
    }
}

package struct PromiseReply: Document {
    package var isGranted = false
    /// Why not.
    package var reason = ""

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Granted", &isGranted)
        try visitor.field("Reason", &reason)
    }
}

/// A server asks to become a member of the cluster, or to be reached elsewhere from now on. Asked again it changes nothing.
package struct JoinCluster: ServerCall {
    package typealias Reply = JoinReply
    package static let method = CallMethod.joinCluster

    package var server = ServerRecord()

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Server", &server)
    }
}

/// A server asks to be a member of its cluster no more. Asked again it changes nothing.
package struct LeaveCluster: ServerCall {
    package typealias Reply = IndexReply
    package static let method = CallMethod.leaveCluster

    package var id = ""

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ID", &id)
    }
}

package struct JoinReply: Document {
    package var cluster = ID.none

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Cluster", &cluster)
    }
}

/// Takes a server out of the Raft group; it is named by id or by address.
package struct RemoveRaftPeer: ServerCall {
    package typealias Reply = IndexReply
    package static let method = CallMethod.removeRaftPeer

    package var id = ""
    package var address = ""

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ID", &id)
        try visitor.field("Address", &address)
    }
}

/// Hands leadership to a voter, named by id or by address; to the one with the longest log when neither is given.
package struct TransferLeadership: ServerCall {
    package typealias Reply = TransferReply
    package static let method = CallMethod.transferLeadership

    package var id = ""
    package var address = ""

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ID", &id)
        try visitor.field("Address", &address)
    }
}

package struct TransferReply: Document {
    package var from = ""
    package var to = ""

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("From", &from)
        try visitor.field("To", &to)
    }
}
