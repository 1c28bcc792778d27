internal import DroverSDK

/// The machine's GPUs as devices that tasks can be given. None, on a machine without.
struct HostDevices: DeviceProvider {
    /// A lost GPU is known after so long.
    static let period: Int64 = 10_000_000_000

    let machine: Machine
    let clock: Clock

    private var nvidia: NvidiaDevices { NvidiaDevices(machine: machine) }
    private var drm: DRMDevices { DRMDevices(machine: machine) }

    func probe() throws -> JSON { DeviceGroups.probe(nvidia.units() + drm.units(), period: Self.period) }

    func reserve(_ request: JSON) throws -> JSON {
        let wanted = (request["instances"]?.array ?? []).compactMap { instance in
            instance["id"]?.string.map { (id: $0, shareMilli: instance["share_milli"]?.integer ?? 1000) }
        }
        let known = (nvidia.units() + drm.units()).map(\.id)
        if let missing = wanted.first(where: { !known.contains($0.id) }) {
            throw PluginError(.notFound, "no GPU \(missing.id) on this machine; it has \(known)")
        }
        var reservation = Reservation()
        try nvidia.reserve(wanted, &reservation)
        try drm.reserve(wanted, isolation: request["fs_isolation"]?.string ?? "none", &reservation)
        return reservation.json
    }

    func stats() throws -> JSON { DeviceGroups.stats(nvidia.uses() + drm.uses(), time: clock.wall) }
}
