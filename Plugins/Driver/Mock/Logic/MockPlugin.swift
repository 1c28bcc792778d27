public import DroverSDK

/// The library behind the driver `mock_driver`.
public struct MockPlugin: Plugin {
    public let driver: (any Driver)?
    private let mock: MockDriver

    /// Parses the operator's configuration.
    public init(host: Host, config: JSON) throws {
        mock = try MockDriver(host: host, config: config)
        driver = mock
    }

    /// Forgets timers and answers what waits; scripts go on in the next instance.
    public func shutdown() { mock.shutdown() }
}
