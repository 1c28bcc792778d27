/// The `server` block.
package struct ServerBlock: Sendable {
    package var isEnabled = false
    package var authoritativeRegion = ""
    /// Servers to wait for before the first election; 0 joins an existing cluster.
    package var bootstrapExpect = 0
    /// Empty means `<data_dir>/server`.
    package var dataDirectory = ""
    package var raftProtocol = 3
    /// Scales the Raft timeouts, 1...10; 1 is fastest.
    package var raftMultiplier = 1
    /// Workers; nil means one for each processor.
    package var schedulerCount: Int?
    /// Scheduler types the workers take; empty means all.
    package var enabledSchedulers: [String] = []
    package var nodeGCThreshold = Duration.seconds(24 * 3600)
    package var jobGCInterval = Duration.seconds(300)
    package var jobGCThreshold = Duration.seconds(4 * 3600)
    package var evalGCThreshold = Duration.seconds(3600)
    package var batchEvalGCThreshold = Duration.seconds(24 * 3600)
    package var deploymentGCThreshold = Duration.seconds(3600)
    package var csiVolumeClaimGCInterval = Duration.seconds(300)
    package var csiVolumeClaimGCThreshold = Duration.seconds(300)
    package var csiPluginGCThreshold = Duration.seconds(3600)
    package var aclTokenGCThreshold = Duration.seconds(3600)
    package var rootKeyGCInterval = Duration.seconds(600)
    package var rootKeyGCThreshold = Duration.seconds(3600)
    package var rootKeyRotationThreshold = Duration.seconds(720 * 3600)
    /// Time past its TTL before a silent node is down.
    package var heartbeatGrace = Duration.seconds(10)
    package var heartbeatTTLMin = Duration.seconds(10)
    package var heartbeatsPerSecondMax = 50.0
    /// TTL of all nodes after a change of leader.
    package var failoverHeartbeatTTL = Duration.seconds(300)
    package var join = JoinBlock()
    package var rejoinAfterLeave = false
    package var nonVotingServer = false
    package var redundancyZone = ""
    package var upgradeVersion = ""
    /// Gossip key, base64 of 16, 24 or 32 bytes; empty turns encryption off.
    package var encrypt = ""
    package var schedulerDefaults = SchedulerDefaults()
    package var planRejectionTracker = PlanRejectionTracker()
    package var planApplyPipeline: Int?
    package var enableEventBroker = true
    package var eventBufferSize = 100
    package var search = SearchBlock()
    package var deployQueryRateLimit = 0.0
    package var raftSnapshotThreshold = 8192
    package var raftSnapshotInterval = Duration.seconds(120)
    package var raftTrailingLogs = 10_240
    package var raftNoFreelistSync = false
    package var raftLogBackend = ""
    package var jobDefaultPriority = 50
    package var jobMaxPriority = 100
    /// Most instances of a job; 0 is no limit.
    package var jobMaxCount = 50_000
    /// Bytes of a job's stored source, with a unit, such as `1M`.
    package var jobMaxSourceSize = "1M"
    package var jobTrackedVersions = 6
    package var oidcIssuer = ""
    package var startTimeout = Duration.seconds(30)
    package var licensePath = ""
    package var clientIntroduction = ClientIntroduction()
}

/// The `server_join` block of servers and clients.
package struct JoinBlock: Sendable, Equatable {
    /// Tried once at the start; failure ends the agent.
    package var startJoin: [String] = []
    /// Tried until one answers.
    package var retryJoin: [String] = []
    /// 0 tries without end.
    package var retriesMax = 0
    package var retryInterval = Duration.seconds(30)
}

/// `default_scheduler_config`: used when a new cluster starts, kept in the state afterwards.
package struct SchedulerDefaults: Sendable, Equatable {
    /// `binpack`, `spread`, or the name of a scheduler plug-in.
    package var algorithm = "binpack"
    package var memoryOversubscription = false
    package var rejectJobRegistration = false
    package var pauseEvalBroker = false
    package var nodeLimitForFeasibilityChecks = 0
    package var preemptSystem = true
    package var preemptSysBatch = false
    package var preemptBatch = false
    package var preemptService = false
}

/// `plan_rejection_tracker`: nodes whose plans are refused again and again become ineligible.
package struct PlanRejectionTracker: Sendable, Equatable {
    package var isEnabled = false
    package var nodeThreshold = 100
    package var nodeWindow = Duration.seconds(300)
}

package struct SearchBlock: Sendable, Equatable {
    package var isFuzzyEnabled = true
    package var limitQuery = 20
    package var limitResults = 100
    package var minTermLength = 2
}

/// `client_introduction`: whether a new client must bring a signed introduction.
package struct ClientIntroduction: Sendable, Equatable {
    /// `none`, `warn` or `strict`.
    package var enforcement = "warn"
    package var defaultIdentityTTL = Duration.seconds(300)
    package var identityTTLMax = Duration.seconds(1800)
}
