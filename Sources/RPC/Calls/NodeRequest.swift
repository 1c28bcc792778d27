package import Basics

/// The functions of ``NodeEndpoint``; the value is the name on the wire.
package enum NodeRequestKind: String, JSONForm, CaseIterable {
    case files
    case file
    case stream
    case logs
    case hostStatistics
    case statistics
    case restart
    case signal
    case collectAllocation
    case collectNode
    /// One of a later release.
    case unknown

    package static func read(_ json: JSON) throws(DocumentError) -> NodeRequestKind {
        json.string.flatMap(NodeRequestKind.init) ?? .unknown
    }

    /// What the caller must be allowed to do.
    package var capability: Capability {
        switch self {
        case .files, .file, .stream: .readFiles
        case .logs: .readLogs
        case .statistics: .readJob
        case .restart, .signal: .allocationLifecycle
        case .collectAllocation: .submitJob
        case .hostStatistics: .nodeRead
        case .collectNode: .nodeWrite
        case .unknown: .management
        }
    }

    /// Whether it is about the node, and about no allocation.
    package var isOfNode: Bool { self == .hostStatistics || self == .collectNode }
}

/// One function of ``NodeEndpoint`` with its arguments, for the client of a node elsewhere.
///
/// The client answers with frames: first `{}`, as it has taken the request; for a stream another `{}` once it is open, then
/// ``FileFrame``s; for `files` lists of ``FileInfo``; for other reads one object.
package struct NodeRequest: Document {
    package var kind = NodeRequestKind.file
    package var allocation = ID.none
    package var path = ""
    package var offset: Int64 = 0
    package var fromEnd = false
    package var follow = false
    /// Empty: all tasks.
    package var task = ""
    package var logStream = ""
    package var allTasks = false
    package var signal = ""

    package init() {}

    package init(_ kind: NodeRequestKind, allocation: ID = .none, path: String = "", task: String? = nil) {
        self.kind = kind
        self.allocation = allocation
        self.path = path
        self.task = task ?? ""
    }

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Kind", &kind)
        try visitor.field("AllocID", &allocation)
        try visitor.field("Path", &path)
        try visitor.field("Offset", &offset)
        try visitor.field("FromEnd", &fromEnd)
        try visitor.field("Follow", &follow)
        try visitor.field("Task", &task)
        try visitor.field("LogType", &logStream)
        try visitor.field("AllTasks", &allTasks)
        try visitor.field("Signal", &signal)
    }
}

/// Asks something of the client of a node, by a caller that cannot reach it; otherwise as ``OpenRelay``.
package struct AskNode: ServerCall {
    package typealias Reply = RelayEnd
    package static let method = CallMethod.askNode

    /// The node; ``ID/none`` for that of the request's allocation.
    package var node = ID.none
    package var request = NodeRequest()

    package init() {}

    package init(_ request: NodeRequest, node: ID = .none) {
        self.request = request
        self.node = node
    }

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("NodeID", &node)
        try visitor.field("Request", &request)
    }
}
