public import Basics

/// What a user wants to run: the root of the job specification (Nomad docs: job).
///
/// Fields are in the API's form; ``canonicalized()`` fills what was left out. Optional fields tell "left out" from zero.
public struct Job: Document {
    public var region = ""
    public var namespace = ""
    public var id = ""
    public var name = ""
    public var type = JobType("")
    /// 1...100; higher goes first. Zero means left out: 50.
    public var priority = 0
    public var allAtOnce = false
    /// Datacenter globs.
    public var datacenters: [String] = []
    public var nodePool = ""
    public var constraints: [Constraint] = []
    public var affinities: [Affinity] = []
    public var spreads: [Spread] = []
    public var taskGroups: [TaskGroup] = []
    public var update: UpdateStrategy?
    public var multiregion: JSON = .null
    public var periodic: PeriodicConfig?
    public var parameterizedJob: ParameterizedJobConfig?
    public var reschedule: ReschedulePolicy?
    public var migrate: MigrateStrategy?
    public var meta: [String: String] = [:]
    public var ui: JobUIConfig?
    public var stop = false
    public var parentID = ""
    public var dispatched = false
    public var dispatchIdempotencyToken = ""
    /// Base64 text of a dispatch payload.
    public var payload: String?
    public var consulNamespace = ""
    public var vaultNamespace = ""
    public var status = JobStatus.pending
    public var statusDescription = ""
    public var stable = false
    public var version: UInt64 = 0
    public var submitTime = Timestamp.never
    public var versionTag: JobVersionTag?
    public var createIndex: UInt64 = 0
    public var modifyIndex: UInt64 = 0
    /// Raft index of the last registration: what check-and-set compares.
    public var jobModifyIndex: UInt64 = 0

    public init() {}

    /// Tokens that clients of the API leave with a job; there is nobody here to whom they would be shown.
    public static var ignoredFieldNames: [String] { ["ConsulToken", "VaultToken", "NomadTokenID"] }

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Region", &region)
        try visitor.field("Namespace", &namespace)
        try visitor.field("ID", &id)
        try visitor.field("Name", &name)
        try visitor.field("Type", &type)
        try visitor.field("Priority", &priority)
        try visitor.field("AllAtOnce", &allAtOnce)
        try visitor.field("Datacenters", &datacenters)
        try visitor.field("NodePool", &nodePool)
        try visitor.field("Constraints", &constraints)
        try visitor.field("Affinities", &affinities)
        try visitor.field("Spreads", &spreads)
        try visitor.field("TaskGroups", &taskGroups)
        try visitor.field("Update", &update)
        try visitor.field("Multiregion", &multiregion)
        try visitor.field("Periodic", &periodic)
        try visitor.field("ParameterizedJob", &parameterizedJob)
        try visitor.field("Reschedule", &reschedule)
        try visitor.field("Migrate", &migrate)
        try visitor.field("Meta", &meta)
        try visitor.field("UI", &ui)
        try visitServerFields(&visitor)
    }

    /// Fields the servers keep; a user's values for them are ignored at registration.
    private mutating func visitServerFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Stop", &stop)
        try visitor.field("ParentID", &parentID)
        try visitor.field("Dispatched", &dispatched)
        try visitor.field("DispatchIdempotencyToken", &dispatchIdempotencyToken)
        try visitor.field("Payload", &payload)
        try visitor.field("ConsulNamespace", &consulNamespace)
        try visitor.field("VaultNamespace", &vaultNamespace)
        try visitor.field("Status", &status)
        try visitor.field("StatusDescription", &statusDescription)
        try visitor.field("Stable", &stable)
        try visitor.field("Version", &version)
        try visitor.field("SubmitTime", &submitTime)
        try visitor.field("VersionTag", &versionTag)
        try visitor.field("CreateIndex", &createIndex)
        try visitor.field("ModifyIndex", &modifyIndex)
        try visitor.field("JobModifyIndex", &jobModifyIndex)
    }
}

extension Job {
    /// The group of that name, or nil.
    public func taskGroup(_ name: String) -> TaskGroup? { taskGroups.first { $0.name == name } }
}

/// How a job's work is placed and ended; an open set, as a plug-in may bring another.
public struct JobType: RawRepresentable, Hashable, JSONForm, CustomStringConvertible {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }

    public init(_ text: String) { rawValue = text }

    public static let service = JobType("service")
    public static let batch = JobType("batch")
    /// One instance of each group on every feasible node.
    public static let system = JobType("system")
    /// Like ``system``, but each instance runs to its end.
    public static let sysbatch = JobType("sysbatch")
    /// Evaluations of the servers' own housekeeping.
    public static let core = JobType("_core")

    public static let all: [JobType] = [.service, .batch, .system, .sysbatch]

    public var isEachNode: Bool { self == .system || self == .sysbatch }
    public var runsToCompletion: Bool { self == .batch || self == .sysbatch }
    public var description: String { rawValue }
}

public enum JobStatus: String, JSONForm {
    /// No allocation yet, or an evaluation waits.
    case pending
    /// Some allocation is not terminal, or the job is periodic or parameterized.
    case running
    /// Stopped, or all work has ended.
    case dead
}

public struct JobVersionTag: Document {
    public var name = ""
    public var description = ""
    public var taggedTime = Timestamp.never

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("Description", &description)
        try visitor.field("TaggedTime", &taggedTime)
    }
}

/// When a periodic job runs.
public struct PeriodicConfig: Document {
    public var enabled: Bool?
    public var spec = ""
    public var specs: [String] = []
    public var specType = ""
    public var prohibitOverlap = false
    public var timeZone = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Enabled", &enabled)
        try visitor.field("Spec", &spec)
        try visitor.field("Specs", &specs)
        try visitor.field("SpecType", &specType)
        try visitor.field("ProhibitOverlap", &prohibitOverlap)
        try visitor.field("TimeZone", &timeZone)
    }
}

/// What a dispatch of a parameterized job must bring.
public struct ParameterizedJobConfig: Document {
    /// `optional`, `required` or `forbidden`.
    public var payload = ""
    public var metaRequired: [String] = []
    public var metaOptional: [String] = []

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Payload", &payload)
        try visitor.field("MetaRequired", &metaRequired)
        try visitor.field("MetaOptional", &metaOptional)
    }
}

public struct JobUIConfig: Document {
    public var description = ""
    public var links: [JobUILink] = []

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Description", &description)
        try visitor.field("Links", &links)
    }
}

public struct JobUILink: Document {
    public var label = ""
    public var url = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Label", &label)
        try visitor.field("Url", &url)
    }
}
