import Basics
package import Model

/// Classes of nodes that constraints cannot tell apart, so that feasibility is computed once a class.
package enum ComputedClass {
    /// A hash over what constraints may look at: datacenter, pool, class, attributes, meta, drivers, volumes and the kinds of
    /// devices; everything under `unique.` is left out, as it would put each node in a class of its own.
    package static func of(_ node: Node) -> String {
        var hasher = StableHasher()
        hasher.combine(node.datacenter)
        hasher.combine(node.nodePool)
        hasher.combine(node.nodeClass)
        combine(node.attributes, &hasher)
        combine(node.meta, &hasher)
        for (name, driver) in node.drivers.sorted(by: { $0.key < $1.key }) {
            hasher.combine(name)
            hasher.combine(driver.detected && driver.healthy ? 1 as UInt64 : 0)
        }
        for (name, volume) in node.hostVolumes.sorted(by: { $0.key < $1.key }) {
            hasher.combine(name)
            hasher.combine(volume.readOnly ? 1 as UInt64 : 0)
        }
        for name in node.hostNetworks.keys.sorted() { hasher.combine(name) }
        for device in node.nodeResources.devices {
            hasher.combine(device.vendor)
            hasher.combine(device.type)
            hasher.combine(device.name)
            for (name, attribute) in device.attributes.sorted(by: { $0.key < $1.key }) {
                hasher.combine(name)
                hasher.combine(attribute.jsonBytes)
            }
        }
        return "v1:\(hasher.value)"
    }

    private static func combine(_ pairs: [String: String], _ hasher: inout StableHasher) {
        for (key, value) in pairs.sorted(by: { $0.key < $1.key }) where !key.hasPrefix("unique.") {
            hasher.combine(key)
            hasher.combine(value)
        }
        hasher.combine(UInt64.max)
    }
}
