public import Basics

/// One process, container or machine to run (Nomad docs: task). Named so because `Task` is the language's.
public struct JobTask: Document {
    public var name = ""
    public var driver = ""
    public var user = ""
    public var lifecycle: TaskLifecycle?
    /// Free form, checked against the driver's schema.
    public var config: JSON = .object(JSONObject())
    public var constraints: [Constraint] = []
    public var affinities: [Affinity] = []
    public var env: [String: String] = [:]
    public var services: [Service] = []
    public var resources: Resources?
    public var restartPolicy: RestartPolicy?
    public var meta: [String: String] = [:]
    /// Between the stop signal and the kill; nil means left out: 5 s.
    public var killTimeout: Duration?
    public var logConfig: LogConfig?
    public var artifacts: [TaskArtifact] = []
    public var vault: VaultBlock?
    public var consul: ConsulBlock?
    public var templates: [Template] = []
    public var dispatchPayload: DispatchPayloadConfig?
    public var volumeMounts: [VolumeMount] = []
    public var csiPluginConfig: JSON = .null
    public var leader = false
    public var shutdownDelay = Duration.zero
    public var killSignal = ""
    public var kind = ""
    public var scalingPolicies: [ScalingPolicy] = []
    public var secrets: [SecretRequest] = []
    public var identity: WorkloadIdentity?
    public var identities: [WorkloadIdentity] = []
    public var actions: [TaskAction] = []
    public var schedule: JSON = .null

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("Driver", &driver)
        try visitor.field("User", &user)
        try visitor.field("Lifecycle", &lifecycle)
        try visitor.field("Config", &config)
        try visitor.field("Constraints", &constraints)
        try visitor.field("Affinities", &affinities)
        try visitor.field("Env", &env)
        try visitor.field("Services", &services)
        try visitor.field("Resources", &resources)
        try visitor.field("RestartPolicy", &restartPolicy)
        try visitor.field("Meta", &meta)
        try visitor.field("KillTimeout", &killTimeout)
        try visitor.field("LogConfig", &logConfig)
        try visitor.field("Artifacts", &artifacts)
        try visitor.field("Vault", &vault)
        try visitor.field("Consul", &consul)
        try visitor.field("Templates", &templates)
        try visitor.field("DispatchPayload", &dispatchPayload)
        try visitor.field("VolumeMounts", &volumeMounts)
        try visitor.field("CSIPluginConfig", &csiPluginConfig)
        try visitor.field("Leader", &leader)
        try visitor.field("ShutdownDelay", &shutdownDelay)
        try visitor.field("KillSignal", &killSignal)
        try visitor.field("Kind", &kind)
        try visitor.field("ScalingPolicies", &scalingPolicies)
        try visitor.field("Secrets", &secrets)
        try visitor.field("Identity", &identity)
        try visitor.field("Identities", &identities)
        try visitor.field("Actions", &actions)
        try visitor.field("Schedule", &schedule)
    }
}

/// When a task runs relative to the group's main tasks.
public struct TaskLifecycle: Document {
    /// `prestart`, `poststart` or `poststop`.
    public var hook = ""
    public var sidecar = false

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Hook", &hook)
        try visitor.field("Sidecar", &sidecar)
    }
}

/// Rotation of a task's output files.
public struct LogConfig: Document {
    public var maxFiles: Int?
    public var maxFileSizeMB: Int?
    public var enabled: Bool?
    public var disabled: Bool?

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("MaxFiles", &maxFiles)
        try visitor.field("MaxFileSizeMB", &maxFileSizeMB)
        try visitor.field("Enabled", &enabled)
        try visitor.field("Disabled", &disabled)
    }
}

/// A file or archive fetched before the task starts.
public struct TaskArtifact: Document {
    public var getterSource = ""
    public var getterOptions: [String: String] = [:]
    public var getterHeaders: [String: String] = [:]
    public var getterMode = ""
    public var getterInsecure = false
    public var relativeDest = ""
    public var chown = false

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("GetterSource", &getterSource)
        try visitor.field("GetterOptions", &getterOptions)
        try visitor.field("GetterHeaders", &getterHeaders)
        try visitor.field("GetterMode", &getterMode)
        try visitor.field("GetterInsecure", &getterInsecure)
        try visitor.field("RelativeDest", &relativeDest)
        try visitor.field("Chown", &chown)
    }
}

/// Vault settings, stored for later.
public struct VaultBlock: Document {
    public var policies: [String] = []
    public var role = ""
    public var namespace = ""
    public var cluster = ""
    public var env: Bool?
    public var disableFile: Bool?
    public var changeMode = ""
    public var changeSignal = ""
    public var allowTokenExpiration = false

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Policies", &policies)
        try visitor.field("Role", &role)
        try visitor.field("Namespace", &namespace)
        try visitor.field("Cluster", &cluster)
        try visitor.field("Env", &env)
        try visitor.field("DisableFile", &disableFile)
        try visitor.field("ChangeMode", &changeMode)
        try visitor.field("ChangeSignal", &changeSignal)
        try visitor.field("AllowTokenExpiration", &allowTokenExpiration)
    }
}

/// Where a dispatch payload is written.
public struct DispatchPayloadConfig: Document {
    public var file = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("File", &file)
    }
}

/// Where a task sees one of its group's volumes.
public struct VolumeMount: Document {
    public var volume = ""
    public var destination = ""
    public var readOnly = false
    public var propagationMode = ""
    public var selinuxLabel = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Volume", &volume)
        try visitor.field("Destination", &destination)
        try visitor.field("ReadOnly", &readOnly)
        try visitor.field("PropagationMode", &propagationMode)
        try visitor.field("SELinuxLabel", &selinuxLabel)
    }
}

/// A secret fetched for a task.
public struct SecretRequest: Document {
    public var name = ""
    public var provider = ""
    public var path = ""
    public var config: JSON = .null
    public var env: [String: String] = [:]

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("Provider", &provider)
        try visitor.field("Path", &path)
        try visitor.field("Config", &config)
        try visitor.field("Env", &env)
    }
}

/// A signed token for a task or service.
public struct WorkloadIdentity: Document {
    public var name = ""
    public var audience: [String] = []
    public var changeMode = ""
    public var changeSignal = ""
    public var env = false
    public var file = false
    public var filepath = ""
    public var serviceName = ""
    public var ttl = Duration.zero
    public var extraClaims: [String: String] = [:]

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("Audience", &audience)
        try visitor.field("ChangeMode", &changeMode)
        try visitor.field("ChangeSignal", &changeSignal)
        try visitor.field("Env", &env)
        try visitor.field("File", &file)
        try visitor.field("Filepath", &filepath)
        try visitor.field("ServiceName", &serviceName)
        try visitor.field("TTL", &ttl)
        try visitor.field("ExtraClaims", &extraClaims)
    }
}

/// A named command to run in a task.
public struct TaskAction: Document {
    public var name = ""
    public var command = ""
    public var args: [String] = []

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("Command", &command)
        try visitor.field("Args", &args)
    }
}
