internal import PluginHost
internal import Synchronization

/// The device plug-ins of this client and what they offer; shared by the fingerprint loop, which fills it, and the tasks' hooks.
final class DeviceTable: Sendable {
    private let registry: any DeviceRegistry
    private let state = Mutex(DeviceOffers())

    init(_ registry: any DeviceRegistry) { self.registry = registry }

    var providers: [any DeviceProvider] { registry.deviceProviders }

    var offers: DeviceOffers { state.withLock { $0 } }

    func set(_ offers: DeviceOffers) { state.withLock { $0 = offers } }

    /// The plug-in that knows the device; nil when none does, or it is not loaded.
    func provider(of device: HeldDevice) -> (any DeviceProvider)? {
        let name = offers.plugin(of: device)
        return providers.first { $0.name == name }
    }
}
