package import Basics

/// What a caller must be allowed to do, by the names of the ACL policy document (SURFACE §1.4).
package enum Capability: String, Sendable {
    case none
    case listJobs = "list-jobs"
    case parseJob = "parse-job"
    case readJob = "read-job"
    case submitJob = "submit-job"
    case dispatchJob = "dispatch-job"
    case readLogs = "read-logs"
    case readFiles = "read-fs"
    case allocationExec = "alloc-exec"
    /// Programs in tasks that are not kept from the node's files.
    case allocationNodeExec = "alloc-node-exec"
    case allocationLifecycle = "alloc-lifecycle"
    case nodePoolRead = "node_pool:read"
    case nodePoolWrite = "node_pool:write"
    case nodePoolDelete = "node_pool:delete"
    case nodeRead = "node:read"
    case nodeWrite = "node:write"
    case agentRead = "agent:read"
    case agentWrite = "agent:write"
    case operatorRead = "operator:read"
    case operatorWrite = "operator:write"
    case snapshotSave = "operator:snapshot-save"
    case pluginRead = "plugin:read"
    case namespaceAny = "namespace:any"
    case quotaRead = "quota:read"
    case quotaWrite = "quota:write"
    case variablesList = "variables:list"
    case variablesRead = "variables:read"
    case variablesWrite = "variables:write"
    case variablesDestroy = "variables:destroy"
    case keyringRead = "keyring-read"
    case keyringRotate = "keyring-rotate"
    case keyringDelete = "keyring-delete"
    case management
    /// A client agent speaking for its own node, by the node's secret.
    case node
    /// Another server.
    case server
}

/// Who calls, and about what: carried by every call and route.
package struct CallContext: Document {
    package var token = ""
    package var namespace = "default"
    /// Whose servers are to answer; empty is the region of whoever is asked.
    package var region = "global"
    /// Hops so far; a forwarded call is not forwarded again without end.
    package var hops = 0

    package init() {}

    /// For what an agent asks of its own region.
    package static var ownRegion: CallContext {
        var context = CallContext()
        context.region = ""
        return context
    }

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Token", &token)
        try visitor.field("Namespace", &namespace)
        try visitor.field("Region", &region)
        try visitor.field("Hops", &hops)
    }
}

/// One kind of request to a server and its reply.
///
/// Calls are documents: JSON bodies on the wire, plain values when caller and server share a process. Hot calls override their
/// codec with packed columns.
package protocol ServerCall: Document {
    associatedtype Reply: Document

    static var method: CallMethod { get }

    /// How long the call may take by its nature: the deadline with which a server passes it on to the leader.
    var patience: Duration { get }
}

extension ServerCall {
    package var patience: Duration { .seconds(30) }
}

/// The numbers calls have on the wire. A number is never used for another call.
package enum CallMethod: UInt16, Sendable, CaseIterable {
    case query = 1
    case registerJob = 2
    case deregisterJob = 3
    case planJob = 4
    case evaluateJob = 5
    case stopAllocation = 6
    case setSchedulerConfiguration = 7
    case collectGarbage = 8
    case setNodeEligibility = 9
    case explainPlacement = 10
    case upsertNamespace = 11
    case deleteNamespace = 12
    case upsertQuota = 13
    case deleteQuota = 14
    case upsertNodePool = 15
    case deleteNodePool = 16
    case validateJob = 17
    case dispatchJob = 18
    case registerNode = 20
    case heartbeat = 21
    case watchAllocations = 22
    case updateAllocations = 23
    // Between servers; the first two are no documents: see Server's `RaftBatch` and `SnapshotPart`.
    case raftMessages = 30
    case snapshotPart = 31
    case introduceServer = 32
    case promiseFounding = 33
    case joinCluster = 34
    case removeRaftPeer = 35
    case transferLeadership = 36
    case heartbeatBatch = 37
    case leaveCluster = 45
    // Between a caller and the client of a node; whoever knows an end's id may use it.
    case openRelay = 46
    case sendRelayed = 47
    case receiveRelayed = 48
    case closeRelay = 49
    case askNode = 50
    // Of a server's workers to the leader; `submitPlan` is in Server.
    case takeEvaluation = 80
    case submitPlan = 81
    case finishEvaluation = 82
    case putVariable = 60
    case deleteVariable = 61
    case keepVariableLock = 62
    case rotateRootKey = 63
    case deleteRootKey = 64
    case storeRootKey = 65
    case fetchRootKey = 66
    case saveSnapshot = 70
    case readSnapshot = 71
    case restoreSnapshot = 72
    case setAutopilotConfiguration = 73
    case autopilotHealth = 74

    package var capability: Capability {
        switch self {
        case .query: .none  // each query kind declares its own
        case .openRelay: .allocationExec
        case .askNode: .none  // each kind of request declares its own
        case .sendRelayed, .receiveRelayed, .closeRelay: .none
        case .registerJob, .deregisterJob, .planJob, .evaluateJob: .submitJob
        case .dispatchJob: .dispatchJob
        case .explainPlacement, .validateJob: .readJob
        case .stopAllocation: .allocationLifecycle
        case .setSchedulerConfiguration: .operatorWrite
        case .collectGarbage, .upsertNamespace, .deleteNamespace: .management
        case .upsertQuota, .deleteQuota: .quotaWrite
        case .upsertNodePool: .nodePoolWrite
        case .deleteNodePool: .nodePoolDelete
        case .setNodeEligibility: .nodeWrite
        case .registerNode, .heartbeat, .watchAllocations, .updateAllocations: .node
        case .raftMessages, .snapshotPart, .introduceServer, .promiseFounding, .joinCluster, .leaveCluster,
            .heartbeatBatch:
            .server
        case .takeEvaluation, .submitPlan, .finishEvaluation: .server
        case .removeRaftPeer, .transferLeadership: .operatorWrite
        case .putVariable, .keepVariableLock: .variablesWrite
        case .deleteVariable: .variablesDestroy
        case .rotateRootKey: .keyringRotate
        case .deleteRootKey: .keyringDelete
        case .storeRootKey, .fetchRootKey: .server
        case .saveSnapshot, .readSnapshot: .snapshotSave
        case .restoreSnapshot: .management
        case .setAutopilotConfiguration: .operatorWrite
        case .autopilotHealth: .operatorRead
        }
    }
}

/// Makes calls: on a server in the same process, unencoded, or through a ``Peer``.
package protocol Caller: Sendable {
    func call<Call: ServerCall>(
        _ call: Call, context: CallContext, deadline: Duration
    ) async throws -> Call.Reply
}

extension Caller {
    package func call<Call: ServerCall>(_ call: Call, context: CallContext) async throws -> Call.Reply {
        try await self.call(call, context: context, deadline: .seconds(30))
    }
}

/// Bytes that are JSON already and go through unread.
package struct RawJSON: JSONForm, Equatable {
    package var bytes: [UInt8]

    package init(_ bytes: [UInt8] = Array("null".utf8)) { self.bytes = bytes }

    package func write(to writer: inout JSONWriter) { writer.raw(bytes) }

    package static func read(_ json: JSON) throws(DocumentError) -> RawJSON { RawJSON(json.bytes) }
}
