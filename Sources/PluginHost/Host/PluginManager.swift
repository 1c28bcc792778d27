package import Basics
internal import CDroverABI
package import Logging
internal import Synchronization

/// The plug-ins of one agent: finds them, loads them, calls them through typed faces, starts crashed ones again.
///
/// ```swift
/// let host = PluginManager(seam: seam, configuration: configuration, log: log)
/// await host.start()                    // loads everything, at once
/// group.addTask { await host.run() }    // supervises until cancelled, then stops all instances; tasks keep running
/// host.driver(named: "raw_exec")
/// ```
package final class PluginManager: Sendable {
    /// What a supervisor has to act on.
    enum Event: Sendable {
        case ended(HostedPlugin, RemoteInstance.End)
        /// Its first instance could not be made, for a reason that may pass.
        case failed(HostedPlugin)
    }

    struct State {
        /// By library file.
        var plugins: [String: HostedPlugin] = [:]
        /// Libraries that could not be opened far enough to know their name.
        var broken: [String: PluginStatus] = [:]
        var drivers: [String: HostedDriver] = [:]
        var schedulers: [String: HostedScheduler] = [:]
        var fingerprinters: [String: HostedFingerprinter] = [:]
        var devices: [String: HostedDeviceProvider] = [:]
        /// The agent's `plugin` blocks that are in force, by plug-in name.
        var blocks: [String: PluginHostConfiguration.Plugin] = [:]
    }

    let seam: Seam
    let configuration: PluginHostConfiguration
    let log: Logger
    let hub = PluginHub()
    let scorers = ScorerRegistry()
    let clock: SeamClock
    /// For loading and stopping; each plug-in is called on threads of its own, so that one that hangs takes none from others.
    let threads = ThreadPool(name: "plug-in load")
    let watch = TimerThread()
    let state = Mutex(State())
    let events: AsyncStream<Event>
    let eventWriter: AsyncStream<Event>.Continuation

    package init(seam: Seam, configuration: PluginHostConfiguration, log: Logger) {
        self.seam = seam
        self.configuration = configuration
        self.log = log
        clock = SeamClock(seam)
        state.withLock { $0.blocks = configuration.plugins }
        (events, eventWriter) = AsyncStream.makeStream()
    }

    /// Finds and loads all plug-ins, at the same time; returns when each is running or quarantined.
    package func start() async {
        let files = PluginFinder.files(stock: configuration.stockFolder, operator: configuration.pluginFolder)
        await load(files)
    }

    /// Supervises until cancelled: restarts crashed plug-ins, tries those again that were slow to load, serves timers of those in the agent; then stops all of them.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.clock.run() }
            for await event in events {
                switch event {
                case .ended(let plugin, let end):
                    guard !end.wasExpected else { continue }
                    group.addTask { await self.restart(plugin, end) }
                case .failed(let plugin): group.addTask { await self.retry(plugin) }
                }
            }
            group.cancelAll()
        }
        await stop()
    }

    /// Stops all instances; tasks keep running. Calls after this are refused.
    package func stop() async {
        let plugins = state.withLock { Array($0.plugins.values) }
        await withTaskGroup(of: Void.self) { group in
            for plugin in plugins {
                guard let (instance, _) = plugin.current else {
                    plugin.enter(.stopped, reason: "the agent has stopped")
                    continue
                }
                plugin.enter(.stopped, reason: "the agent has stopped")
                group.addTask { await self.onThread { instance.stop() } }
            }
        }
    }

    /// One line a library, in byte order of the names.
    package var status: [PluginStatus] {
        let (plugins, broken) = state.withLock { (Array($0.plugins.values), Array($0.broken.values)) }
        return (plugins.map(\.status) + broken).sorted { ($0.name, $0.file) < ($1.name, $1.file) }
    }

    /// What plug-ins have reported through drover.metrics/1.
    package var metrics: [PluginMetric] { hub.metrics }

    /// The plug-in of that name, for calling interfaces that have no face here.
    package func plugin(named name: String) -> HostedPlugin? {
        state.withLock { state in
            state.plugins.values.first { plugin in
                if case .stopped = plugin.phase { return false }
                return plugin.name == name
            }
        }
    }

    /// Runs blocking `work` on a thread of the pool, or here when calls are inline.
    func onThread<Result: Sendable>(_ work: @escaping @Sendable () -> Result) async -> Result {
        if configuration.callsInline { return work() }
        return await withCheckedContinuation { continuation in
            if !threads.submit({ continuation.resume(returning: work()) }) { continuation.resume(returning: work()) }
        }
    }
}

extension PluginManager: DriverRegistry, SchedulerRegistry, FingerprinterRegistry, DeviceRegistry {
    package var driverNames: [String] { state.withLock { $0.drivers.keys.sorted() } }

    package func driver(named name: String) -> (any Driver)? { state.withLock { $0.drivers[name] } }

    package func driverEvents() -> AsyncStream<DriverEvent> { hub.driverEvents() }

    package var schedulerNames: [String] { state.withLock { $0.schedulers.keys.sorted() } }

    package func scheduler(named name: String) -> (any Scheduler)? { state.withLock { $0.schedulers[name] } }

    package var fingerprinters: [any Fingerprinter] {
        state.withLock { $0.fingerprinters.sorted { $0.key < $1.key }.map(\.value) }
    }

    package func fingerprintChanges() -> AsyncStream<String> { hub.fingerprintChanges() }

    package var deviceProviders: [any DeviceProvider] {
        state.withLock { $0.devices.sorted { $0.key < $1.key }.map(\.value) }
    }
}
