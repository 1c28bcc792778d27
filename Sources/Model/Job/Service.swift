public import Basics

/// A service a group or task offers.
public struct Service: Document {
    public var name = ""
    public var tags: [String] = []
    public var canaryTags: [String] = []
    public var enableTagOverride = false
    public var portLabel = ""
    public var addressMode = ""
    public var address = ""
    public var checks: [ServiceCheck] = []
    public var checkRestart: CheckRestart?
    /// Consul Connect, stored for later.
    public var connect: JSON = .null
    public var meta: [String: String] = [:]
    public var canaryMeta: [String: String] = [:]
    public var taggedAddresses: [String: String] = [:]
    public var taskName = ""
    public var onUpdate = ""
    public var identity: WorkloadIdentity?
    public var weights: JSON = .null
    public var provider = ""
    public var cluster = ""
    public var kind = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("Tags", &tags)
        try visitor.field("CanaryTags", &canaryTags)
        try visitor.field("EnableTagOverride", &enableTagOverride)
        try visitor.field("PortLabel", &portLabel)
        try visitor.field("AddressMode", &addressMode)
        try visitor.field("Address", &address)
        try visitor.field("Checks", &checks)
        try visitor.field("CheckRestart", &checkRestart)
        try visitor.field("Connect", &connect)
        try visitor.field("Meta", &meta)
        try visitor.field("CanaryMeta", &canaryMeta)
        try visitor.field("TaggedAddresses", &taggedAddresses)
        try visitor.field("TaskName", &taskName)
        try visitor.field("OnUpdate", &onUpdate)
        try visitor.field("Identity", &identity)
        try visitor.field("Weights", &weights)
        try visitor.field("Provider", &provider)
        try visitor.field("Cluster", &cluster)
        try visitor.field("Kind", &kind)
    }
}

/// A health check of a service.
public struct ServiceCheck: Document {
    public var name = ""
    public var type = ""
    public var command = ""
    public var args: [String] = []
    public var path = ""
    public var protocolName = ""
    public var portLabel = ""
    public var expose = false
    public var addressMode = ""
    public var advertise = ""
    public var interval = Duration.zero
    public var timeout = Duration.zero
    public var initialStatus = ""
    public var notes = ""
    public var tlsServerName = ""
    public var tlsSkipVerify = false
    public var header: [String: [String]] = [:]
    public var method = ""
    public var checkRestart: CheckRestart?
    public var grpcService = ""
    public var grpcUseTLS = false
    public var taskName = ""
    public var successBeforePassing = 0
    public var failuresBeforeCritical = 0
    public var failuresBeforeWarning = 0
    public var body = ""
    public var onUpdate = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("Type", &type)
        try visitor.field("Command", &command)
        try visitor.field("Args", &args)
        try visitor.field("Path", &path)
        try visitor.field("Protocol", &protocolName)
        try visitor.field("PortLabel", &portLabel)
        try visitor.field("Expose", &expose)
        try visitor.field("AddressMode", &addressMode)
        try visitor.field("Advertise", &advertise)
        try visitor.field("Interval", &interval)
        try visitor.field("Timeout", &timeout)
        try visitor.field("InitialStatus", &initialStatus)
        try visitor.field("Notes", &notes)
        try visitor.field("TLSServerName", &tlsServerName)
        try visitor.field("TLSSkipVerify", &tlsSkipVerify)
        try visitor.field("Header", &header)
        try visitor.field("Method", &method)
        try visitor.field("CheckRestart", &checkRestart)
        try visitor.field("GRPCService", &grpcService)
        try visitor.field("GRPCUseTLS", &grpcUseTLS)
        try visitor.field("TaskName", &taskName)
        try visitor.field("SuccessBeforePassing", &successBeforePassing)
        try visitor.field("FailuresBeforeCritical", &failuresBeforeCritical)
        try visitor.field("FailuresBeforeWarning", &failuresBeforeWarning)
        try visitor.field("Body", &body)
        try visitor.field("OnUpdate", &onUpdate)
    }
}

/// When failing checks restart a task.
public struct CheckRestart: Document {
    public var limit = 0
    public var grace: Duration?
    public var ignoreWarnings = false

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Limit", &limit)
        try visitor.field("Grace", &grace)
        try visitor.field("IgnoreWarnings", &ignoreWarnings)
    }
}
