public import DroverSDK
internal import PluginSupport

/// The operator's configuration of `raw_exec`.
public struct RawExecSettings: Sendable {
    /// Whether jobs may use the driver: it gives tasks all that the agent itself may do, so it is off by default.
    public let isEnabled: Bool
    private let deniedUsers: IDRanges
    private let deniedGroups: IDRanges
    private let deniedVariables: [NamePattern]

    /// - Throws: ``PluginError`` naming the key that is wrong.
    public init(_ config: JSON) throws(PluginError) {
        isEnabled = try config.flag("enabled")
        deniedUsers = try IDRanges(config.text("denied_host_uids"), key: "denied_host_uids")
        deniedGroups = try IDRanges(config.text("denied_host_gids"), key: "denied_host_gids")
        deniedVariables = try config.texts("denied_envvars").map(NamePattern.init)
    }

    /// `environment` without what the operator, and the task's own "denied_envvars", keep away from tasks.
    func filter(_ environment: [String: String], alsoDenied: [String]) -> [String: String] {
        let patterns = deniedVariables + alsoDenied.map(NamePattern.init)
        guard !patterns.isEmpty else { return environment }
        return environment.filter { variable in !patterns.contains { $0.matches(variable.key) } }
    }

    /// Refuses a task whose user, or one of the user's groups, the operator denies.
    func check(user: String) throws(PluginError) {
        guard let account = user.isEmpty ? UserAccount.current : UserAccount.find(user) else {
            throw PluginError(.notFound, "user \"\(user)\" does not exist on this machine")
        }
        let name = user.isEmpty ? "the agent's user" : "user \"\(user)\""
        if deniedUsers.contains(account.uid) {
            throw PluginError(.denied, "\(name) (uid \(account.uid)) is in the operator's denied_host_uids")
        }
        if let group = account.gids.first(where: deniedGroups.contains) {
            throw PluginError(.denied, "\(name) is in group \(group), which is in the operator's denied_host_gids")
        }
    }
}
