public import DroverSDK

/// The library behind the driver `qemu`.
public struct QemuPlugin: Plugin {
    public let driver: (any Driver)?

    /// Parses the operator's configuration.
    public init(host: Host, config: JSON) throws {
        driver = QemuDriver(host: host, settings: try QemuSettings(config))
    }
}
