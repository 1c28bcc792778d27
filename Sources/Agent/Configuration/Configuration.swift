package import Basics

/// How one agent is set up: every key of the agent configuration files, typed, with its default.
///
/// Files and folders are applied in order by ``apply(_:)``; what a file sets wins over what came before. Command-line
/// flags come last: the caller assigns the properties. Source: Nomad docs, agent configuration.
package struct Configuration: Sendable {
    package var region = "global"
    package var datacenter = "dc1"
    /// Name of this agent; empty means the host name.
    package var name = ""
    /// Absolute path of the folder for everything that must survive; required except in development mode.
    package var dataDirectory = ""
    /// Where plug-ins are looked for beside those that come with the executable; empty means `<data_dir>/plugins`.
    package var pluginDirectory = ""
    /// TRACE, DEBUG, INFO, WARN, ERROR or OFF.
    package var logLevel = "INFO"
    package var logJSON = false
    package var logFile = ""
    package var logIncludeLocation = false
    package var logRotateDuration = Duration.seconds(24 * 3600)
    /// Bytes after which the log file is rotated; 0 is no limit.
    package var logRotateBytes = 0
    /// Rotated files that are kept; 0 keeps all, -1 none.
    package var logRotateFilesMax = 0
    package var bindAddress = "0.0.0.0"
    package var enableDebug = false
    package var leaveOnInterrupt = false
    package var leaveOnTerminate = false
    package var enableSyslog = false
    package var syslogFacility = "LOCAL0"
    package var disableUpdateCheck = false
    package var disableAnonymousSignature = false
    /// Headers added to every HTTP answer.
    package var httpAPIResponseHeaders: [String: String] = [:]

    package var ports = PortsBlock()
    /// Addresses to bind; an empty one is ``bindAddress``. `http` may list several, separated by spaces.
    package var addresses = AddressesBlock()
    /// Addresses told to others, host or host:port; an empty one is chosen by the agent.
    package var advertise = AddressesBlock()
    package var server = ServerBlock()
    package var client = ClientBlock()
    package var rpc = RPCBlock()
    package var acl = ACLBlock()
    package var telemetry = TelemetryBlock()
    package var tls = TLSBlock()
    package var limits = LimitsBlock()
    package var ui = UIBlock()
    package var autopilot = AutopilotBlock()
    /// Plug-in settings by plug-in name, such as `raw_exec`.
    package var plugins: [String: PluginBlock] = [:]
    /// Blocks that are checked and kept for products this version does not talk to or extend, in file order.
    package var stored: [StoredBlock] = []

    /// Whether the agent runs in development mode: everything in memory or under a temporary folder.
    package var isDevelopment = false
    /// Names of the files that were read, in order.
    package var files: [String] = []

    package init() {}

    /// Settings of `-dev`: server and client in one process on 127.0.0.1, raw_exec on, DEBUG log, metrics on.
    package static func development() -> Configuration {
        var settings = Configuration()
        settings.isDevelopment = true
        settings.bindAddress = "127.0.0.1"
        settings.logLevel = "DEBUG"
        settings.enableDebug = true
        settings.disableUpdateCheck = true
        settings.server.isEnabled = true
        settings.server.bootstrapExpect = 1
        settings.client.isEnabled = true
        settings.client.options = ["driver.raw_exec.enable": "true", "driver.docker.volumes.enabled": "true"]
        settings.client.gcInterval = .seconds(600)
        settings.client.gcDiskUsageThreshold = 99
        settings.client.gcInodeUsageThreshold = 99
        settings.client.bindWildcardDefaultHostNetwork = true
        settings.plugins["raw_exec"] = PluginBlock(
            arguments: [], config: .object([("enabled", .bool(true))]), isSet: true)
        settings.telemetry.prometheusMetrics = true
        settings.telemetry.publishAllocationMetrics = true
        settings.telemetry.publishNodeMetrics = true
        return settings
    }
}

/// TCP (and for serf also UDP) ports, 0...65535; 0 lets the kernel choose.
package struct PortsBlock: Sendable, Equatable {
    package var http = 4646
    package var rpc = 4647
    package var serf = 4648
}

/// One address for each of the three services.
package struct AddressesBlock: Sendable, Equatable {
    package var http = ""
    package var rpc = ""
    package var serf = ""
}

/// Arguments and free-form configuration of one plug-in.
package struct PluginBlock: Sendable, Equatable {
    package var arguments: [String] = []
    /// `process` or `agent`: where the plug-in runs; empty takes the default of its kind.
    package var isolation = ""
    /// False leaves the library alone.
    package var isEnabled = true
    /// An object; nested blocks are lists of objects.
    package var config = JSON.object(JSONObject())
    /// Whether a file or flag named the plug-in.
    package var isSet = false

    package init() {}

    package init(arguments: [String], config: JSON, isSet: Bool) {
        self.arguments = arguments
        self.config = config
        self.isSet = isSet
    }
}

/// A block kept as it was written: `consul`, `vault`, `keyring`, `audit`, `sentinel`, `reporting`, `eventlog`.
package struct StoredBlock: Sendable, Equatable {
    package let type: String
    package let labels: [String]
    package let content: JSON
}
