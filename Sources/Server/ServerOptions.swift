package import Basics
package import Model
package import Raft

/// How a server runs; durations and thresholds have the names and defaults of the agent configuration (SURFACE §3, `server`).
package struct ServerOptions: Sendable {
    package var region = "global"
    package var datacenter = "dc1"
    /// The server's name in the pool: `<name>.<region>`.
    package var name = "server"
    /// This server's id in the Raft group; kept in the data folder.
    package var id = ""
    /// Where gossip listens; shown with the members.
    package var serfPort = 4648
    /// Absolute path; the log lives in `<folder>/raft`.
    package var folder: String
    /// Where other agents reach this server's RPC.
    package var rpcAddress = NetworkAddress(host: "127.0.0.1", port: 4647)
    /// The group's first members when this server starts a new one; empty looks for others first.
    package var bootstrap: Membership?
    /// Servers that start a cluster together; 1 starts alone, 0 joins one.
    package var expect = 1
    /// RPC addresses of servers that are greeted whatever the pool knows; for worlds without a pool.
    package var join: [NetworkAddress] = []

    /// Size of a segment file of the log, and bytes applied before the next snapshot is taken.
    package var logSegmentBytes: UInt64 = 64 << 20
    package var snapshotAfterBytes: UInt64 = 64 << 20
    /// How many times as long as by default Raft waits for a leader's word before an election.
    package var raftMultiplier = 1
    /// Bytes of entries in one of Raft's append messages; 1 MiB. A larger entry travels alone.
    package var appendBytesMax = 1 << 20

    /// Desks at which evaluations are decided: as many as there are cores.
    package var workers = 2
    /// Types of jobs whose evaluations they take.
    package var schedulers = JobType.all

    /// Evaluations that may be decided or on their way to the log at once.
    package var evaluationsInFlight: Int { workers * Worker.perDesk }
    /// Plans committed in one entry at most.
    package var plansPerEntryMax = 128
    /// How long a caller may wait for its job to be placed; 5 s, well below the deadline of a call.
    package var immediateWaitMax = Duration.seconds(5)

    package var heartbeatGrace = Duration.seconds(10)
    package var heartbeatIntervalMin = Duration.seconds(10)
    package var heartbeatsPerSecondMax = 50.0
    package var heartbeatFailover = Duration.seconds(300)

    /// How often ended work is looked for, and how long it stays visible.
    package var collectionInterval = Duration.seconds(300)
    package var jobCollectionAge = Duration.seconds(4 * 3600)
    package var evaluationCollectionAge = Duration.seconds(3600)
    package var batchEvaluationCollectionAge = Duration.seconds(24 * 3600)
    package var nodeCollectionAge = Duration.seconds(24 * 3600)

    /// What the first leader of the cluster stores; later changes go through the API.
    package var autopilot = AutopilotConfiguration()

    package var defaultPriority = 50
    package var priorityMax = 100
    package var jobCountMax = 50_000

    package init(folder: String) { self.folder = folder }
}
