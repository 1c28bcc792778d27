public import DroverSDK

/// The library behind the driver `raw_exec`.
public struct RawExecPlugin: Plugin {
    public let driver: (any Driver)?

    /// Parses the operator's configuration.
    public init(host: Host, config: JSON) throws {
        driver = RawExecDriver(executor: host.executor, settings: try RawExecSettings(config))
    }
}
