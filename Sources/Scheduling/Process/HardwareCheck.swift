import Model
import StateStore

/// Whether a node still has the devices and cores that a plan gives out.
struct HardwareCheck {
    private let node: Node
    private var load: HardwareLoad

    init(node: Node, load: HardwareLoad?) {
        self.node = node
        self.load = load ?? HardwareLoad()
    }

    /// Why the plan cannot have what it takes beside what others hold; nil when it can.
    ///
    /// `held` are plans that are verified and not yet part of the state; `freed` is what stops of either give back.
    func reason(_ change: NodeLoadChange, held: NodeLoadChange, freed: [AssignedHardware]) -> String? {
        var load = load
        for hardware in freed { load.add(hardware, sign: -1) }
        for hardware in held.hardware { load.add(hardware, sign: 1) }
        let healthy = healthyDevices
        let cores = Set(node.nodeResources.cpu.reservableCpuCores).subtracting(
            node.reservedResources.cpu.reservedCpuCores)
        for hardware in change.hardware {
            for task in hardware.tasks.values {
                if let core = task.cores.first(where: { !cores.contains($0) || load.cores.contains($0) }) {
                    return "core \(core) is taken"
                }
            }
            load.add(hardware, sign: 1)
            let own = hardware.deviceKeys
            for (device, share) in load.shares where share > DeviceShare.whole || !healthy.contains(device) {
                guard own.contains(device) else { continue }
                return "device \(device.id) is taken or not healthy"
            }
        }
        return nil
    }

    private var healthyDevices: Set<DeviceKey> {
        var keys: Set<DeviceKey> = []
        for group in node.nodeResources.devices {
            for instance in group.instances where instance.healthy {
                keys.insert(
                    DeviceKey(vendor: group.vendor, type: group.type, name: group.name, id: instance.id))
            }
        }
        return keys
    }
}

extension AssignedHardware {
    /// The device instances it has a share of.
    var deviceKeys: Set<DeviceKey> {
        var keys: Set<DeviceKey> = []
        for device in tasks.values.flatMap(\.devices) {
            for id in device.deviceIDs {
                keys.insert(DeviceKey(vendor: device.vendor, type: device.type, name: device.name, id: id))
            }
        }
        return keys
    }
}
