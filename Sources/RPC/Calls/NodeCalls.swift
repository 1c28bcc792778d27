package import Basics
package import Model

/// A client registers its node, or what has changed of it.
package struct RegisterNode: ServerCall {
    package typealias Reply = RegisterNodeReply
    package static let method = CallMethod.registerNode

    package var node = Node()
    /// The schemas that the node's drivers name, by name.
    package var schemas: [String: JSON] = [:]

    package init() {}

    package init(node: Node, schemas: [String: JSON] = [:]) {
        self.node = node
        self.schemas = schemas
    }

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Node", &node)
        try visitor.field("Schemas", &schemas)
    }
}

package struct RegisterNodeReply: Document {
    /// Heartbeat at least this often.
    package var heartbeatTTL = Duration.zero
    package var index: UInt64 = 0
    /// RPC addresses of the servers.
    package var servers: [String] = []
    /// Nodes that heartbeat; 0 from a server of a release that did not say it.
    package var nodeCount = 0

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("HeartbeatTTL", &heartbeatTTL)
        try visitor.field("Index", &index)
        try visitor.field("Servers", &servers)
        try visitor.field("Nodes", &nodeCount)
    }
}

/// A node is alive, and what status it has: `ready` once it can take work.
package struct Heartbeat: ServerCall {
    package typealias Reply = RegisterNodeReply
    package static let method = CallMethod.heartbeat

    package var nodeID = ID.none
    package var secretID = ID.none
    package var status = NodeStatus.ready

    package init() {}

    package init(nodeID: ID, secretID: ID, status: NodeStatus = .ready) {
        self.nodeID = nodeID
        self.secretID = secretID
        self.status = status
    }

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("NodeID", &nodeID)
        try visitor.field("SecretID", &secretID)
        try visitor.field("Status", &status)
    }
}

/// Heartbeats that reached a server which does not lead, passed on as one call.
package struct HeartbeatBatch: ServerCall {
    package typealias Reply = HeartbeatBatchReply
    package static let method = CallMethod.heartbeatBatch
    /// Heartbeats of one call at most: some 150 bytes each.
    package static let beatsMax = 4_096

    package var beats: [Heartbeat] = []

    package init() {}

    package init(_ beats: [Heartbeat]) { self.beats = beats }

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Beats", &beats)
    }
}

package struct HeartbeatBatchReply: Document {
    /// Of one node: the interval, or why its heartbeat was refused.
    package struct Answer: Document {
        package var heartbeatTTL = Duration.zero
        /// A ``CallError/Code``, or 0.
        package var code: UInt16 = 0
        package var message = ""

        package init() {}

        package init(_ error: CallError) { (code, message) = (error.code.rawValue, error.message) }

        package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
            try visitor.field("HeartbeatTTL", &heartbeatTTL)
            try visitor.field("Code", &code)
            try visitor.field("Message", &message)
        }
    }

    /// In the order of the heartbeats.
    package var answers: [Answer] = []
    /// What holds for all of them; its own interval says nothing.
    package var common = RegisterNodeReply()

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Answers", &answers)
        try visitor.field("Common", &common)
    }

    /// What each node is to be told.
    package var results: [Result<RegisterNodeReply, CallError>] {
        answers.map { answer in
            guard answer.code == 0 else {
                return .failure(CallError(CallError.Code(rawValue: answer.code) ?? .failed, answer.message))
            }
            var reply = common
            reply.heartbeatTTL = answer.heartbeatTTL
            return .success(reply)
        }
    }
}

/// A node's allocations once something about them is newer than `minIndex`, or its client is asked for something; waits at most
/// `wait`.
///
/// The reply lists every allocation of the node by id and index, and in full those that changed above `minIndex`. More than one
/// reply holds comes in several, from the least index up: each but the last names in ``WatchAllocationsReply/resume`` where to go on.
package struct WatchAllocations: ServerCall {
    package typealias Reply = WatchAllocationsReply
    package static let method = CallMethod.watchAllocations

    package var nodeID = ID.none
    package var secretID = ID.none
    package var minIndex: UInt64 = 0
    /// Of the allocations at `minIndex` itself, those with a higher id are still wanted; ``ID/none`` for none of them.
    package var resume = ID.none
    package var wait = Duration.seconds(60)

    package var patience: Duration { wait + .seconds(15) }

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("NodeID", &nodeID)
        try visitor.field("SecretID", &secretID)
        try visitor.field("MinIndex", &minIndex)
        try visitor.field("Resume", &resume)
        try visitor.field("Wait", &wait)
    }
}

package struct WatchAllocationsReply: Document {
    /// Allocations of one reply at most: some 2 KiB each.
    package static let changedMax = 4_096
    /// Job versions of one reply at most, each of which may be hundreds of KiB.
    package static let jobsMax = 64

    /// What to ask for more with: all that changed up to here has been sent, but for what ``resume`` says.
    package var index: UInt64 = 0
    /// Every allocation the servers know of for this node that is not collected yet: id to `AllocModifyIndex`. Empty in all
    /// replies but the last of several.
    package var present: [String: UInt64] = [:]
    /// Those whose `AllocModifyIndex` is above the asked index, with their job.
    package var changed: [Allocation] = []
    /// The last allocation of this reply, when more are to follow: ask again at once, from here. ``ID/none`` when it is complete.
    package var resume = ID.none
    /// What callers elsewhere ask of this client, each once.
    package var tickets: [RelayTicket] = []

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Index", &index)
        try visitor.field("Present", &present)
        var shared = SharedJobs(changed)
        try visitor.field("Changed", &shared)
        changed = shared.allocations
        try visitor.field("Resume", &resume)
        try visitor.field("Tickets", &tickets)
    }
}

/// What a client reports of its allocations: only the client's fields are read.
package struct UpdateAllocations: ServerCall {
    package typealias Reply = IndexReply
    package static let method = CallMethod.updateAllocations

    package var nodeID = ID.none
    package var secretID = ID.none
    package var reports = AllocationReportBatch()

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("NodeID", &nodeID)
        try visitor.field("SecretID", &secretID)
        try visitor.field("Reports", &reports)
    }
}

/// Reports in packed form, base64 in JSON: what thousands of them have in common is written once, so a report takes some tens of
/// bytes where a document of its task states and events takes two thousand.
package struct AllocationReportBatch: JSONForm, Equatable {
    package var reports: [PackedAllocationUpdate]

    package init(_ updates: [AllocationUpdate] = []) { reports = updates.map(PackedAllocationUpdate.init) }

    package func write(to writer: inout JSONWriter) {
        var bytes = ByteWriter()
        bytes.reports(AllocationReports(reports: reports, time: .never))
        writer.string(Base64.encode(bytes.bytes))
    }

    package static func read(_ json: JSON) throws(DocumentError) -> AllocationReportBatch {
        guard let text = json.string, let bytes = Base64.decode(text) else {
            throw DocumentError(message: "expected reports in base64")
        }
        var batch = AllocationReportBatch()
        var reader = ByteReader(bytes)
        do {
            batch.reports = try reader.reports().reports
        } catch {
            throw DocumentError(message: "\(error)")
        }
        return batch
    }
}
