internal import Basics
internal import Logging
internal import Model
internal import PluginHost

/// Devices that fail, and what devices do.
extension ClientAgent {
    /// Fails the allocations whose tasks hold a device that is lost or ill: they cannot go on here.
    func failHolders() {
        let offers = world.devices.offers
        for runner in runners { runner.endTasks { offers.fault(of: $0) } }
    }

    /// What all devices do now, as a list of DeviceGroupStats. A plug-in that does not answer is left out, and the log tells why.
    func deviceStatistics() async -> [JSON] {
        var groups: [JSON] = []
        for provider in world.devices.providers {
            do {
                groups += (try await provider.stats()["groups"]?.array ?? []).map(DeviceStatistics.group)
            } catch {
                world.log.warning(
                    "no statistics of devices", metadata: ["plugin": "\(provider.name)", "error": "\(error)"])
            }
        }
        return groups
    }
}

extension AllocationRunner {
    /// Fails each task that holds a device with a fault.
    func endTasks(_ fault: (HeldDevice) -> String?) {
        for (name, resources) in allocation.allocatedResources.tasks.sorted(by: { $0.key < $1.key }) {
            guard let runner = task(name), runner.state.state != .dead else { continue }
            for (device, _) in resources.heldDevices {
                guard let reason = fault(device) else { continue }
                runner.kill(TaskControl.Kill(event: .deviceLost(device, reason), skipsDelay: true, fails: true))
                break
            }
        }
    }
}

/// Statistics of device.h as the API tells them.
enum DeviceStatistics {
    /// A DeviceGroupStats.
    static func group(_ group: JSON) -> JSON {
        .object([
            ("Vendor", .string(text(group, "vendor"))), ("Type", .string(text(group, "type"))),
            ("Name", .string(text(group, "model"))),
            (
                "InstanceStats",
                .object((group["instances"]?.object?.members ?? []).map { ($0.key, instance($0.value)) })
            ),
        ])
    }

    /// Of a list of DeviceGroupStats what concerns `held` devices.
    static func filter(_ groups: [JSON], _ held: Set<HeldDevice>) -> [JSON] {
        groups.compactMap { group in
            let (vendor, type, model) = (text(group, "Vendor"), text(group, "Type"), text(group, "Name"))
            let instances = (group["InstanceStats"]?.object?.members ?? []).filter { member in
                held.contains(HeldDevice(vendor: vendor, type: type, model: model, id: member.key))
            }
            guard !instances.isEmpty, var object = group.object else { return nil }
            object["InstanceStats"] = .object(instances.map { ($0.key, $0.value) })
            return .object(object)
        }
    }

    private static func instance(_ stats: JSON) -> JSON {
        let values = stats["stats"]?.object?.members.map { ($0.key, value($0.value)) } ?? []
        return .object([
            ("Summary", value(stats["summary"] ?? .null)),
            ("Stats", .object([("Nested", .null), ("Attributes", .object(values))])),
            ("Timestamp", .string(Timestamp(nanoseconds: stats["time_ns"]?.integer ?? 0).rfc3339)),
        ])
    }

    /// A StatValue: only the field of the value's kind is there.
    private static func value(_ stat: JSON) -> JSON {
        var members: [(String, JSON)] = []
        let total = stat["total"]
        switch stat["value"] ?? .null {
        case .integer(let number):
            members.append(("IntNumeratorVal", .integer(number)))
            if let total = total?.integer { members.append(("IntDenominatorVal", .integer(total))) }
        case .number(let number):
            members.append(("FloatNumeratorVal", .number(number)))
            if let total = total?.double { members.append(("FloatDenominatorVal", .number(total))) }
        case .bool(let flag): members.append(("BoolVal", .bool(flag)))
        case .string(let text): members.append(("StringVal", .string(text)))
        case .null, .array, .object: break
        }
        return .object(members + [("Unit", .string(text(stat, "unit"))), ("Desc", .string(text(stat, "description")))])
    }

    private static func text(_ json: JSON, _ key: String) -> String { json[key]?.string ?? "" }
}
