package import DroverSDK
internal import PluginSupport

/// How the operator wants tasks isolated: the configuration that `exec` and `java` have in common.
package struct IsolationSettings: Sendable {
    /// Host paths that tasks see, read-only, with where they see them; parents first.
    let folders: [(host: String, task: String)]
    let pivotsRoot: Bool
    let processMode: NamespaceMode
    let memoryMode: NamespaceMode
    let allowed: CapabilitySet
    /// Processes and threads a task; 0: any number.
    let processesMax: Int64
    let deniedUsers: DeniedUsers

    /// What tasks see of the host unless `chroot_env` says otherwise (Nomad docs: exec driver, chroot).
    static let usualFolders = ["/bin", "/etc", "/lib", "/lib32", "/lib64", "/run/resolvconf", "/sbin", "/usr"]

    /// Whom tasks run as that name no user.
    package static let defaultUser = "nobody"

    /// What a driver of isolated tasks can do.
    package static var driverCapabilities: DriverCapabilities {
        DriverCapabilities(
            sendSignals: true, exec: true, filesystemIsolation: "chroot", networkIsolation: ["host", "group", "none"],
            mounts: "all", defaultUser: defaultUser)
    }

    /// - Throws: ``PluginError`` naming the key that is wrong.
    package init(_ config: JSON) throws(PluginError) {
        folders = try IsolationSettings.folders(config["chroot_env"])
        pivotsRoot = !(try config.flag("no_pivot_root"))
        processMode = try NamespaceMode(config, "default_pid_mode", otherwise: .own)
        memoryMode = try NamespaceMode(config, "default_ipc_mode", otherwise: .own)
        let names = try config.texts("allow_caps")
        allowed = try config["allow_caps"] == nil ? .usual : CapabilitySet(names, key: "allow_caps")
        processesMax = try config.int("pids_limit", in: 0...(1 << 22))
        deniedUsers = try DeniedUsers(config)
    }

    /// Whether tasks see the host's `path` at that very path.
    package func shows(_ path: String) -> Bool {
        folders.contains { $0.host == $0.task && (path == $0.host || path.hasPrefix($0.host + "/")) }
    }

    private static func folders(_ map: JSON?) throws(PluginError) -> [(host: String, task: String)] {
        guard let map = map?.object, !map.isEmpty else { return usualFolders.map { ($0, $0) } }
        var folders: [(host: String, task: String)] = []
        for (host, target) in map {
            guard host.hasPrefix("/"), let target = target.string, target.hasPrefix("/") else {
                throw PluginError(
                    .invalid, "\"chroot_env\": \"\(host)\" and the path it is seen at must both be absolute")
            }
            folders.append((host, target))
        }
        return folders.sorted { ($0.task, $0.host) < ($1.task, $1.host) }
    }
}

/// Whether a task has a namespace of its own or shares the host's.
enum NamespaceMode: String, Sendable {
    case own = "private"
    case host

    /// The member `key`; `otherwise` when it is absent or "".
    init(_ config: JSON, _ key: String, otherwise: NamespaceMode) throws(PluginError) {
        let text = try config.text(key)
        guard let mode = text.isEmpty ? otherwise : NamespaceMode(rawValue: text) else {
            throw PluginError(.invalid, "\"\(key)\" must be \"private\" or \"host\", not \"\(text)\"")
        }
        self = mode
    }
}
