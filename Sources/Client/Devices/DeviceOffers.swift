internal import Basics
internal import Model
internal import PluginHost

/// A device instance as an allocation names it.
struct HeldDevice: Hashable, Sendable, CustomStringConvertible {
    var vendor: String
    var type: String
    var model: String
    var id: String

    var description: String { "\(vendor)/\(type)/\(model)[\(id)]" }
}

/// What the device plug-ins of this node offer, as each last told.
struct DeviceOffers: Sendable, Equatable {
    private struct Kind: Hashable {
        var vendor: String
        var type: String
    }

    private var byPlugin: [String: [NodeDeviceResource]] = [:]
    /// Which plug-in tells of devices of a vendor and type, or has told since this client started.
    private var owners: [Kind: String] = [:]
    /// Every device plug-in of this node has told what there is: what none of them has told of is not here.
    private var isComplete = false

    /// Says which plug-ins there are. Without any, nobody can say that a device is gone.
    mutating func setPlugins(_ names: [String]) {
        isComplete = !names.isEmpty && names.allSatisfy { byPlugin[$0] != nil }
    }

    /// Takes in a plug-in's answer, which replaces its last one.
    mutating func set(_ plugin: String, _ found: DeviceFingerprint) {
        byPlugin[plugin] = found.groups.map(DeviceOffers.resource)
        for group in found.groups { owners[Kind(vendor: group.vendor, type: group.type)] = plugin }
    }

    /// All groups, by vendor, type and model; of one that two plug-ins offer the later plug-in's, in byte order of names.
    var groups: [NodeDeviceResource] {
        var merged: [[String]: NodeDeviceResource] = [:]
        for (_, groups) in byPlugin.sorted(by: { $0.key < $1.key }) {
            for group in groups { merged[[group.vendor, group.type, group.name]] = group }
        }
        return merged.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.value)
    }

    /// The plug-in that knows the device.
    func plugin(of device: HeldDevice) -> String? { owners[Kind(vendor: device.vendor, type: device.type)] }

    /// Why no task can go on with the device; nil while one can, and while not all plug-ins have told what there is.
    func fault(of device: HeldDevice) -> String? {
        guard let plugin = plugin(of: device) else { return isComplete ? "no plug-in of this node finds it" : nil }
        for group in byPlugin[plugin] ?? []
        where (group.vendor, group.type, group.name) == (device.vendor, device.type, device.model) {
            guard let instance = group.instances.first(where: { $0.id == device.id }) else { continue }
            if instance.healthy { return nil }
            return instance.healthDescription.isEmpty ? "it is not healthy" : instance.healthDescription
        }
        return "plug-in \"\(plugin)\" finds it no more"
    }

    private static func resource(_ group: DeviceFingerprint.Group) -> NodeDeviceResource {
        var resource = NodeDeviceResource()
        resource.vendor = group.vendor
        resource.type = group.type
        resource.name = group.model
        resource.attributes = group.attributes.mapValues(attribute)
        if let least = group.instances.map(\.fractionMinMilli).max() {
            resource.attributes[NodeDeviceResource.fractionMin] = attribute(.integer(Int64(least)))
        }
        resource.instances = group.instances.map { found in
            var device = NodeDevice()
            device.id = found.id
            device.healthy = found.isHealthy
            device.healthDescription = found.healthMessage
            if !found.pciBusID.isEmpty || found.numa != nil {
                var place = NodeDeviceLocality()
                place.pciBusID = found.pciBusID
                place.numaNode = found.numa
                device.locality = place
            }
            return device
        }
        return resource
    }

    private static func attribute(_ value: JSON) -> DeviceAttribute {
        var attribute = DeviceAttribute()
        switch value {
        case .bool(let flag): attribute.bool = flag
        case .integer(let number): attribute.int = number
        case .number(let number): attribute.float = number
        case .string(let text): attribute = DeviceAttribute(text: text)
        case .null, .array, .object: attribute.string = value.text
        }
        return attribute
    }
}

extension AllocatedTaskResources {
    /// The instances that the task was given, with the thousandths of each.
    var heldDevices: [(device: HeldDevice, shareMilli: Int)] {
        devices.flatMap { group in
            group.deviceIDs.map { id in
                (
                    HeldDevice(vendor: group.vendor, type: group.type, model: group.name, id: id),
                    DeviceShare.milli(group.share)
                )
            }
        }
    }
}
