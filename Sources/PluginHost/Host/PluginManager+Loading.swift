internal import Basics
internal import CDroverABI
internal import Logging
internal import Synchronization

/// From a file to a running plug-in.
extension PluginManager {
    /// Loads `files`, all at once; each ends running, quarantined or stopped.
    func load(_ files: [PluginFile]) async {
        let found = await withTaskGroup(of: (PluginFile, Result<Manifest, PluginError>).self) { group in
            for file in files {
                group.addTask {
                    (
                        file,
                        await self.onThread { Result { () throws(PluginError) in try Manifest(library: file.path) } }
                    )
                }
            }
            var found: [(PluginFile, Result<Manifest, PluginError>)] = []
            for await one in group { found.append(one) }
            return found
        }
        let plugins = admit(found.sorted { $0.0.path < $1.0.path })
        await withDiscardingTaskGroup { group in
            for plugin in plugins { group.addTask { await self.loadFirst(plugin) } }
        }
    }

    /// Decides which of the libraries found are loaded: of two with one name the operator's, else the first.
    private func admit(_ found: [(PluginFile, Result<Manifest, PluginError>)]) -> [HostedPlugin] {
        var wanted: [HostedPlugin] = []
        var names: [String: PluginFile] = [:]
        for plugin in state.withLock({ Array($0.plugins.values) }) where plugin.current != nil {
            names[plugin.name] = plugin.file
        }
        let running = Set(names.keys)
        for (file, result) in found {
            switch result {
            case .failure(let error): refuse(file, error)
            case .success(let manifest):
                if running.contains(manifest.name) { continue }
                if let other = names[manifest.name], other.isStock == file.isStock || !other.isStock { continue }
                names[manifest.name] = file
            }
        }
        for (file, result) in found {
            guard case .success(let manifest) = result else { continue }
            let plugin = makePlugin(file, manifest)
            let earlier = state.withLock { state in
                state.broken[file.path] = nil
                return state.plugins.updateValue(plugin, forKey: file.path)
            }
            // It may be about to be tried again.
            if let earlier, case .quarantined = earlier.phase { earlier.enter(.stopped, reason: "loaded anew") }
            if let winner = names[manifest.name], winner != file {
                plugin.enter(.stopped, reason: "\(winner.path) has the same name and is loaded in its place")
            } else if !block(manifest.name).isEnabled {
                plugin.enter(.stopped, reason: "disabled by the agent's configuration")
            } else {
                wanted.append(plugin)
            }
        }
        return wanted
    }

    private func refuse(_ file: PluginFile, _ error: PluginError) {
        log.error("plug-in quarantined", metadata: ["plugin.file": "\(file.path)", "reason": "\(error)"])
        var status = PluginStatus()
        let name = file.path.split(separator: "/").last.map(String.init) ?? file.path
        status.name = String(name.hasSuffix(".so") ? name.dropLast(3) : name[...])
        status.file = file.path
        status.state = "quarantined"
        status.reason = error.message
        state.withLock { $0.broken[file.path] = status }
    }

    private func makePlugin(_ file: PluginFile, _ manifest: Manifest) -> HostedPlugin {
        let kinds = manifest.kinds
        let isBrain = !kinds.isEmpty && kinds.allSatisfy { $0 == .scheduler || $0 == .scorer }
        let standard: PluginIsolation = file.isStock && isBrain ? .agent : .process
        let isolation = block(manifest.name).isolation ?? standard
        return HostedPlugin(
            file: file, manifest: manifest, isolation: configuration.callsInline ? .agent : isolation, time: seam.time,
            hangGrace: configuration.hangGrace,
            threads: configuration.callsInline ? nil : ThreadPool(name: "plug-in call", threadsMax: 32), watch: watch)
    }

    /// Loads `plugin`, and quarantines it on failure; what may pass is tried again beside (``retry(_:)``).
    private func loadFirst(_ plugin: HostedPlugin) async {
        do {
            try await load(plugin)
        } catch {
            // When the agent ends meanwhile, that is no fault of the plug-in.
            guard !Task.isCancelled else { return _ = plugin.enter(.stopped, reason: "the agent ends") }
            quarantine(plugin, "\(error)")
            if PluginManager.mayPass(error) { eventWriter.yield(.failed(plugin)) }
        }
    }

