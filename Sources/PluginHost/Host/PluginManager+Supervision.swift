internal import Basics
internal import Logging
internal import Synchronization

/// What happens after a plug-in's process has ended.
extension PluginManager {
    /// Attempts in a row that make no instance, after which a plug-in is quarantined.
    static let attemptsMax = 5

    /// Starts a crashed plug-in again, with growing delays, and makes the new instance take over the tasks of the old one.
    ///
    /// Does nothing when the process that ended is not the plug-in's present one, or is being replaced already.
    func restart(_ plugin: HostedPlugin, _ end: RemoteInstance.End) async {
        guard plugin.leave(pid: end.pid, reason: end.reason) else { return }
        let reason = end.reason
        var metadata = metadata(plugin)
        metadata["reason"] = "\(reason)"
        log.error("plug-in crashed", metadata: metadata)
        if plugin.manifest.kinds.contains(.driver) { hub.tell(.unavailable(driver: plugin.name, reason: reason)) }
        var backoff = Backoff(base: configuration.restartDelay, limit: configuration.restartDelayMax)
        for _ in 0..<plugin.recentCrashes(now: seam.time.uptime) {
            var generator = seam.random.generator()
            _ = backoff.next(using: &generator)
        }
        var failure = reason
        for _ in 0..<PluginManager.attemptsMax {
            var generator = seam.random.generator()
            let delay = backoff.next(using: &generator)
            guard (try? await seam.time.sleep(for: delay)) != nil else { return }
            do {
                let instance = try await makeInstance(plugin)
                await takeOver(plugin, instance)
                guard plugin.enter(.running(instance)) else { return await onThread { instance.stop() } }
                log.info("plug-in runs again", metadata: self.metadata(plugin))
                announce(plugin)
                guard let end = instance.ended, plugin.leave(pid: end.pid, reason: end.reason) else { return }
                failure = end.reason
            } catch {
                failure = "\(error)"
            }
        }
        quarantine(plugin, failure)
    }

    /// Whether a plug-in that failed so may be loaded later as it is: it was slow, as on a busy machine, or says so itself.
    static func mayPass(_ error: any Error) -> Bool {
        guard let error = error as? PluginError else { return false }
        return error.code == .deadline || error.code == .retry
    }

    /// Tries to load a quarantined plug-in again, with growing delays, for as long as only what may pass is in the way.
    ///
    /// It stays quarantined meanwhile, so that calls fail at once; ``rescan()`` may load it sooner.
    func retry(_ plugin: HostedPlugin) async {
        var backoff = Backoff(base: configuration.restartDelay, limit: configuration.restartDelayMax)
        while true {
            var generator = seam.random.generator()
            let delay = backoff.next(using: &generator)
            guard (try? await seam.time.sleep(for: delay)) != nil, case .quarantined = plugin.phase else { return }
            do {
                return try await load(plugin)
            } catch {
                guard !Task.isCancelled else { return }
                quarantine(plugin, "\(error)")
                guard PluginManager.mayPass(error) else { return }
            }
        }
    }

    func takeOver(_ plugin: HostedPlugin, _ instance: any PluginInstance) async {
        guard let driver = state.withLock({ $0.drivers[plugin.name] }), driver.plugin === plugin else { return }
        await driver.takeOver(instance)
    }
}
