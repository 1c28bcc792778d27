import Model

/// What a task asks of devices, read once and asked of every group of like devices.
struct DeviceCondition: Sendable {
    let task: String
    let count: Int
    private let ask: RequestedDevice
    private let constraints: [Term]
    private let affinities: [(term: Term, weight: Int64)]

    /// One condition over a group's attributes.
    private struct Term: Sendable {
        let predicate: Predicate
        let left: String
        let right: String

        func holds(_ group: DeviceGroup) -> Bool {
            let (left, right) = DeviceAttributeValue.comparable(group.value(left), group.value(right))
            return predicate.holds(left, right)
        }
    }

    init(_ ask: RequestedDevice, task: String) {
        self.ask = ask
        self.task = task
        count = max(1, ask.count ?? 1)
        constraints = ask.constraints.map {
            Term(predicate: Predicate($0), left: $0.lTarget, right: $0.rTarget)
        }
        affinities = ask.affinities.map {
            (Term(predicate: Predicate($0), left: $0.lTarget, right: $0.rTarget), Int64($0.weight ?? 50))
        }
    }

    /// The conditions of all tasks of a group, in order.
    static func all(of group: TaskGroup) -> [DeviceCondition] {
        group.tasks.flatMap { task in
            (task.resources?.devices ?? []).map { DeviceCondition($0, task: task.name) }
        }
    }

    /// Thousandths wanted of an instance of the group; nil when the group does not satisfy the ask.
    func shareMilli(of group: DeviceGroup) -> UInt32? {
        guard names(group), constraints.allSatisfy({ $0.holds(group) }) else { return nil }
        guard let share = share(of: group) else { return nil }
        return share >= group.fractionMinMilli ? UInt32(share) : nil
    }

    private func share(of group: DeviceGroup) -> Int? {
        guard let wanted = ask.memoryMB else { return DeviceShare.milli(ask.share) }
        guard let memory = group.memoryMiB, memory > 0, Int64(wanted) <= memory else { return nil }
        return Int((Int64(wanted) * Int64(DeviceShare.whole) + memory - 1) / memory)
    }

    /// How much the ask likes the group: weights of the affinities that hold over the sum of all weights' sizes.
    func affinity(for group: DeviceGroup, one: Int64) -> Int32 {
        let total = affinities.reduce(0) { $0 + abs($1.weight) }
        guard total > 0 else { return 0 }
        let weight = affinities.reduce(0) { $0 + ($1.term.holds(group) ? $1.weight : 0) }
        return Int32(weight * one / total)
    }

    var hasAffinity: Bool { !affinities.isEmpty }

    /// `type`, `vendor/type` or `vendor/type/model`.
    private func names(_ group: DeviceGroup) -> Bool {
        let parts = ask.name.split(separator: "/", maxSplits: 2)
        return switch parts.count {
        case 1: parts[0] == group.type
        case 2: parts[0] == group.vendor && parts[1] == group.type
        case 3: parts[0] == group.vendor && parts[1] == group.type && parts[2] == group.name
        default: false
        }
    }
}

extension DeviceGroup {
    /// What one side of a constraint names: an attribute of the device, or the text itself.
    fileprivate func value(_ target: String) -> DeviceAttributeValue? {
        guard target.hasPrefix("${device."), target.hasSuffix("}") else {
            return target.hasPrefix("${") ? nil : DeviceAttributeValue(text: target)
        }
        let name = target.dropFirst(9).dropLast()
        switch name {
        case "vendor": return DeviceAttributeValue(text: vendor)
        case "type": return DeviceAttributeValue(text: type)
        case "model": return DeviceAttributeValue(text: self.name)
        default: return name.hasPrefix("attr.") ? attributes[String(name.dropFirst(5))] : nil
        }
    }
}
