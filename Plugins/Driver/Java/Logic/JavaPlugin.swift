public import DroverSDK
internal import TaskIsolation

/// The library behind the driver `java`.
public struct JavaPlugin: Plugin {
    public let driver: (any Driver)?

    /// Parses the operator's configuration.
    public init(host: Host, config: JSON) throws {
        driver = JavaDriver(host: host, settings: try IsolationSettings(config))
    }
}
