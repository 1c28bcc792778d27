/// The `client` block.
package struct ClientBlock: Sendable {
    package var isEnabled = false
    /// Empty means `<data_dir>/client`.
    package var stateDirectory = ""
    /// Empty means `<data_dir>/alloc`.
    package var allocDirectory = ""
    package var allocMountsDirectory = ""
    package var hostVolumesDirectory = ""
    package var hostVolumePluginDirectory = ""
    package var commonPluginDirectory = ""
    /// Servers to register with, host or host:port.
    package var servers: [String] = []
    package var nodeClass = ""
    package var nodePool = "default"
    /// The older free map: `driver.allowlist`, `fingerprint.denylist`, …
    package var options: [String: String] = [:]
    package var meta: [String: String] = [:]
    /// Host path by path in the task's root, for the `exec` driver; empty means the built-in set.
    package var chrootEnv: [String: String] = [:]
    package var networkInterface = ""
    package var preferredAddressFamily = ""
    /// Mbit/s; 0 means found by the fingerprint.
    package var networkSpeed = 0
    package var cpuDisableDmidecode = false
    /// MHz; 0 means found by the fingerprint.
    package var cpuTotalCompute = 0
    package var memoryTotalMB = 0
    package var diskTotalMB = 0
    package var diskFreeMB = 0
    /// Processor numbers that tasks may reserve, such as `0-3,7`; empty means all.
    package var reservableCores = ""
    package var killTimeoutMax = Duration.seconds(30)
    package var clientMinPort = 14_000
    package var clientMaxPort = 14_512
    package var dynamicPortMin = 20_000
    package var dynamicPortMax = 32_000
    package var reserved = ReservedResources()
    package var gcInterval = Duration.seconds(60)
    package var gcParallelDestroys = 2
    /// Percent of the disk in use above which finished allocations are removed.
    package var gcDiskUsageThreshold = 80.0
    package var gcInodeUsageThreshold = 70.0
    /// Allocations on the node above which finished ones are removed.
    package var gcAllocsMax = 50
    package var gcVolumesOnNodeGC = false
    package var noHostUUID = true
    package var disableRemoteExec = false
    package var template = TemplateBlock()
    package var join = JoinBlock()
    package var hostVolumes: [String: HostVolumeBlock] = [:]
    package var hostNetworks: [String: HostNetworkBlock] = [:]
    package var cniPath = "/opt/cni/bin"
    package var cniConfigDirectory = "/opt/cni/config"
    package var bridgeNetworkName = "nomad"
    package var bridgeNetworkSubnet = "172.26.64.0/20"
    package var bridgeNetworkSubnetIPv6 = ""
    package var bridgeNetworkHairpinMode = false
    package var bindWildcardDefaultHostNetwork = true
    package var cgroupParent = ""
    package var serviceDiscovery = true
    package var artifact = ArtifactBlock()
    /// Nil leaves allocations running when the agent stops.
    package var drainOnShutdown: DrainOnShutdown?
    package var dynamicUserMin = 80_000
    package var dynamicUserMax = 89_999
    /// Most allocations on the node; 0 is no limit.
    package var allocsMax = 0
    package var isIneligibleAtFirst = false
    /// Retries of cloud fingerprints by name.
    package var fingerprints: [String: FingerprintRetry] = [:]
}

/// Resources kept back from tasks.
package struct ReservedResources: Sendable, Equatable {
    package var cpu = 0
    package var memory = 0
    package var disk = 0
    /// Port numbers and ranges, such as `22,80,8500-8600`.
    package var reservedPorts = ""
    /// Processor numbers, such as `0-1`.
    package var cores = ""
}

package struct HostVolumeBlock: Sendable, Equatable {
    package var path = ""
    package var isReadOnly = false
}

package struct HostNetworkBlock: Sendable, Equatable {
    package var cidr = ""
    package var interface = ""
    package var reservedPorts = ""
}

package struct FingerprintRetry: Sendable, Equatable {
    package var interval = Duration.seconds(2)
    package var attempts = 0
    package var exitOnFailure = false
}

/// `drain_on_shutdown`: allocations are moved away before the agent ends.
package struct DrainOnShutdown: Sendable, Equatable {
    package var deadline = Duration.seconds(3600)
    package var ignoreSystemJobs = false
    package var force = false
}

/// `client.template`
package struct TemplateBlock: Sendable, Equatable {
    package var functionDenylist = ["plugin", "writeToFile"]
    package var disableFileSandbox = false
    package var staleMax = Duration.seconds(87_600 * 3600)
    package var blockQueryWait = Duration.seconds(300)
    package var wait = WaitBounds(min: .seconds(5), max: .seconds(240))
    package var waitBounds: WaitBounds?
    package var consulRetry = TemplateRetry()
    package var vaultRetry = TemplateRetry()
    package var nomadRetry = TemplateRetry()
    package var vaultDefaultLeaseDuration = Duration.seconds(300)
    package var useClientConsulToken = false
}

package struct WaitBounds: Sendable, Equatable {
    package var min = Duration.zero
    package var max = Duration.zero
}

package struct TemplateRetry: Sendable, Equatable {
    package var attempts = 12
    package var backoff = Duration.milliseconds(250)
    package var backoffMax = Duration.seconds(60)
}

/// `client.artifact`: bounds of what artifacts may cost.
package struct ArtifactBlock: Sendable, Equatable {
    package var httpReadTimeout = Duration.seconds(1800)
    /// With a unit, such as `100GB`.
    package var httpSizeMax = "100GB"
    package var gcsTimeout = Duration.seconds(1800)
    package var gitTimeout = Duration.seconds(1800)
    package var hgTimeout = Duration.seconds(1800)
    package var s3Timeout = Duration.seconds(1800)
    package var decompressionFileCountLimit = 4096
    package var decompressionSizeLimit = "100GB"
    package var disableArtifactInspection = false
    package var disableFilesystemIsolation = false
    package var filesystemIsolationExtraPaths: [String] = []
    package var setEnvironmentVariables = ""
}
