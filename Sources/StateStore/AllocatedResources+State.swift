import Basics
import Model

extension Snapshot {
    /// What the allocation holds of its node, put together from its job's group and its own ports.
    func allocatedResources(_ row: AllocationRow) -> AllocatedResources {
        var resources = AllocatedResources()
        let version = jobVersion(of: row)
        let group = version.job.taskGroups[row.groupIndex]
        let batch = state.allocations.batch(row.row)
        let hardware = hardware(of: row)
        let coreMHz = nodeRecord(row.node)?.coreMHz ?? 0
        for task in group.tasks {
            var given = AllocatedTaskResources(
                asked: task.resources, oversubscribesMemory: batch.oversubscribesMemory)
            if let own = hardware?.tasks[task.name] {
                given.cpu.reservedCores = own.cores
                given.cpu.cpuShares += Int64(own.cores.count) * coreMHz
                given.devices = own.devices
            }
            resources.tasks[task.name] = given
        }
        resources.shared.diskMB = Int64(group.ephemeralDisk?.sizeMB ?? 300)
        guard !batch.portLabels.isEmpty || !group.networks.isEmpty else { return resources }
        let address = hostAddress(row.node)
        let mappings = zip(batch.portLabels, batch.ports(ofRow: row.row)).map { label, port in
            mapping(label: label, port: port, address: address, group: group)
        }
        resources.shared.ports = mappings
        resources.shared.networks = group.networks.map { filled($0, from: mappings, address: address) }
        return resources
    }

    private func mapping(label: String, port: UInt16, address: String, group: TaskGroup) -> PortMapping {
        var mapping = PortMapping()
        mapping.label = label
        mapping.value = Int(port)
        mapping.hostIP = address
        let asked = group.networks.flatMap { $0.reservedPorts + $0.dynamicPorts }.first { $0.label == label }
        mapping.to = asked.map { $0.to == -1 ? Int(port) : $0.to } ?? 0
        mapping.ignoreCollision = asked?.ignoreCollision ?? false
        return mapping
    }

    private func filled(_ network: NetworkResource, from mappings: [PortMapping], address: String) -> NetworkResource {
        var network = network
        if network.ip.isEmpty { network.ip = address }
        func assigned(_ port: Port) -> Port {
            var port = port
            guard let mapping = mappings.first(where: { $0.label == port.label }) else { return port }
            (port.value, port.to) = (mapping.value, mapping.to)
            return port
        }
        network.reservedPorts = network.reservedPorts.map(assigned)
        network.dynamicPorts = network.dynamicPorts.map(assigned)
        return network
    }

    /// The first address the node reports for its host network; empty when it reports none.
    private func hostAddress(_ row: NodeRow) -> String {
        guard let resources = state.nodes[Int(row)]?.node.nodeResources else { return "" }
        if let ip = resources.networks.first(where: { !$0.ip.isEmpty })?.ip { return ip }
        return resources.nodeNetworks.lazy.flatMap(\.addresses).first { !$0.address.isEmpty }?.address ?? ""
    }
}

extension AllocatedTaskResources {
    /// What a task that asks for `asked` gets, with the specification's defaults; `memory_max` is given only where memory is
    /// oversubscribed (Nomad docs: resources).
    fileprivate init(asked: Resources?, oversubscribesMemory: Bool) {
        self.init()
        let cores = asked?.cores ?? 0
        cpu.cpuShares = Int64(cores > 0 ? 0 : asked?.cpu ?? 100)
        memory.memoryMB = Int64(asked?.memoryMB ?? 300)
        memory.memoryMaxMB = oversubscribesMemory ? Int64(asked?.memoryMaxMB ?? 0) : 0
    }
}
