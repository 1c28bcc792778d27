internal import Basics
internal import Model
internal import PluginHost

/// Makes the node from configuration and fingerprints.
struct NodeBuilder: Sendable {
    let configuration: ClientConfiguration
    /// By fingerprinter; merged in byte order of names, later wins.
    var machine: [String: MachineFingerprint] = [:]
    var drivers: [String: DriverInfo] = [:]
    var devices = DeviceOffers()

    /// A node before the first look at the machine.
    static func initial(_ identity: NodeIdentity, _ configuration: ClientConfiguration) -> Node {
        var node = Node()
        node.id = identity.id
        node.secretID = identity.secret
        node.datacenter = configuration.datacenter
        node.nodeClass = configuration.nodeClass
        node.nodePool = configuration.nodePool
        node.httpAddr = configuration.httpAddress
        node.tlsEnabled = configuration.usesTLS
        node.meta = configuration.meta
        node.reservedResources = configuration.reserved
        node.hostVolumes = configuration.hostVolumes
        node.hostNetworks = configuration.hostNetworks
        node.cgroupParent = configuration.cgroupParent
        node.nodeMaxAllocs = configuration.nodeMaxAllocs
        node.nodeResources.minDynamicPort = configuration.minDynamicPort
        node.nodeResources.maxDynamicPort = configuration.maxDynamicPort
        node.name = configuration.name
        return node
    }

    /// Attributes and links merged so far, as later fingerprinters see them.
    var attributes: [String: String] {
        var merged: [String: String] = [:]
        for (_, found) in machine.sorted(by: { $0.key < $1.key }) { merged.merge(found.attributes) { $1 } }
        for (_, info) in drivers where info.detected { merged.merge(info.attributes) { $1 } }
        merged.merge(configuration.attributes) { $1 }
        return merged
    }

    /// The node with all that is known.
    func node(from base: Node) -> Node {
        var node = base
        node.attributes = attributes
        node.drivers = drivers
        node.links = [:]
        var resources = NodeResources()
        resources.minDynamicPort = configuration.minDynamicPort
        resources.maxDynamicPort = configuration.maxDynamicPort
        for (_, found) in machine.sorted(by: { $0.key < $1.key }) {
            node.links.merge(found.links) { $1 }
            NodeBuilder.add(found.resources, to: &resources)
        }
        if configuration.cpuTotalCompute > 0 { resources.cpu.cpuShares = configuration.cpuTotalCompute }
        if configuration.memoryTotalMB > 0 { resources.memory.memoryMB = configuration.memoryTotalMB }
        if configuration.diskTotalMB > 0 { resources.disk.diskMB = configuration.diskTotalMB }
        if configuration.networkSpeed > 0 {
            for index in resources.networks.indices where !resources.networks[index].isOwn {
                resources.networks[index].mBits = configuration.networkSpeed
            }
            for index in resources.nodeNetworks.indices
            where !NetworkResource.isOwn(mode: resources.nodeNetworks[index].mode) {
                resources.nodeNetworks[index].speed = configuration.networkSpeed
            }
        }
        resources.devices = devices.groups
        node.nodeResources = resources
        if configuration.name.isEmpty { node.name = node.attributes["unique.hostname"] ?? "localhost" }
        node.computedClass = NodeBuilder.computedClass(node)
        return node
    }

    private static func add(_ found: MachineFingerprint.Resources, to resources: inout NodeResources) {
        if let mhz = found.cpuMHz { resources.cpu.cpuShares = mhz }
        if !found.cores.isEmpty {
            resources.cpu.totalCpuCores = found.cores.count
            resources.cpu.reservableCpuCores = found.cores.map { UInt16(clamping: $0.id) }.sorted()
        }
        if let memory = found.memoryBytes { resources.memory.memoryMB = memory >> 20 }
        if let disk = found.diskBytes { resources.disk.diskMB = disk >> 20 }
        for network in found.networks {
            var simple = NetworkResource()
            simple.mode = network.mode
            simple.device = network.device
            simple.ip = network.ip
            simple.cidr = network.cidr
            simple.mBits = Int(network.mbits)
            resources.networks.append(simple)
            var full = NodeNetworkResource()
            full.mode = network.mode
            full.device = network.device
            full.macAddress = network.mac
            full.speed = Int(network.mbits)
            full.addresses = network.addresses.map { found in
                var address = NodeNetworkAddress()
                address.family = found.family
                address.alias = "default"
                address.address = found.ip
                return address
            }
            resources.nodeNetworks.append(full)
        }
    }

    /// A hash over what constraints can see and nodes can share: nothing with "unique." in its name.
    private static func computedClass(_ node: Node) -> String {
        var hasher = StableHasher()
        for part in [node.datacenter, node.nodePool, node.nodeClass] { hasher.combine(part) }
        for map in [node.attributes, node.meta] {
            for (key, value) in map.sorted(by: { $0.key < $1.key }) where !key.contains("unique.") {
                hasher.combine(key)
                hasher.combine(value)
            }
            hasher.combine(UInt64(0))
        }
        for device in node.nodeResources.devices {
            for part in [device.vendor, device.type, device.name] { hasher.combine(part) }
        }
        return "v1:\(hasher.value)"
    }
}
