public import DroverSDK
internal import PluginSupport

/// The operator's configuration of `raw_exec`.
public struct RawExecSettings: Sendable {
    /// Whether jobs may use the driver: it gives tasks all that the agent itself may do, so it is off by default.
    public let isEnabled: Bool
    /// Whom tasks may not run as.
    let deniedUsers: DeniedUsers
    private let deniedVariables: [NamePattern]

    /// - Throws: ``PluginError`` naming the key that is wrong.
    public init(_ config: JSON) throws(PluginError) {
        isEnabled = try config.flag("enabled")
        deniedUsers = try DeniedUsers(config)
        deniedVariables = try config.texts("denied_envvars").map(NamePattern.init)
    }

    /// `environment` without what the operator, and the task's own "denied_envvars", keep away from tasks.
    func filter(_ environment: [String: String], alsoDenied: [String]) -> [String: String] {
        let patterns = deniedVariables + alsoDenied.map(NamePattern.init)
        guard !patterns.isEmpty else { return environment }
        return environment.filter { variable in !patterns.contains { $0.matches(variable.key) } }
    }
}