    /// Makes the first instance of `plugin` and its faces.
    func load(_ plugin: HostedPlugin) async throws {
        let hash = await onThread { try? ContentHash.hash(file: plugin.file.path) }
        let instance = try await makeInstance(plugin)
        plugin.contentHash = hash
        do {
            try await makeFaces(plugin, instance)
        } catch {
            await onThread { instance.stop() }
            throw error
        }
        guard plugin.enter(.running(instance)) else { return await onThread { instance.stop() } }
        log.debug("plug-in loaded", metadata: metadata(plugin))
        announce(plugin)
        if let end = instance.ended { await restart(plugin, end) }
    }

    func quarantine(_ plugin: HostedPlugin, _ reason: String) {
        guard plugin.enter(.quarantined, reason: reason) else { return }
        var metadata = metadata(plugin)
        metadata["reason"] = "\(reason)"
        log.error("plug-in quarantined", metadata: metadata)
        if plugin.manifest.kinds.contains(.driver) { hub.tell(.unavailable(driver: plugin.name, reason: reason)) }
    }

    func announce(_ plugin: HostedPlugin) {
        if plugin.manifest.kinds.contains(.driver) { hub.tell(.available(driver: plugin.name)) }
        if plugin.manifest.kinds.contains(.fingerprint) || plugin.manifest.kinds.contains(.device) {
            hub.tellFingerprint(plugin.name)
        }
    }

    func metadata(_ plugin: HostedPlugin) -> Logger.Metadata {
        [
            "plugin.name": "\(plugin.name)", "plugin.file": "\(plugin.file.path)",
            "plugin.isolation": "\(plugin.isolation.rawValue)",
        ]
    }

    // MARK: - Instances

    /// A new instance of `plugin`, in its own process or here.
    ///
    /// Of the library at `file` with `manifest`, when it is another version than the plug-in's present one.
    func makeInstance(
        _ plugin: HostedPlugin, file: String? = nil, manifest: Manifest? = nil
    ) async throws -> any PluginInstance {
        let settings = try settings(plugin, file ?? plugin.file.path, manifest ?? plugin.manifest)
        let services = AgentServices(
            plugin: plugin.name, kinds: plugin.manifest.kinds, hub: hub, log: log, scorers: scorers)
        let made = await onThread { [self] in
            Result { () throws(PluginError) -> any PluginInstance in
                if plugin.isolation == .process { return try makeProcess(plugin, settings, services) }
                if !configuration.callsInline { try probe(plugin, settings, services) }
                let instance = try settings.makeInstance(services: services, clock: clock)
                if plugin.manifest.kinds.contains(.scorer) { offerScorers(of: instance, plugin) }
                return instance
            }
        }
        return try made.get()
    }

    private func settings(
        _ plugin: HostedPlugin, _ file: String, _ manifest: Manifest
    ) throws(PluginError) -> HostSettings {
        var settings = HostSettings()
        settings.file = file
        settings.config = try Schema.apply(
            manifest.configSchema, to: block(plugin.name).config,
            what: "plugin \"\(plugin.name)\"")
        settings.folder = "\(configuration.dataFolder)/\(plugin.name)"
        settings.shim = configuration.shim
        settings.cgroupParent = configuration.cgroupParent
        return settings
    }

    private func makeProcess(
        _ plugin: HostedPlugin, _ settings: HostSettings, _ services: AgentServices
    ) throws(PluginError) -> RemoteInstance {
        let instance = try remote(plugin, settings, services) { [eventWriter] end in
            eventWriter.yield(.ended(plugin, end))
        }
        if plugin.manifest.kinds.contains(.scorer) { offerScorers(of: instance, plugin) }
        return instance
    }

    /// The scorers of a library in the agent.
    private func offerScorers(of instance: LocalInstance, _ plugin: HostedPlugin) {
        let table = Dictionary(instance.scorers.map { ($0.name, $0) }) { first, _ in first }
        let descriptions = instance.scorers.map { $0.description(as: $0.name) }
        let (time, timeout) = (seam.time, configuration.scorerTimeout)
        scorers.update(library: plugin.name, descriptions: descriptions) { name, columns in
            let columns = columns.owned
            return plugin.run("score", deadline: time.uptime + timeout) {
                guard let scorer = table[name] else { return Answer(PluginError(.notFound, "no scorer \(name)")) }
                do throws(PluginError) {
                    return Answer(code: DROVER_OK, bytes: try scorer.score(columns))
                } catch {
                    return Answer(error)
                }
            }
        }
    }

