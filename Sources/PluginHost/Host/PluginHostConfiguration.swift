package import Basics

/// Where a plug-in runs.
package enum PluginIsolation: String, Sendable {
    /// In a process of its own: a crash, hang or leak costs its calls only.
    case process
    /// In the agent: no copy and no hop, and a crash is the agent's.
    case agent
}

/// What the agent's configuration says about plug-ins.
package struct PluginHostConfiguration: Sendable {
    /// One `plugin "name" { }` block.
    package struct Plugin: Equatable, Sendable {
        package var isEnabled = true
        /// Nil: ``agent`` for schedulers and scorers that came with the agent, ``process`` for everything else.
        package var isolation: PluginIsolation?
        /// Its `config { }` block; checked against the plug-in's schema.
        package var config: JSON = .object([])

        package init() {}
    }

    /// Folder of the plug-ins that came with the agent: that of its executable. `libdrover-*.so` there is loaded.
    package var stockFolder: String
    /// `plugin_dir`: every `*.so` there is loaded; one with the name of a stock plug-in takes its place. Nil: none.
    package var pluginFolder: String?
    /// `<data_dir>/plugins`: probe results, and a folder a plug-in for its state. Made when absent.
    package var dataFolder: String
    /// The program that hosts a plug-in as `PROGRAM plugin-host NAME`.
    package var hostProgram: String
    /// The program `drover-shim`; empty: beside the host program.
    package var shim = ""
    package var cgroupParent = "drover"
    /// By plug-in name, as the agent starts; ``PluginManager/reconfigure(_:)`` takes later ones.
    package var plugins: [String: Plugin] = [:]
    /// Environment of plug-in processes, "NAME=value"; nil: the agent's, and no backtraces of Swift's own, which delay a crash report.
    package var environment: [String]?
    /// Calls run on the caller's thread and every plug-in in the agent: for the simulation.
    package var callsInline = false
    /// How long loading one plug-in may take; 30 s, for on a machine that others keep busy ten were not enough for those that load at
    /// the same time, and who is late is quarantined.
    package var loadTimeout: Duration = .seconds(30)
    /// First and longest delay before a crashed plug-in is started again.
    package var restartDelay: Duration = .milliseconds(100)
    package var restartDelayMax: Duration = .seconds(60)
    /// How long after its deadline a call may be open before its process counts as hung and is killed.
    package var hangGrace: Duration = .seconds(2)

    /// How long one scoring of all nodes may take in a library that is not stock: a scorer takes microseconds a row (scorer.h).
    package var scorerTimeout: Duration = .seconds(2)

    package init(stockFolder: String, pluginFolder: String?, dataFolder: String, hostProgram: String) {
        self.stockFolder = stockFolder
        self.pluginFolder = pluginFolder
        self.dataFolder = dataFolder
        self.hostProgram = hostProgram
    }

    var processEnvironment: [String] { environment ?? HostProcess.ownEnvironment + ["SWIFT_BACKTRACE=enable=no"] }
}
