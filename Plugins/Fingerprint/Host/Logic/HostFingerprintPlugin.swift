public import DroverSDK

/// The library behind the fingerprinter `host`: the machine, and its GPUs as devices.
public struct HostFingerprintPlugin: Plugin {
    public let fingerprinter: (any Fingerprinter)?
    public let devices: (any DeviceProvider)?

    /// Parses the operator's configuration.
    public init(host: Host, config: JSON) throws {
        let library = try config.text("nvidia_library")
        let memory = NvidiaMemory(store: host.store)
        let session = library.isEmpty ? NvidiaSession(memory: memory) : NvidiaSession(names: [library], memory: memory)
        let machine = Machine(root: try config.text("root"), system: LinuxSystemCalls(nvidia: session))
        fingerprinter = HostFingerprinter(machine: machine, store: host.store)
        devices = HostDevices(machine: machine, clock: host.clock)
    }
}
