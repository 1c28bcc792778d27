package import Model

/// How a client is set up; the agent fills it from its configuration files.
package struct ClientConfiguration: Sendable {
    /// Absolute; holds `client-id`, `secret-id` and `state.db`.
    package var stateFolder: String
    /// Absolute; one sub-folder an allocation.
    package var allocationFolder: String
    package var region = "global"
    package var datacenter = "dc1"
    /// Default: the host's name, from the attribute `unique.hostname`.
    package var name = ""
    package var nodeClass = ""
    package var nodePool = "default"
    package var meta: [String: String] = [:]
    /// The string map `client.options`, handed to fingerprinters.
    package var options: [String: String] = [:]
    /// Shown to other agents.
    package var httpAddress = ""
    package var usesTLS = false
    package var reserved = NodeReservedResources()
    package var hostVolumes: [String: HostVolumeInfo] = [:]
    package var hostNetworks: [String: HostNetworkInfo] = [:]
    package var cgroupParent = "drover"
    /// No task's kill_timeout is longer; 30 s.
    package var maxKillTimeout = Duration.seconds(30)
    /// Dynamic ports the servers may assign on this node.
    package var minDynamicPort = 20_000
    package var maxDynamicPort = 32_000
    /// Ended allocations kept for their logs; beyond it the oldest go. 50.
    package var endedAllocationsMax = 50
    /// How often ended allocations are looked through; 1 min.
    package var collectInterval = Duration.seconds(60)
    /// How long after the drivers' first load what is to be taken away waits for one that is not there.
    package var driverWait = Duration.seconds(60)
    /// Use of the allocation folder's disk, in percent, above which ended allocations go early; 80.
    package var diskUsageMax = 80.0
    /// Total compute in MHz, memory and disk in MiB: replace what fingerprinters found, when above 0.
    package var cpuTotalCompute: Int64 = 0
    package var memoryTotalMB: Int64 = 0
    package var diskTotalMB: Int64 = 0
    /// Mbit/s of every network: replaces what fingerprinters found, when above 0.
    package var networkSpeed = 0
    /// At most this many allocations; 0: no limit.
    package var nodeMaxAllocs = 0
    /// Added to the fingerprinted attributes, such as `nomad.version`; win over them.
    package var attributes: [String: String] = [:]
    /// Variables of the agent that tasks inherit, without those of `env.denylist`.
    package var inheritedEnvironment: [String: String] = [:]
    /// Users no task may run as: the option `user.denylist`.
    package var deniedUsers: [String] = []
    /// Folders of CNI plug-ins; the first that has a plug-in counts.
    package var cniFolders = ["/opt/cni/bin"]
    /// The folder of the networks of `mode = "cni/NAME"`.
    package var cniConfigurationFolder = "/opt/cni/config"
    package var bridge = BridgeSettings()
    /// When set, only these drivers are offered: `driver.allowlist`.
    package var allowedDrivers: [String] = []
    package var deniedDrivers: [String] = []

    package init(stateFolder: String, allocationFolder: String) {
        self.stateFolder = stateFolder
        self.allocationFolder = allocationFolder
    }

    /// Names left out of ``inheritedEnvironment`` unless `env.denylist` says otherwise (Nomad docs: client options).
    package static let deniedVariables = [
        "CONSUL_TOKEN", "CONSUL_HTTP_TOKEN", "CONSUL_HTTP_TOKEN_FILE", "VAULT_TOKEN", "NOMAD_LICENSE",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_METADATA_URL",
        "GOOGLE_APPLICATION_CREDENTIALS", "DROVER_TOKEN", "NOMAD_TOKEN",
    ]
}
