internal import APIClient
internal import Basics
internal import Model

/// Devices and what they do, as `node status` and `alloc status` show them.
struct DeviceOutput {
    let shown: Shown

    /// The attributes of each group of a node's devices; empty without any.
    func attributes(_ node: Node) -> [String] {
        node.nodeResources.devices.map { group in
            let facts = group.attributes.sorted { $0.key < $1.key }.map { ($0.key, $0.value.text) }
            return shown.paint.bold("Device Group Attributes") + "\n"
                + Table.pairs([("Device Group", "\(group.vendor)/\(group.type)/\(group.name)")] + facts)
        }
    }

    /// One line an instance, of an array of DeviceGroupStats, and with verbose output all that each tells.
    func usage(_ groups: JSON) -> [String] {
        let rows = instances(groups).map { ["\($0.group)[\($0.id)]", text($0.stats["Summary"] ?? .null)] }
        guard !rows.isEmpty else { return [] }
        let list = Table.list(["Device", "Utilization"], rows)
        return [shown.paint.bold("Device Resource Utilization") + "\n" + list] + (shown.verbose ? details(groups) : [])
    }

    /// A section an instance, with every statistic.
    func details(_ groups: JSON) -> [String] {
        instances(groups).map { group, id, stats in
            let members = stats["Stats"]?["Attributes"]?.object?.members ?? []
            let pairs = members.sorted { $0.key < $1.key }.map { ($0.key, text($0.value)) }
            return shown.paint.bold("Device Stats") + "\n" + Table.pairs([("Device", "\(group)[\(id)]")] + pairs)
        }
    }

    /// The summary of one instance; "" when it is not told.
    func summary(_ groups: JSON, group: String, id: String) -> String {
        let found = instances(groups).first { $0.group == group && $0.id == id }
        return text(found?.stats["Summary"] ?? .null)
    }

    private func instances(_ groups: JSON) -> [(group: String, id: String, stats: JSON)] {
        (groups.array ?? []).flatMap { group in
            let name = ["Vendor", "Type", "Name"].map { group[$0]?.string ?? "" }.joined(separator: "/")
            return (group["InstanceStats"]?.object?.members ?? []).map { (name, $0.key, $0.value) }
        }
    }

    /// A StatValue: `512 / 81920 MiB`.
    private func text(_ value: JSON) -> String {
        func number(_ key: String) -> String? { value[key]?.double.map { Shown.number($0, digits: 2) } }
        let part = number("IntNumeratorVal") ?? number("FloatNumeratorVal")
        let whole = number("IntDenominatorVal") ?? number("FloatDenominatorVal")
        let amount = part.map { part in whole.map { "\(part) / \($0)" } ?? part }
        let plain = value["StringVal"]?.string ?? value["BoolVal"]?.bool.map { "\($0)" }
        return [amount ?? plain ?? "", value["Unit"]?.string ?? ""].filter { !$0.isEmpty }.joined(separator: " ")
    }
}
