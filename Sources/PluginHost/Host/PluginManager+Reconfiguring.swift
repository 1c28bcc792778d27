internal import Basics
internal import Synchronization

/// New `plugin` blocks while the agent runs.
extension PluginManager {
    /// Takes the blocks as they are now: a plug-in whose `config` has changed gets a new instance, which takes over tasks and calls
    /// from the old one as with a new version (``rescan()``).
    ///
    /// A `config` that the plug-in refuses leaves the running instance, and what it was configured with. Whether a plug-in runs at
    /// all, and where, is decided when the agent starts.
    /// - Returns: for each block that differs, the plug-in's name and nil, or why the agent does not follow it.
    package func reconfigure(
        _ blocks: [String: PluginHostConfiguration.Plugin]
    ) async -> [(plugin: String, problem: String?)] {
        var results: [(plugin: String, problem: String?)] = []
        for name in Set(state.withLock { $0.blocks }.keys).union(blocks.keys).sorted() {
            let (old, new) = (block(name), blocks[name] ?? PluginHostConfiguration.Plugin())
            guard old != new else { continue }
            var problem = old.config == new.config ? nil : await reconfigure(name, new.config)
            if problem == nil, old.isEnabled != new.isEnabled || old.isolation != new.isolation {
                problem = "\"enabled\" and \"isolation\" are followed when the agent starts; start it again"
            }
            results.append((name, problem))
        }
        return results
    }

    /// - Returns: why `config` is not in force; nil when it is, or will be as soon as the plug-in runs again.
    private func reconfigure(_ name: String, _ config: JSON) async -> String? {
        guard let plugin = plugin(named: name) else {
            return "no plug-in of this name is loaded; \"drover plugin status\" lists those that are"
        }
        let old = block(name).config
        setConfig(config, of: name)
        switch plugin.phase {
        case .running:
            do {
                let hash = try await onThread { Result { try ContentHash.hash(file: plugin.file.path) } }.get()
                try await replace(plugin, hash: hash, reason: "configured anew")
            } catch {
                setConfig(old, of: name)
                return "\(error)"
            }
        case .quarantined: await load([plugin.file])
        case .loading, .restarting, .stopped: break
        }
        return nil
    }

    /// The block of a plug-in as it is in force.
    func block(_ name: String) -> PluginHostConfiguration.Plugin {
        state.withLock { $0.blocks[name] ?? PluginHostConfiguration.Plugin() }
    }

    private func setConfig(_ config: JSON, of name: String) {
        state.withLock { $0.blocks[name, default: PluginHostConfiguration.Plugin()].config = config }
    }
}
