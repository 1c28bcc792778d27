public import DroverSDK

/// Users that the operator keeps away from tasks: the settings "denied_host_uids" and "denied_host_gids".
public struct DeniedUsers: Sendable {
    private let users: IDRanges
    private let groups: IDRanges

    /// - Throws: ``PluginError`` naming the key that is wrong.
    public init(_ config: JSON) throws(PluginError) {
        users = try IDRanges(config.text("denied_host_uids"), key: "denied_host_uids")
        groups = try IDRanges(config.text("denied_host_gids"), key: "denied_host_gids")
    }

    /// The account of `user` ("": the agent's own); refuses one that is denied, or in a group that is.
    @discardableResult
    public func check(_ user: String) throws(PluginError) -> UserAccount {
        guard let account = user.isEmpty ? UserAccount.current : UserAccount.find(user) else {
            throw PluginError(.notFound, "user \"\(user)\" does not exist on this machine")
        }
        let name = user.isEmpty ? "the agent's user" : "user \"\(user)\""
        if users.contains(account.uid) {
            throw PluginError(.denied, "\(name) (uid \(account.uid)) is in the operator's denied_host_uids")
        }
        if let group = account.gids.first(where: groups.contains) {
            throw PluginError(.denied, "\(name) is in group \(group), which is in the operator's denied_host_gids")
        }
        return account
    }
}
