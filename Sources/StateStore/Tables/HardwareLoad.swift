package import Model

/// Names a device instance of a node.
package struct DeviceKey: Hashable, Sendable {
    package let vendor: String
    package let type: String
    package let name: String
    package let id: String

    package init(vendor: String, type: String, name: String, id: String) {
        self.vendor = vendor
        self.type = type
        self.name = name
        self.id = id
    }
}

/// What allocations hold of one node's devices and cores, by instance.
package struct HardwareLoad: Sendable, Equatable {
    /// Thousandths held of each device instance; absent is none.
    package private(set) var shares: [DeviceKey: Int] = [:]
    /// Cores that only one task may use.
    package private(set) var cores: Set<UInt16> = []

    package init() {}

    /// Counts what an allocation got as held (`sign` 1) or given back (-1).
    package mutating func add(_ hardware: AssignedHardware, sign: Int) {
        for task in hardware.tasks.values {
            if sign > 0 { cores.formUnion(task.cores) } else { cores.subtract(task.cores) }
            for device in task.devices {
                for id in device.deviceIDs {
                    let key = DeviceKey(vendor: device.vendor, type: device.type, name: device.name, id: id)
                    let held = shares[key, default: 0] + sign * DeviceShare.milli(device.share)
                    shares[key] = held > 0 ? held : nil
                }
            }
        }
    }
}
