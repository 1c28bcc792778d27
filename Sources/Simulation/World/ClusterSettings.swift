internal import Basics
package import PluginHost
package import Raft

/// What a simulated cluster consists of and what befalls it.
package struct ClusterSettings: Sendable {
    package var seed: UInt64
    /// Servers: 1, 3 or 5, by the seed.
    package var servers: Int
    /// Nodes that are up at the start, and those that join later.
    package var nodes = 6
    package var laterNodes = 2
    /// Different jobs at most.
    package var jobs = 8
    /// Servers may die or not hear each other while they look for each other.
    package var isBirthHard = true
    /// The scheduler that is chosen first; the stock ones when empty.
    package var scheduler = ""
    /// Things that happen, and the time over which they are spread.
    package var events = 40
    package var chaos = Duration.seconds(160)
    /// Simulated time after the last fault within which all work must be settled.
    package var settlingMax = Duration.seconds(1_800)
    /// Folder of the scheduler plug-ins, `libdrover-scheduler-*.so`.
    package var pluginFolder: String
    /// Bytes of entries in one message of a leader, by the seed: a mebibyte, a page, or each entry alone.
    package var appendBytesMax: Int
    /// The servers' disks lie about syncs from this moment on: a seeded bug for tests of the checkers.
    package var syncsLieAfter: Duration?
    /// A bug in all servers' Raft cores; for tests of the checkers.
    package var seededBug: SeededBug?

    /// A bug in the last server's pool; for tests of the checkers.
    package var poolBug: PoolBug?

    /// Takes the place of the schedulers that the server asks, given the real ones; for tests.
    package var replaceSchedulers: (@Sendable (any SchedulerRegistry) -> any SchedulerRegistry)?

    package init(seed: UInt64, pluginFolder: String) {
        self.seed = seed
        servers = [5, 3, 1, 3][Int(seed % 4)]
        appendBytesMax = [1 << 20, 4_096, 1][Int(seed % 3)]
        self.pluginFolder = pluginFolder
    }

    /// Makes so many things happen, as densely as by default, to a cluster that grows with them.
    package mutating func play(events count: Int) {
        events = count
        chaos = .seconds(Int64(4 * count))
        nodes = 6 + count / 100
        jobs = 8 + count / 40
    }
}

/// What may be wrong with a server's part in the gossip pool.
package enum PoolBug: Sendable {
    /// It takes in nothing that others send of their own accord.
    case isDeaf
    /// It ends without a goodbye.
    case leavesSilently
}

/// How a simulation ended.
package struct ClusterReport: Sendable {
    package var seed: UInt64 = 0
    package var servers = 0
    /// Of the whole trace: equal runs have equal hashes.
    package var hash: UInt64 = 0
    /// Promises that were broken, the first few; empty for a good run.
    package var violations: [String] = []
    package var lines: [String] = []
    package var placed = 0
    package var restarts = 0
    /// Terms that had a leader.
    package var terms = 0
    /// The last index of the log.
    package var index: UInt64 = 0
    /// How long it took the cluster to settle after the last fault.
    package var settling = Duration.zero
    /// What settled unplaced, with the reason.
    package var blocked = 0

    /// The run in one line.
    package var summary: String {
        "seed \(seed): \(servers) servers, \(index) entries, \(placed) placed, \(restarts) restarts, \(terms) terms, "
            + "\(blocked) groups blocked, settled after \(settling.goText), hash \(String(hash, radix: 16))"
    }

    /// For a failed run: how to see it again, what was broken, and the last lines of the trace.
    package func text(lineCount: Int = 40) -> String {
        (["replay: SIM_SEED=\(seed)"] + violations.map { "broken: \($0)" } + lines.suffix(lineCount))
            .joined(separator: "\n")
    }
}
