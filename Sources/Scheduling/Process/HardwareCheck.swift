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
    /// `held` are plans that are verified and not yet part of the state.
    func reason(_ change: NodeLoadChange, _ held: NodeLoadChange?) -> String? {
        var load = load
        for hardware in change.freedHardware + (held?.freedHardware ?? []) { load.add(hardware, sign: -1) }
        for hardware in held?.hardware ?? [] { load.add(hardware, sign: 1) }
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
            for (device, share) in load.shares where share > DeviceShare.whole || !healthy.contains(device) {
                guard hardware.holds(device) else { continue }
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
    fileprivate func holds(_ key: DeviceKey) -> Bool {
        tasks.values.contains { task in
            task.devices.contains {
                $0.deviceIDs.contains(key.id) && $0.vendor == key.vendor && $0.type == key.type && $0.name == key.name
            }
        }
    }
}
