/// The `acl` block.
package struct ACLBlock: Sendable, Equatable {
    package var isEnabled = false
    package var tokenTTL = Duration.seconds(30)
    package var policyTTL = Duration.seconds(30)
    package var roleTTL = Duration.seconds(30)
    package var replicationToken = ""
    package var tokenExpirationTTLMin = Duration.seconds(60)
    package var tokenExpirationTTLMax = Duration.seconds(24 * 3600)
}

/// The `rpc` block: keep-alive and time limits of the multiplexed connections.
package struct RPCBlock: Sendable, Equatable {
    package var acceptBacklog = 256
    package var keepAliveInterval = Duration.seconds(30)
    package var connectionWriteTimeout = Duration.seconds(10)
    package var streamOpenTimeout = Duration.seconds(75)
    package var streamCloseTimeout = Duration.seconds(300)
    package var dialTimeout = Duration.seconds(10)
}

/// The `tls` block.
package struct TLSBlock: Sendable, Equatable {
    package var http = false
    package var rpc = false
    package var verifyServerHostname = false
    package var caFile = ""
    package var certFile = ""
    package var keyFile = ""
    package var rpcUpgradeMode = false
    package var verifyHTTPSClient = false
    package var cipherSuites = ""
    /// `tls10`, `tls11`, `tls12` or `tls13`.
    package var versionMin = "tls12"
}

/// The `limits` block; a count of 0 is no limit.
package struct LimitsBlock: Sendable, Equatable {
    package var httpsHandshakeTimeout = Duration.seconds(5)
    package var httpConnectionsPerClientMax = 100
    package var rpcHandshakeTimeout = Duration.seconds(5)
    package var rpcConnectionsPerClientMax = 100
}

/// The `autopilot` block.
package struct AutopilotBlock: Sendable, Equatable {
    package var cleanupDeadServers = true
    package var serverStabilizationTime = Duration.seconds(10)
    package var lastContactThreshold = Duration.milliseconds(200)
    package var trailingLogsMax = 250
    package var quorumMin = 0
    package var enableRedundancyZones = false
    package var disableUpgradeMigration = false
    package var enableCustomUpgrades = false
}

/// The `ui` block.
package struct UIBlock: Sendable, Equatable {
    package var isEnabled = true
    package var showCLIHints = true
    /// Sources by directive, such as `connect_src`.
    package var contentSecurityPolicy: [String: [String]] = [:]
    package var consulURL = ""
    package var vaultURL = ""
    package var labelText = ""
    package var labelBackgroundColor = ""
    package var labelTextColor = ""
}

/// The `telemetry` block.
package struct TelemetryBlock: Sendable, Equatable {
    package var inMemoryCollectionInterval = Duration.seconds(10)
    package var inMemoryRetentionPeriod = Duration.seconds(60)
    package var statsiteAddress = ""
    package var statsdAddress = ""
    package var datadogAddress = ""
    package var datadogTags: [String] = []
    package var prometheusMetrics = false
    package var disableHostname = false
    package var useNodeName = false
    package var collectionInterval = Duration.seconds(1)
    package var publishAllocationMetrics = false
    package var publishNodeMetrics = false
    package var includeAllocMetadataInMetrics = false
    package var allowedMetadataKeysInMetrics: [String] = []
    /// `+name` lets metrics of that prefix through, `-name` stops them.
    package var prefixFilter: [String] = []
    package var filterDefault = true
    package var disableDispatchedJobSummaryMetrics = false
    package var disableQuotaUtilizationMetrics = false
    package var disableRPCRateMetricsLabels = false
    package var disableAllocationHookMetrics = false
    /// The `circonus_…` keys, stored by name.
    package var circonus: [String: String] = [:]
}
