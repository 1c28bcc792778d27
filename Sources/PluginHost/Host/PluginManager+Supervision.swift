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

    func takeOver(_ plugin: HostedPlugin, _ instance: any PluginInstance) async {
        guard let driver = state.withLock({ $0.drivers[plugin.name] }), driver.plugin === plugin else { return }
        await driver.takeOver(instance)
    }
}
