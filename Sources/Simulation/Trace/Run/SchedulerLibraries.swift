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
        let scheduler = try scheduler(name, among: [Self.random] + host.schedulerNames)
        guard scheduler.kinds.contains("batch") else {
            throw TraceError("scheduler \"\(name)\" places no batch jobs, as which the trace's tasks come")
        }
        return PluginPlacer(scheduler, seed: seed)
    }

    /// The plug-in `name` for the types of jobs that it places, the stock ones for the others; for one run or several.
    ///
    /// - Throws: ``TraceError`` with the names there are.
    package func set(named name: String) throws(TraceError) -> SchedulerSet {
        let chosen = try scheduler(name, among: host.schedulerNames)
        var byType: [String: any Scheduler] = [:]
        for type in ["service", "batch", "system", "sysbatch"] {
            byType[type] = chosen.kinds.contains(type) ? chosen : host.scheduler(named: type)
        }
        return SchedulerSet(byType: byType)
    }

    /// Absolute path of the library that a scheduler's code comes from; empty for the baseline.
    package func file(of name: String) -> String {
        host.scheduler(named: name) == nil ? "" : host.status.first { $0.name == name }?.file ?? ""
    }

    private func scheduler(_ name: String, among names: [String]) throws(TraceError) -> any Scheduler {
        guard let scheduler = host.scheduler(named: name) else {
            throw TraceError(
                "there is no scheduler \"\(name)\" here; -plugin is one of: \(names.sorted().joined(separator: ", "))")
        }
        return scheduler
    }
}

/// A scheduler for each type of job.
package struct SchedulerSet: Sendable {
    let byType: [String: any Scheduler]

    /// - Throws: ``TraceError`` where not even the stock library is there.
    func scheduler(for type: String) throws(TraceError) -> any Scheduler {
        guard let scheduler = byType[type] else {
            throw TraceError("nothing places \(type) jobs: libdrover-scheduler-\(type).so is not beside this program")
        }
        return scheduler
    }
}
