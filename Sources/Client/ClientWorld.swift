package import Basics
package import Logging
package import PluginHost
package import RPC
internal import Synchronization

/// Everything a client takes from outside.
package struct ClientWorld: Sendable {
    package let configuration: ClientConfiguration
    package let seam: Seam
    /// The servers: in the same process, or through RPC.
    package let servers: any Caller
    package let drivers: any DriverRegistry
    package let fingerprinters: any FingerprinterRegistry
    let devices: DeviceTable
    package let store: any ClientStore
    package let modes: any FileModes
    package let network: any NetworkTools
    package let log: Logger
    /// When the drivers had been given time to load.
    let settled = OneShot<Uptime>()

    package init(
        configuration: ClientConfiguration, seam: Seam, servers: any Caller, drivers: any DriverRegistry,
        fingerprinters: any FingerprinterRegistry, devices: any DeviceRegistry, store: any ClientStore,
        modes: any FileModes, network: any NetworkTools, log: Logger
    ) {
        self.configuration = configuration
        self.seam = seam
        self.servers = servers
        self.drivers = drivers
        self.fingerprinters = fingerprinters
        self.devices = DeviceTable(devices)
        self.store = store
        self.modes = modes
        self.network = network
        self.log = log
    }

    func isSettled() -> Bool { settled.current != nil }
}
