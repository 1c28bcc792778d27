internal import DroverSDK

/// The operator's configuration of `docker`; keys as in Nomad's documentation of its docker driver.
struct DockerSettings: Sendable {
    let endpoint: Endpoint
    let tls: TLSFiles?
    let registries: RegistrySettings
    let extraLabels: [String]
    let collectsLogs: Bool
    let allowsPrivileged: Bool
    /// What jobs may have, in upper case without "CAP_".
    let allowedCapabilities: Set<String>
    let allowedRuntimes: Set<String>
    let nvidiaRuntime: String
    let allowedModes: [NamespaceKind: Set<String>]
    /// The image of the container that holds a group's network: one that does nothing but wait.
    let infraImage: String
    let infraPullNanoseconds: Int64
    #if arch(arm64)
        static let usualInfraImage = "registry.k8s.io/pause-arm64:3.3"
    #else
        static let usualInfraImage = "registry.k8s.io/pause-amd64:3.3"
    #endif
    let pullTimeoutSeconds: Int64
    let pullActivitySeconds: Int64
    let nameAttempts: Int64
    let oomScoreAdjustment: Int64
    /// Processes and threads a task; 0: any number.
    let processesMax: Int64
    /// The logging driver of tasks that name none, with its options.
    let logging: LoggingChoice
    let collection: Collection
    let volumes: Volumes

    struct TLSFiles: Equatable, Sendable {
        var authority: String
        var certificate: String
        var key: String
    }

    struct LoggingChoice: Equatable, Sendable {
        var driver: String
        var options: [String: String]

        /// Two files of two megabytes: the plug-in has copied older output into the task's own log files.
        static let usual = LoggingChoice(driver: "json-file", options: ["max-file": "2", "max-size": "2m"])
    }

    /// What is removed when it is no longer used.
    struct Collection: Equatable, Sendable {
        var removesImages: Bool
        var imageDelayNanoseconds: Int64
        var removesContainers: Bool
        var removesOrphans: Bool
        var orphanPeriodNanoseconds: Int64
        var orphanGraceNanoseconds: Int64
        var onlyTellsOfOrphans: Bool
    }

    struct Volumes: Equatable, Sendable {
        /// Whether jobs may mount host paths from outside their allocation's folder.
        var areEnabled: Bool
        /// "z" or "Z", for hosts with SELinux; "" adds none.
        var label: String
    }

    /// - Throws: ``PluginError`` naming the key that is wrong.
    init(_ config: JSON) throws(PluginError) {
        let second: Int64 = 1_000_000_000
        endpoint = try Endpoint(config.text("endpoint", otherwise: Endpoint.usual))
        tls = try DockerSettings.tls(config["tls"] ?? .object([:]))
        registries = try RegistrySettings(config["auth"] ?? .object([:]))
        extraLabels = try config.texts("extra_labels")
        collectsLogs = !(try config.flag("disable_log_collection"))
        allowsPrivileged = try config.flag("allow_privileged")
        allowedCapabilities =
            config["allow_caps"] == nil
            ? CapabilityNames.usual : CapabilityNames.set(try config.texts("allow_caps"))
        let runtimes = try config.texts("allow_runtimes")
        allowedRuntimes = config["allow_runtimes"] == nil ? ["runc", "nvidia"] : Set(runtimes)
        nvidiaRuntime = try config.text("nvidia_runtime", otherwise: "nvidia")
        allowedModes = try DockerSettings.modes(config["allowed_modes"] ?? .object([:]))
        pullTimeoutSeconds = try config.nanoseconds("image_pull_timeout", otherwise: 300 * second) / second
        pullActivitySeconds = try config.nanoseconds("pull_activity_timeout", otherwise: 120 * second) / second
        infraImage = try config.text("infra_image", otherwise: DockerSettings.usualInfraImage)
        infraPullNanoseconds = try config.nanoseconds("infra_image_pull_timeout", otherwise: 300 * second)
        nameAttempts = try config.int("container_exists_attempts", in: 1...1_000, otherwise: 5)
        oomScoreAdjustment = try config.int("oom_score_adj", in: -1_000...1_000)
        processesMax = try config.int("pids_limit", in: 0...(1 << 22))
        logging = try LoggingChoice(config["logging"]) ?? .usual
        collection = try Collection(config["gc"] ?? .object([:]))
        let volumes = config["volumes"] ?? .object([:])
        self.volumes = Volumes(areEnabled: try volumes.flag("enabled"), label: try volumes.text("selinuxlabel"))
    }

    private static func tls(_ config: JSON) throws(PluginError) -> TLSFiles? {
        let files = TLSFiles(
            authority: try config.text("ca"), certificate: try config.text("cert"), key: try config.text("key"))
        guard files != TLSFiles(authority: "", certificate: "", key: "") else { return nil }
        guard files.certificate.isEmpty == files.key.isEmpty else {
            throw PluginError(.invalid, "\"tls\": \"cert\" and \"key\" go together")
        }
        return files
    }

    private static func modes(_ config: JSON) throws(PluginError) -> [NamespaceKind: Set<String>] {
        var modes: [NamespaceKind: Set<String>] = [:]
        for kind in NamespaceKind.allCases where config[kind.rawValue] != nil {
            modes[kind] = Set(try config.texts(kind.rawValue))
        }
        return modes
    }
}

/// Namespaces that a container may share, by their names in "allowed_modes".
enum NamespaceKind: String, CaseIterable, Sendable {
    case pid
    case ipc
    case userns
    case uts
}

extension DockerSettings.LoggingChoice {
    /// A block `logging`; `nil` when it names no driver.
    init?(_ block: JSON?) throws(PluginError) {
        guard let block else { return nil }
        let type = try block.text("type")
        let driver = try type.isEmpty ? block.text("driver") : type
        let options = (block["config"]?.object ?? [:]).compactMapValues(\.string)
        guard !driver.isEmpty || !options.isEmpty else { return nil }
        self.init(driver: driver.isEmpty ? "json-file" : driver, options: options)
    }
}

extension DockerSettings.Collection {
    /// The block `gc`.
    init(_ block: JSON) throws(PluginError) {
        let minute: Int64 = 60_000_000_000
        let orphans = block["dangling_containers"] ?? .object([:])
        self.init(
            removesImages: try block.flag("image", otherwise: true),
            imageDelayNanoseconds: try block.nanoseconds("image_delay", otherwise: 3 * minute),
            removesContainers: try block.flag("container", otherwise: true),
            removesOrphans: try orphans.flag("enabled", otherwise: true),
            orphanPeriodNanoseconds: try orphans.nanoseconds("period", otherwise: 5 * minute),
            orphanGraceNanoseconds: try orphans.nanoseconds("creation_grace", otherwise: 5 * minute),
            onlyTellsOfOrphans: try orphans.flag("dry_run"))
        guard orphanPeriodNanoseconds > 0 else {
            throw PluginError(.invalid, "\"gc.dangling_containers.period\" must be longer than 0")
        }
    }
}

/// Capabilities as the engine writes them: in upper case, without "CAP_".
enum CapabilityNames {
    /// What containers have unless told otherwise (Docker docs: runtime privilege and Linux capabilities).
    static let engine: Set<String> = [
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW",
        "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    ]
    /// What an operator who says nothing lets jobs have (Nomad docs: allow_caps): without forged packets.
    static let usual = engine.subtracting(["NET_RAW"])

    static func set(_ names: [String]) -> Set<String> {
        Set(
            names.map { name in
                let upper = name.uppercased()
                return upper.hasPrefix("CAP_") ? String(upper.dropFirst(4)) : upper
            })
    }
}
