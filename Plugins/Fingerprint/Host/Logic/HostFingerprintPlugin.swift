public import DroverSDK

/// The library behind the fingerprinter `host`: the machine, and its GPUs as devices.
public struct HostFingerprintPlugin: Plugin {
    public let fingerprinter: (any Fingerprinter)?
    public let devices: (any DeviceProvider)?

    /// Parses the operator's configuration.
    public init(host: Host, config: JSON) throws {
        let library = try config.text("nvidia_library")
        let session = library.isEmpty ? NvidiaSession() : NvidiaSession(names: [library])
        let machine = Machine(root: try config.text("root"), system: LinuxSystemCalls(nvidia: session))
        fingerprinter = HostFingerprinter(machine: machine)
        devices = HostDevices(machine: machine, clock: host.clock)
    }
}
