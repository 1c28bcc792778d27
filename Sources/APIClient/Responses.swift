public import Basics
public import Model

/// The answer to a write of a job.
public struct JobRegisterResponse: Document {
    /// Empty when the write needs no evaluation, as for a periodic job.
    public var evalID = ID.none
    public var evalCreateIndex: UInt64 = 0
    public var jobModifyIndex: UInt64 = 0
    public var warnings = ""
    /// Where it was placed, if that was asked for.
    public var placement: PlacementReport?

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("EvalID", &evalID)
        try visitor.field("EvalCreateIndex", &evalCreateIndex)
        try visitor.field("JobModifyIndex", &jobModifyIndex)
        try visitor.field("Warnings", &warnings)
        try visitor.field("Placement", &placement)
    }
}

/// The answer to a dispatch of a parameterized job.
public struct JobDispatchResponse: Document {
    public var dispatchedJobID = ""
    /// Empty for an instance that was dispatched before.
    public var evalID = ID.none
    public var evalCreateIndex: UInt64 = 0
    public var jobCreateIndex: UInt64 = 0
    /// Where it was placed, if that was asked for.
    public var placement: PlacementReport?

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("DispatchedJobID", &dispatchedJobID)
        try visitor.field("EvalID", &evalID)
        try visitor.field("EvalCreateIndex", &evalCreateIndex)
        try visitor.field("JobCreateIndex", &jobCreateIndex)
        try visitor.field("Placement", &placement)
    }
}

/// What a registration would do.
public struct JobPlanResponse: Document {
    /// For `-check-index`: the job's present index, 0 when it is new.
    public var jobModifyIndex: UInt64 = 0
    public var createdEvals: [Evaluation] = []
    /// A JobDiff object.
    public var diff = JSON.null
    /// A PlanAnnotations object.
    public var annotations = JSON.null
    public var failedTGAllocs: [String: AllocationMetric] = [:]
    public var nextPeriodicLaunch = TimeText()
    public var warnings = ""
    /// How instances would be placed and why.
    public var placement = PlacementExplanation()

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Placement", &placement)
        try visitor.field("JobModifyIndex", &jobModifyIndex)
        try visitor.field("CreatedEvals", &createdEvals)
        try visitor.field("Diff", &diff)
        try visitor.field("Annotations", &annotations)
        try visitor.field("FailedTGAllocs", &failedTGAllocs)
        try visitor.field("NextPeriodicLaunch", &nextPeriodicLaunch)
        try visitor.field("Warnings", &warnings)
    }
}

/// What is wrong with a job.
public struct JobValidateResponse: Document {
    public var driverConfigValidated = false
    public var validationErrors: [String] = []
    public var error = ""
    public var warnings = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("DriverConfigValidated", &driverConfigValidated)
        try visitor.field("ValidationErrors", &validationErrors)
        try visitor.field("Error", &error)
        try visitor.field("Warnings", &warnings)
    }
}

/// The cluster's scheduler configuration.
public struct SchedulerConfigurationResponse: Document {
    public var schedulerConfig = SchedulerConfiguration()

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("SchedulerConfig", &schedulerConfig)
    }
}

/// Whether a configuration was stored.
public struct SetSchedulerConfigurationResponse: Document {
    /// False when check-and-set found another index.
    public var updated = false

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Updated", &updated)
    }
}

/// How joining the gossip pool went.
public struct PoolJoinResponse: Document {
    /// Addresses that answered.
    public var joined = 0
    /// Why others did not.
    public var error = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("num_joined", &joined)
        try visitor.field("error", &error)
    }
}

/// What the members of the gossip pool said of their keys.
public struct KeyringResponse: Document {
    /// What members had to say, by name.
    public var messages: [String: String] = [:]
    /// How many members hold each key.
    public var keys: [String: Int] = [:]
    /// Members asked.
    public var members = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Messages", &messages)
        try visitor.field("Keys", &keys)
        try visitor.field("NumNodes", &members)
    }
}

/// The servers an agent knows.
public struct MembersResponse: Document {
    public var serverName = ""
    public var serverRegion = ""
    public var serverDC = ""
    public var members: [AgentMember] = []

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ServerName", &serverName)
        try visitor.field("ServerRegion", &serverRegion)
        try visitor.field("ServerDC", &serverDC)
        try visitor.field("Members", &members)
    }
}

/// A server in the gossip pool.
public struct AgentMember: Document {
    public var name = ""
    public var addr = ""
    public var port = 0
    /// `region`, `dc`, `build`, `port` (RPC), `raft_vsn` ...
    public var tags: [String: String] = [:]
    /// `alive`, `leaving`, `left` or `failed`.
    public var status = ""
    /// The gossip protocol it speaks.
    public var protocolCur = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("Addr", &addr)
        try visitor.field("Port", &port)
        try visitor.field("Tags", &tags)
        try visitor.field("Status", &status)
        try visitor.field("ProtocolCur", &protocolCur)
    }
}

/// The servers of the Raft group.
public struct RaftConfiguration: Document {
    public var servers: [RaftServer] = []
    public var index: UInt64 = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Servers", &servers)
        try visitor.field("Index", &index)
    }
}

/// A server of the Raft group.
public struct RaftServer: Document {
    public var id = ""
    /// Its name in the pool.
    public var node = ""
    public var address = ""
    public var leader = false
    public var voter = false
    public var raftProtocol = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ID", &id)
        try visitor.field("Node", &node)
        try visitor.field("Address", &address)
        try visitor.field("Leader", &leader)
        try visitor.field("Voter", &voter)
        try visitor.field("RaftProtocol", &raftProtocol)
    }
}

/// A plug-in of an agent, as `/v1/agent/plugins` lists it.
public struct PluginStatus: Document {
    public var name = ""
    /// driver, scheduler, scorer, fingerprint or device.
    public var kind = ""
    public var file = ""
    public var version = ""
    public var abi = ""
    /// process or agent.
    public var isolation = ""
    /// running, restarting, quarantined ...
    public var state = ""
    /// Of the host process; 0 in the agent.
    public var pid = 0
    public var restarts = 0
    /// Why it is quarantined; else empty.
    public var reason = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("Kind", &kind)
        try visitor.field("File", &file)
        try visitor.field("Version", &version)
        try visitor.field("ABI", &abi)
        try visitor.field("Isolation", &isolation)
        try visitor.field("State", &state)
        try visitor.field("PID", &pid)
        try visitor.field("Restarts", &restarts)
        try visitor.field("Reason", &reason)
    }
}

/// A file of an allocation.
public struct AllocationFile: Document {
    public var name = ""
    public var isDir = false
    public var size: Int64 = 0
    public var fileMode = ""
    public var modTime = TimeText()
    public var contentType = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("IsDir", &isDir)
        try visitor.field("Size", &size)
        try visitor.field("FileMode", &fileMode)
        try visitor.field("ModTime", &modTime)
        try visitor.field("ContentType", &contentType)
    }
}
