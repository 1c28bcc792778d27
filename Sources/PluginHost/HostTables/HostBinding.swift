internal import CDroverABI
internal import Synchronization

/// The host as one instance of a plug-in sees it: its `drover_host` and the tables behind it, until revoked.
final class HostBinding: @unchecked Sendable {
    let identity: PluginIdentity
    let folders: TaskFolders
    /// Valid for ever, as the ABI promises.
    let host: UnsafePointer<drover_host>
    private let interfaces: [String: any HostInterface]
    private let tables = Mutex<[String: BoundTable]>([:])
    private let isRevoked = Atomic(false)

    /// `interfaces` are what is offered to this instance: its grants.
    init(identity: PluginIdentity, folders: TaskFolders, interfaces: [any HostInterface]) throws(PluginError) {
        self.identity = identity
        self.folders = folders
        self.interfaces = Dictionary(interfaces.map { ($0.id, $0) }) { _, last in last }
        let host = UnsafeMutablePointer<drover_host>.allocate(capacity: 1)
        host.initialize(to: drover_host())
        host.pointee.size = UInt32(MemoryLayout<drover_host>.size)
        host.pointee.abi_version = UInt32(DROVER_ABI_VERSION)
        self.host = UnsafePointer(host)
        let shape = try FunctionShape.pointerToPointer(name: "get_interface")
        // Retained for ever: a stray thread may ask at any time.
        let context = Unmanaged.passRetained(self).toOpaque()
        let code = try BoundTable.closure(shape, name: "get_interface", context: context) { _, result, slots, context in
            guard let context, let result, let slot = slots?[0] else { return }
            let binding = Unmanaged<HostBinding>.fromOpaque(context).takeUnretainedValue()
            let id = slot.load(as: UnsafePointer<CChar>?.self)
            let table = id.flatMap { binding.table(String(cString: $0)) }
            result.storeBytes(of: UInt64(UInt(bitPattern: table)), as: UInt64.self)
        }
        host.pointee.get_interface = unsafeBitCast(
            code, to: (@convention(c) (UnsafePointer<CChar>) -> UnsafeRawPointer?).self)
    }

    /// The table for `id`, made when first asked for; nil when it is not offered or the instance has been destroyed.
    private func table(_ id: String) -> UnsafeRawPointer? {
        guard enter(), let interface = interfaces[id] else { return nil }
        return tables.withLock { tables in
            if let table = tables[id] { return table.table }
            guard let table = try? BoundTable(interface, binding: self) else { return nil }
            tables[id] = table
            return table.table
        }
    }

    /// Whether the instance may still call.
    func enter() -> Bool { !isRevoked.load(ordering: .acquiring) }

    /// From now on every function of every table answers DROVER_E_REVOKED.
    func revoke() {
        isRevoked.store(true, ordering: .releasing)
        for interface in interfaces.values { interface.revoke() }
    }
}

extension HostInterface {
    /// Most leave nothing open.
    func revoke() {}
}
