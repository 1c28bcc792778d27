internal import Basics
package import PluginHost

/// What a simulated cluster consists of and what befalls it.
package struct ClusterSettings: Sendable {
    package var seed: UInt64
    /// Nodes that are up at the start, and those that join later.
    package var nodes = 6
    package var laterNodes = 2
    /// Different jobs at most.
    package var jobs = 8
    /// Things that happen, and the time over which they are spread.
    package var events = 40
    package var chaos = Duration.seconds(240)
    /// Simulated time after the last fault within which all work must be settled.
    package var settlingMax = Duration.seconds(1_800)
    /// Folder of the scheduler plug-ins, `libdrover-scheduler-*.so`.
    package var pluginFolder: String
    /// The server's disk lies about syncs from this moment on: a seeded bug for tests of the checkers.
    package var syncsLieAfter: Duration?

    /// Takes the place of the schedulers that the server asks, given the real ones; for tests.
    package var replaceSchedulers: (@Sendable (any SchedulerRegistry) -> any SchedulerRegistry)?

    package init(seed: UInt64, pluginFolder: String) {
        self.seed = seed
        self.pluginFolder = pluginFolder
    }

    /// Makes so many things happen, as densely as by default, to a cluster that grows with them.
    package mutating func play(events count: Int) {
        events = count
        chaos = .seconds(Int64(6 * count))
        nodes = 6 + count / 100
        jobs = 8 + count / 40
    }
}

/// How a simulation ended.
package struct ClusterReport: Sendable {
    package var seed: UInt64 = 0
    /// Of the whole trace: equal runs have equal hashes.
    package var hash: UInt64 = 0
    /// Promises that were broken, the first few; empty for a good run.
    package var violations: [String] = []
    package var lines: [String] = []
    package var placed = 0
    package var restarts = 0
    /// The last index of the log.
    package var index: UInt64 = 0
    /// How long it took the cluster to settle after the last fault.
    package var settling = Duration.zero
    /// What settled unplaced, with the reason.
    package var blocked = 0

    /// The run in one line.
    package var summary: String {
        "seed \(seed): \(index) entries, \(placed) placed, \(restarts) restarts, \(blocked) groups blocked, "
            + "settled after \(settling.goText), hash \(String(hash, radix: 16))"
    }

    /// For a failed run: how to see it again, what was broken, and the last lines of the trace.
    package func text(lineCount: Int = 40) -> String {
        (["replay: SIM_SEED=\(seed)"] + violations.map { "broken: \($0)" } + lines.suffix(lineCount))
            .joined(separator: "\n")
    }
}
