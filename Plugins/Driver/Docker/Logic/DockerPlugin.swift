public import DroverSDK

/// The library behind the driver `docker`.
public struct DockerPlugin: Plugin {
    public let driver: (any Driver)?
    private let docker: DockerDriver

    /// Parses the operator's configuration.
    public init(host: Host, config: JSON) throws {
        docker = try DockerDriver(host: host, settings: DockerSettings(config))
        driver = docker
    }

    public func shutdown() { docker.shutdown() }
}
