internal import Basics
internal import Logging
internal import Synchronization

/// New and changed libraries while the agent runs.
extension PluginManager {
    /// How long calls that are under way may go on with the old version before it is stopped. Waits for tasks do not count: they
    /// are asked again.
    static let drainTimeout: Duration = .seconds(60)

    /// Looks at the folders again: loads libraries that are new or were quarantined, replaces those whose content has changed.
    ///
    /// A changed library that cannot be loaded leaves the old one running. A library that is gone stays loaded until the agent stops.
    /// - Returns: for each library acted on, its path and what became of it: nil, or why it could not be loaded.
    package func rescan() async -> [(file: String, problem: String?)] {
        let files = PluginFinder.files(stock: configuration.stockFolder, operator: configuration.pluginFolder)
        let plugins = state.withLock { $0.plugins }
        var results: [(file: String, problem: String?)] = []
        var fresh: [PluginFile] = []
        for file in files {
            guard let plugin = plugins[file.path], case .running = plugin.phase else {
                if case .stopped? = plugins[file.path]?.phase { continue }
                fresh.append(file)
                continue
            }
            let hash = try? ContentHash.hash(file: file.path)
            guard hash != plugin.contentHash else { continue }
            do {
                try await replace(plugin, hash: hash ?? "")
                results.append((file.path, nil))
            } catch {
                log.error("plug-in not replaced", metadata: metadata(plugin).merging(["reason": "\(error)"]) { $1 })
                results.append((file.path, "\(error)"))
            }
        }
        await load(fresh)
        for file in fresh {
            let status = status.first { $0.file == file.path }
            results.append((file.path, status?.state == "running" ? nil : status?.reason ?? "not loaded"))
        }
        return results
    }

    /// Loads the present content of the plug-in's file beside the running instance, moves its tasks and calls over, stops the old one.
    /// `reason` is what the status says of it, beside a change of version.
    func replace(_ plugin: HostedPlugin, hash: String, reason: String? = nil) async throws {
        let manifest = try await onThread {
            Result { () throws(PluginError) in try Manifest(library: plugin.file.path) }
        }.get()
        guard manifest.name == plugin.name else {
            throw PluginError(
                .invalid,
                "\(plugin.file.path) is now plug-in \(manifest.name); give it another file name than \(plugin.name)")
        }
        let instance = try await makeInstance(plugin, file: try copy(plugin, hash: hash), manifest: manifest)
        await takeOver(plugin, instance)
        do {
            try await makeFaces(plugin, instance)
        } catch {
            await onThread { instance.stop() }
            throw error
        }
        let reason = reason ?? "replaced \(plugin.manifest.version) by \(manifest.version)"
        guard let old = plugin.replace(by: instance, manifest, reason: reason) else {
            await onThread { instance.stop() }
            throw PluginError(.unavailable, "plug-in \(plugin.name) was not running any more; try again")
        }
        plugin.contentHash = hash
        log.info("plug-in replaced", metadata: metadata(plugin).merging(["reason": "\(reason)"]) { $1 })
        await drain(old)
        await onThread { old.stop() }
        announce(plugin)
    }

    /// A library in the agent needs a path of its own: the dynamic loader knows loaded libraries by path, and never unloads them.
    private func copy(_ plugin: HostedPlugin, hash: String) throws -> String {
        guard plugin.isolation == .agent else { return plugin.file.path }
        let folder = "\(configuration.dataFolder)/loaded"
        let path = "\(folder)/\(plugin.name)-\(hash).so"
        try seam.disk.makeDirectory(folder)
        try seam.disk.replace(path, with: try seam.disk.read(plugin.file.path, limit: ContentHash.fileBytesMax))
        return path
    }

    private func drain(_ instance: any PluginInstance) async {
        let deadline = seam.time.uptime + PluginManager.drainTimeout
        while seam.time.uptime < deadline, instance.openOperations.contains(where: { $0 != "wait" }) {
            guard (try? await seam.time.sleep(for: .milliseconds(10))) != nil else { return }
        }
    }
}
