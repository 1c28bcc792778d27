public import Basics

/// How the leader looks after the servers of its Raft group (SURFACE, `autopilot` block); a part of the replicated state.
public struct AutopilotConfiguration: Document {
    /// Take servers out of the group that are gone, once the others are safer without them.
    public var cleanupDeadServers = true
    /// A server that the leader has not heard for longer is not healthy; 200 ms.
    public var lastContactThreshold = DurationText(.milliseconds(200))
    /// A server whose log is further behind is not healthy; 250 entries.
    public var maxTrailingLogs: UInt64 = 250
    /// Dead servers are kept as voters rather than leave fewer than this; 0 sets no such limit.
    public var minQuorum = 0
    /// How long a new server must be healthy before it gets a vote, and a silent one silent before it counts as dead; 10 s.
    public var serverStabilizationTime = DurationText(.seconds(10))
    // Stored for clients that set them; they are of no effect.
    public var enableRedundancyZones = false
    public var disableUpgradeMigration = false
    public var enableCustomUpgrades = false
    public var createIndex: UInt64 = 0
    public var modifyIndex: UInt64 = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("CleanupDeadServers", &cleanupDeadServers)
        try visitor.field("LastContactThreshold", &lastContactThreshold)
        try visitor.field("MaxTrailingLogs", &maxTrailingLogs)
        try visitor.field("MinQuorum", &minQuorum)
        try visitor.field("ServerStabilizationTime", &serverStabilizationTime)
        try visitor.field("EnableRedundancyZones", &enableRedundancyZones)
        try visitor.field("DisableUpgradeMigration", &disableUpgradeMigration)
        try visitor.field("EnableCustomUpgrades", &enableCustomUpgrades)
        try visitor.field("CreateIndex", &createIndex)
        try visitor.field("ModifyIndex", &modifyIndex)
    }

    /// What is wrong with it, a sentence each.
    public var problems: [String] {
        var problems: [String] = []
        if lastContactThreshold.duration <= .zero { problems.append("LastContactThreshold must be above 0") }
        if serverStabilizationTime.duration < .zero { problems.append("ServerStabilizationTime must not be negative") }
        if minQuorum < 0 { problems.append("MinQuorum must not be negative") }
        return problems
    }
}
