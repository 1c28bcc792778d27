public import DroverSDK

/// The library behind the fingerprinter `host`: the machine, and its NVIDIA GPUs as devices.
public struct HostFingerprintPlugin: Plugin {
    public let fingerprinter: (any Fingerprinter)?
    public let devices: (any DeviceProvider)?

    /// There is nothing to configure.
    public init(host: Host, config: JSON) throws {
        let machine = Machine()
        fingerprinter = HostFingerprinter(machine: machine)
        devices = NvidiaDevices(machine: machine, clock: host.clock)
    }
}
