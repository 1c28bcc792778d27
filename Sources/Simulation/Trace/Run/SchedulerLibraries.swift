package import Basics
internal import Logging
internal import PluginHost

/// The scheduler plug-ins of a folder, loaded into this process as the agent loads those that came with it.
package struct SchedulerLibraries: Sendable {
    private let host: PluginManager

    /// The baseline that needs no library.
    package static let random = "random"

    /// Loads the `libdrover-*.so` of `folder` and the libraries of `pluginFolder`.
    package init(folder: String, pluginFolder: String?, seam: Seam) async {
        var configuration = PluginHostConfiguration(
            stockFolder: folder, pluginFolder: pluginFolder, dataFolder: "", hostProgram: "")
        // No process and no thread of its own between the call and its time.
        configuration.callsInline = true
        for name in ["raw_exec", "mock_driver", "host"] {
            var plugin = PluginHostConfiguration.Plugin()
            plugin.isEnabled = false
            configuration.plugins[name] = plugin
        }
        host = PluginManager(
            seam: seam, configuration: configuration, log: Logger(label: "sim") { _ in SwiftLogNoOpLogHandler() })
        await host.start()
    }

    /// The placer that `name` stands for, for one run.
    ///
    /// - Throws: ``TraceError`` with the names there are.
    package func placer(named name: String, seed: UInt64) throws(TraceError) -> any TracePlacer {
        if name == Self.random { return RandomPlacer(seed: seed) }
        guard let scheduler = host.scheduler(named: name) else {
            let names = ([Self.random] + host.schedulerNames).sorted().joined(separator: ", ")
            throw TraceError("there is no scheduler \"\(name)\" here; -plugin is one of: \(names)")
        }
        guard scheduler.kinds.contains("batch") else {
            throw TraceError("scheduler \"\(name)\" places no batch jobs, as which the trace's tasks come")
        }
        return PluginPlacer(scheduler, seed: seed)
    }
}
