package import Basics

/// What a query asks for; the value is its name on the wire.
package enum QueryKind: String, JSONForm, CaseIterable {
    case jobs
    case job
    case jobAllocations
    case jobEvaluations
    case jobSummary
    case jobVersions
    case jobDeployments
    case nodes
    case node
    case nodeAllocations
    case allocations
    case allocation
    case evaluations
    case evaluation
    case evaluationAllocations
    case deployments
    case namespaces
    case namespace
    case quotas
    case quota
    case quotaUsages
    case quotaUsage
    case nodePools
    case nodePool
    case nodePoolNodes
    case nodePoolJobs
    /// Metadata only.
    case variables
    case variable
    /// Of the keys that encrypt variables, what everybody may know.
    case rootKeys
    case schedulerConfiguration
    /// How the scheduler plug-ins do on the leader.
    case schedulerStatus
    /// The Raft leader's RPC address.
    case leader
    /// The voters' RPC addresses.
    case peers
    /// Servers of the pool, as `/v1/agent/members` answers.
    case members
    case regions
    case raftConfiguration
    case autopilotConfiguration

    package var capability: Capability {
        switch self {
        case .jobs, .jobAllocations, .allocations, .nodePoolJobs: .listJobs
        case .job, .jobEvaluations, .jobSummary, .jobVersions, .jobDeployments, .allocation, .evaluations, .evaluation,
            .evaluationAllocations, .deployments:
            .readJob
        case .nodes, .node, .nodeAllocations, .nodePoolNodes: .nodeRead
        case .nodePools, .nodePool: .nodePoolRead
        case .namespaces, .namespace: .namespaceAny
        case .quotas, .quota, .quotaUsages, .quotaUsage: .quotaRead
        case .variables: .variablesList
        case .variable: .variablesRead
        case .rootKeys: .keyringRead
        case .schedulerConfiguration, .schedulerStatus, .raftConfiguration, .autopilotConfiguration: .operatorRead
        case .members: .agentRead
        case .leader, .peers, .regions: .none
        }
    }
}

/// A read of the servers' state, possibly waiting for a change (SURFACE §1.1, blocking queries).
package struct Query: ServerCall {
    package typealias Reply = QueryReply
    package static let method = CallMethod.query

    package var kind = QueryKind.jobs
    /// The job, node, allocation or evaluation id, or the name of a namespace, quota or node pool; empty for lists.
    package var id = ""
    /// Answer only once the result's index is above this; 0 answers at once.
    package var minIndex: UInt64 = 0
    /// The longest wait, 300 s at most.
    package var wait = Duration.seconds(300)
    /// A server that is not the leader may answer.
    package var stale = false
    package var prefix = ""
    package var perPage = 0
    package var nextToken = ""
    /// A filter expression over the listed objects.
    package var filter = ""
    package var reverse = false
    /// Further options by their names in the HTTP API: `all`, `resources`, `os`, `task_states`, `meta`, `diffs`, `job`, `status` ...
    package var options: [String: String] = [:]

    /// A waiting query may wait a sixteenth longer than asked.
    package var patience: Duration { (minIndex > 0 ? wait + wait / 16 : .seconds(20)) + .seconds(10) }

    package init() {}

    package init(_ kind: QueryKind, id: String = "") {
        self.kind = kind
        self.id = id
    }

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Kind", &kind)
        try visitor.field("ID", &id)
        try visitor.field("MinIndex", &minIndex)
        try visitor.field("Wait", &wait)
        try visitor.field("Stale", &stale)
        try visitor.field("Prefix", &prefix)
        try visitor.field("PerPage", &perPage)
        try visitor.field("NextToken", &nextToken)
        try visitor.field("Filter", &filter)
        try visitor.field("Reverse", &reverse)
        try visitor.field("Options", &options)
    }
}

/// An answer whose body is the HTTP API's JSON, written once, where the state is.
package struct QueryReply: Document {
    package var index: UInt64 = 0
    package var knownLeader = false
    package var lastContact = Duration.zero
    package var nextToken = ""
    package var body = RawJSON()

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Index", &index)
        try visitor.field("KnownLeader", &knownLeader)
        try visitor.field("LastContact", &lastContact)
        try visitor.field("NextToken", &nextToken)
        try visitor.field("Body", &body)
    }
}