    /// The scorers of a library in a process of its own.
    private func offerScorers(of instance: RemoteInstance, _ plugin: HostedPlugin) {
        let (time, timeout) = (seam.time, configuration.scorerTimeout)
        scorers.update(library: plugin.name, descriptions: instance.scorerDescriptions) { name, columns in
            do {
                let bytes = try plugin.callBlocking(
                    DROVER_SCORERS_1, "score", [.text(name), .block(columns)], deadline: time.uptime + timeout)
                let rows = Int(columns.base.load(as: drover_score_columns.self).row_count)
                guard bytes.count == 8 * rows else {
                    throw PluginError(.garbage, "\(name) answered \(bytes.count) bytes for \(rows) rows")
                }
                return Answer(code: DROVER_OK, bytes: bytes)
            } catch {
                return Answer(error as? PluginError ?? PluginError(.internal, "\(error)"))
            }
        }
    }

    private func remote(
        _ plugin: HostedPlugin, _ settings: HostSettings, _ services: AgentServices,
        ended: @escaping @Sendable (RemoteInstance.End) -> Void
    ) throws(PluginError) -> RemoteInstance {
        try RemoteInstance(
            program: configuration.hostProgram, name: plugin.name, environment: configuration.processEnvironment,
            settings: settings, services: services, pool: plugin.threads ?? threads, timeout: configuration.loadTimeout,
            ended: ended)
    }

    /// A library that is to run in the agent is first tried in a process of its own, once for each content.
    private func probe(
        _ plugin: HostedPlugin, _ settings: HostSettings, _ services: AgentServices
    ) throws(PluginError) {
        let hash = try ContentHash.hash(file: settings.file)
        let record = "\(configuration.dataFolder)/probed/\(hash)"
        if seam.disk.exists(record) { return }
        let instance: RemoteInstance
        do {
            instance = try remote(plugin, settings, services) { _ in }
        } catch {
            throw error.during("probe in a separate process")
        }
        instance.stop()
        do throws(DiskError) {
            try seam.disk.makeDirectory("\(configuration.dataFolder)/probed")
            try seam.disk.open(record, create: true, exclusive: false).close()
        } catch {
            // The next start probes again; nothing else depends on it.
            log.warning("probe result not kept", metadata: ["plugin.name": "\(plugin.name)", "reason": "\(error)"])
        }
    }

    // MARK: - Faces

    /// Asks the new instance what it is and puts its faces into the registries.
    func makeFaces(_ plugin: HostedPlugin, _ instance: any PluginInstance) async throws {
        for kind in plugin.manifest.kinds {
            switch kind {
            case .driver:
                let answer = try await ask(plugin, instance, DROVER_DRIVER_1, "capabilities")
                let capabilities = try DriverAnswers.capabilities(answer, plugin: plugin.name)
                state.withLock { state in
                    if let driver = state.drivers[plugin.name], driver.plugin === plugin {
                        return driver.update(capabilities)
                    }
                    state.drivers[plugin.name] = HostedDriver(plugin, capabilities: capabilities)
                }
            case .scheduler:
                let answer = try await ask(plugin, instance, DROVER_SCHEDULER_1, "describe")
                let (name, kinds) = try HostedScheduler.description(answer, plugin: plugin.name)
                let scheduler = HostedScheduler(plugin, name: name, kinds: kinds)
                state.withLock { $0.schedulers[name] = scheduler }
            case .fingerprint:
                state.withLock { $0.fingerprinters[plugin.name] = HostedFingerprinter(plugin) }
            case .device: state.withLock { $0.devices[plugin.name] = HostedDeviceProvider(plugin) }
            case .scorer: break
            }
        }
    }

    private func ask(
        _ plugin: HostedPlugin, _ instance: any PluginInstance, _ interface: String, _ operation: String
    ) async throws -> [UInt8] {
        let timeout = configuration.loadTimeout
        let deadline = seam.time.uptime + timeout
        return try await plugin.limited(to: timeout, operation) {
            try await plugin.perform(instance, interface, operation, [], deadline: deadline)
        }
    }
}
