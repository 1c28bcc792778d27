import Basics
import CDroverABI
import Model

/// The device asks of a task group, against the groups of like devices that the cluster has.
struct GroupDevices: Sendable {
    /// One ask: whose it is, and what of each device group would satisfy it.
    struct Ask: Sendable {
        let task: String
        let count: Int
        /// Thousandths wanted of an instance, by device group; 0 where the group does not do.
        let shares: [UInt32]
        let affinity: [Int32]?
        let sameNUMA: Bool
    }

    let asks: [Ask]

    init(_ group: TaskGroup, view: ClusterView) {
        asks = group.tasks.flatMap { task in
            let sameNUMA = NUMAAffinity(task.resources) != .none
            return (task.resources?.devices ?? []).map { device in
                let condition = DeviceCondition(device, task: task.name)
                let groups = view.devices.groups
                return Ask(
                    task: task.name, count: condition.count, shares: groups.map { condition.shareMilli(of: $0) ?? 0 },
                    affinity: condition.hasAffinity
                        ? groups.map { condition.affinity(for: $0, one: Int64(DROVER_SCORE_ONE)) } : nil,
                    sameNUMA: sameNUMA)
            }
        }
    }

    var isEmpty: Bool { asks.isEmpty }

    /// The records of the ABI.
    func raw(in block: ProblemBlock) -> [drover_device_ask] {
        asks.map { ask in
            var raw = drover_device_ask()
            raw.size = UInt32(MemoryLayout<drover_device_ask>.size)
            raw.count = UInt32(ask.count)
            raw.shares = block.append(ask.shares)
            if let affinity = ask.affinity { raw.affinity = block.append(affinity) }
            raw.same_numa = ask.sameNUMA ? 1 : 0
            return raw
        }
    }
}

/// How close together a task wants its cores and devices (Nomad docs: numa).
enum NUMAAffinity: String {
    case none
    case prefer
    case require

    init(_ resources: Resources?) {
        self = resources?.numa["Affinity"]?.string.flatMap { NUMAAffinity(rawValue: $0) } ?? .none
    }
}
