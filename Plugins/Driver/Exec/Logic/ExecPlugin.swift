public import DroverSDK
internal import TaskIsolation

/// The library behind the driver `exec`.
public struct ExecPlugin: Plugin {
    public let driver: (any Driver)?

    /// Parses the operator's configuration.
    public init(host: Host, config: JSON) throws {
        driver = ExecDriver(executor: host.executor, settings: try IsolationSettings(config))
    }
}
