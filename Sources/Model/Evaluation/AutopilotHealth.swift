public import Basics

/// How the servers of the Raft group are, as their leader sees them: the answer of `/v1/operator/autopilot/health`.
public struct AutopilotHealth: Document {
    /// Every server is.
    public var healthy = false
    /// Voters that may fail without the cluster losing its quorum.
    public var failureTolerance = 0
    /// The same, as there are no redundancy zones.
    public var optimisticFailureTolerance = 0
    public var servers: [ServerHealth] = []
    /// Ids.
    public var leader = ""
    public var voters: [String] = []

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Healthy", &healthy)
        try visitor.field("FailureTolerance", &failureTolerance)
        try visitor.field("OptimisticFailureTolerance", &optimisticFailureTolerance)
        try visitor.field("Servers", &servers)
        try visitor.field("Leader", &leader)
        try visitor.field("Voters", &voters)
    }
}

public struct ServerHealth: Document {
    public var id = ""
    public var name = ""
    public var address = ""
    /// `alive` or `failed`, as the servers find each other.
    public var serfStatus = ""
    public var version = ""
    public var leader = false
    /// Since the leader heard of it last.
    public var lastContact = DurationText(.zero)
    /// The leader's term if the server answers in it, else 0.
    public var lastTerm: UInt64 = 0
    /// The end of what is known of its log.
    public var lastIndex: UInt64 = 0
    public var healthy = false
    public var voter = false
    /// When it became what ``healthy`` says, as far as this leader knows.
    public var stableSince = TimeText()

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ID", &id)
        try visitor.field("Name", &name)
        try visitor.field("Address", &address)
        try visitor.field("SerfStatus", &serfStatus)
        try visitor.field("Version", &version)
        try visitor.field("Leader", &leader)
        try visitor.field("LastContact", &lastContact)
        try visitor.field("LastTerm", &lastTerm)
        try visitor.field("LastIndex", &lastIndex)
        try visitor.field("Healthy", &healthy)
        try visitor.field("Voter", &voter)
        try visitor.field("StableSince", &stableSince)
    }
}
