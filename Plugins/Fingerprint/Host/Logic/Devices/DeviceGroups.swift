internal import DroverSDK

/// Devices on their way into the documents of device.h.
struct DeviceUnit: Sendable, Equatable {
    var vendor: String
    var model: String
    var id: String
    var attributes: [String: JSON] = [:]
    var memoryMiB: Int64 = 0
    var busID = ""
    /// Its NUMA node; `nil` when unknown.
    var numa: Int64?
    /// Why it cannot be used; `nil` while it can.
    var fault: String?
    /// Tasks may have a part of it.
    var isShared = true
}

/// What a device does now.
struct DeviceUse: Sendable, Equatable {
    var vendor: String
    var model: String
    var id: String
    var summary: JSON
    var stats: [String: JSON]
}

enum DeviceGroups {
    /// The answer of `probe`: groups by vendor and model. A group has the attributes in which all its devices agree, and the least
    /// memory of any.
    static func probe(_ units: [DeviceUnit], period: Int64) -> JSON {
        let groups = Dictionary(grouping: units) { [$0.vendor, $0.model] }.sorted {
            $0.key.lexicographicallyPrecedes($1.key)
        }
        return [
            "groups": .array(
                groups.map {
                    group($0.key, ["attributes": attributes($0.value), "instances": .array($0.value.map(instance))])
                }),
            "period_ns": .integer(period),
        ]
    }

    /// The answer of `stats`.
    static func stats(_ uses: [DeviceUse], time: Int64) -> JSON {
        let groups = Dictionary(grouping: uses) { [$0.vendor, $0.model] }.sorted {
            $0.key.lexicographicallyPrecedes($1.key)
        }
        return [
            "groups": .array(
                groups.map { name, members in
                    let instances = members.map { use -> (String, JSON) in
                        (use.id, ["summary": use.summary, "stats": .object(use.stats), "time_ns": .integer(time)])
                    }
                    return group(name, ["instances": .object(Dictionary(instances) { first, _ in first })])
                })
        ]
    }

    private static func group(_ name: [String], _ more: [String: JSON]) -> JSON {
        let names: [String: JSON] = ["vendor": .string(name[0]), "type": "gpu", "model": .string(name[1])]
        return .object(names.merging(more) { first, _ in first })
    }

    private static func attributes(_ units: [DeviceUnit]) -> JSON {
        var common = units.first?.attributes ?? [:]
        for unit in units { common = common.filter { unit.attributes[$0.key] == $0.value } }
        if let memory = units.map(\.memoryMiB).filter({ $0 > 0 }).min() { common["memory"] = .string("\(memory) MiB") }
        return .object(common)
    }

    private static func instance(_ unit: DeviceUnit) -> JSON {
        var members: [String: JSON] = [
            "id": .string(unit.id), "healthy": .bool(unit.fault == nil), "health_message": .string(unit.fault ?? ""),
            "pci_bus_id": .string(unit.busID), "fraction_min_milli": unit.isShared ? 1 : 1000,
        ]
        if let numa = unit.numa { members["numa"] = .integer(numa) }
        return .object(members)
    }
}
