import CDroverABI
import Model
import StateStore

/// One device instance of one node, as the cluster view lists it.
struct DeviceInstance: Sendable {
    let key: DeviceKey
    /// Number of its ``DeviceGroup``.
    let group: UInt32
    /// Number in its node.
    let number: UInt32
    let isHealthy: Bool
    let numa: UInt32
}

/// Devices that constraints cannot tell apart: of one vendor, type, model and set of attributes.
struct DeviceGroup: Hashable, Sendable {
    let vendor: String
    let type: String
    let name: String
    let attributes: [String: DeviceAttributeValue]

    /// Memory of an instance in MiB; nil when its attributes do not say.
    var memoryMiB: Int64? { attributes["memory"]?.bytes.map { $0 >> 20 } }

    /// The smallest share of an instance that can be given, in thousandths; any, when its attributes do not say.
    var fractionMinMilli: Int { attributes[NodeDeviceResource.fractionMin].flatMap { Int($0.text) } ?? 1 }
}

/// The devices of all nodes: numbers for their groups, and the flat list of instances that the ABI wants.
struct DeviceInventory {
    private(set) var groups: [DeviceGroup] = []
    private var numbers: [DeviceGroup: UInt32] = [:]
    private var byNode: [NodeRow: [DeviceInstance]] = [:]
    /// Nodes with devices, ascending, and where each one's instances begin in the list.
    private var firsts: [NodeRow: Int] = [:]
    private(set) var list: [drover_device_instance] = []
    private(set) var instanceCount = 0

    var isEmpty: Bool { byNode.isEmpty }

    /// The instances of a node; empty when it has none.
    func instances(_ row: NodeRow) -> [DeviceInstance] { byNode[row] ?? [] }

    /// Where the node's instances begin in ``list``.
    func first(_ row: NodeRow) -> Int? { firsts[row] }

    /// The node and instance at a place of ``list``.
    func instance(at index: Int) -> (node: NodeRow, instance: DeviceInstance)? {
        guard list.indices.contains(index) else { return nil }
        let row = list[index].node
        return (row, instances(row)[index - (firsts[row] ?? 0)])
    }

    /// What an allocation on `row` holds, by place in ``list``; instances that are gone or ill are left out: nothing is gained
    /// when they are given back.
    func shares(of hardware: AssignedHardware, on row: NodeRow) -> [drover_device_share] {
        var load = HardwareLoad()
        load.add(hardware, sign: 1)
        let first = firsts[row] ?? 0
        return instances(row).enumerated().compactMap { position, instance in
            guard instance.isHealthy else { return nil }
            return load.shares[instance.key].map {
                drover_device_share(index: UInt32(first + position), share_milli: UInt32(clamping: $0))
            }
        }
    }

    /// Takes in a node's document.
    mutating func set(_ row: NodeRow, _ node: Node?) {
        instanceCount -= byNode[row]?.count ?? 0
        let instances = node.map { self.instances(of: $0) } ?? []
        byNode[row] = instances.isEmpty ? nil : instances
        instanceCount += instances.count
    }

    private mutating func instances(of node: Node) -> [DeviceInstance] {
        var found: [DeviceInstance] = []
        for resource in node.nodeResources.devices {
            let group = number(
                DeviceGroup(
                    vendor: resource.vendor, type: resource.type, name: resource.name,
                    attributes: resource.attributes.mapValues(DeviceAttributeValue.init)))
            for device in resource.instances {
                let key = DeviceKey(
                    vendor: resource.vendor, type: resource.type, name: resource.name, id: device.id)
                found.append(
                    DeviceInstance(
                        key: key, group: group, number: UInt32(found.count), isHealthy: device.healthy,
                        numa: device.locality?.numaNode.flatMap { UInt32(exactly: $0) } ?? DROVER_NONE))
            }
        }
        return found
    }

    private mutating func number(_ group: DeviceGroup) -> UInt32 {
        if let known = numbers[group] { return known }
        let number = UInt32(groups.count)
        numbers[group] = number
        groups.append(group)
        return number
    }

    /// Makes ``list`` anew, with what is free of each instance in `snapshot`.
    mutating func relist(_ snapshot: Snapshot) {
        list.removeAll(keepingCapacity: true)
        firsts.removeAll(keepingCapacity: true)
        for row in byNode.keys.sorted() {
            firsts[row] = list.count
            let held = snapshot.hardwareLoad(row)?.shares ?? [:]
            for instance in instances(row) {
                let free = instance.isHealthy ? DeviceShare.whole - (held[instance.key] ?? 0) : 0
                list.append(
                    drover_device_instance(
                        size: UInt32(MemoryLayout<drover_device_instance>.size), node: row, group: instance.group,
                        instance: instance.number, free_milli: UInt32(clamping: free), numa: instance.numa))
            }
        }
    }
}
