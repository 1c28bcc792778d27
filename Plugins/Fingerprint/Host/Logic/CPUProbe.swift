internal import DroverSDK
internal import PluginSupport

/// Cores with their speed, grade and NUMA node; the total is what tasks' MHz are taken from.
enum CPUProbe {
    struct Core: Equatable {
        var id: Int
        var mhz: Int64
        var numa: Int
        var isEfficiency: Bool
    }

    static func run(_ machine: Machine, _ fingerprint: inout Fingerprint) {
        let info = CPUInfo(machine.text("/proc/cpuinfo") ?? "")
        let cores = cores(machine, info)
        guard !cores.isEmpty else { return }
        if let model = info.model { fingerprint.attributes["cpu.modelname"] = model }
        setSpeeds(cores, &fingerprint)
        let total = cores.reduce(0) { $0 + $1.mhz }
        fingerprint.attributes["cpu.totalcompute"] = "\(total)"
        fingerprint.attributes["cpu.usablecompute"] = "\(total)"
        fingerprint.attributes["cpu.reservablecores"] = "\(cores.count)"
        fingerprint.resources["cpu_mhz"] = .integer(total)
        fingerprint.resources["cores"] = .array(
            cores.map { core in
                [
                    "id": .integer(Int64(core.id)), "mhz": .integer(core.mhz), "numa": .integer(Int64(core.numa)),
                    "grade": core.isEfficiency ? "efficiency" : "performance",
                ]
            })
        setNUMA(cores, &fingerprint)
    }

    /// Machines with two kinds of cores report each kind; others plain numbers.
    private static func setSpeeds(_ cores: [Core], _ fingerprint: inout Fingerprint) {
        let kinds = [("performance", cores.filter { !$0.isEfficiency }), ("efficiency", cores.filter(\.isEfficiency))]
        let isHybrid = kinds.allSatisfy { !$0.1.isEmpty }
        for (kind, members) in kinds where !members.isEmpty {
            let suffix = isHybrid ? ".\(kind)" : ""
            fingerprint.attributes["cpu.numcores\(suffix)"] = "\(members.count)"
            fingerprint.attributes["cpu.frequency\(suffix)"] = "\(members.map(\.mhz).max() ?? 0)"
        }
        fingerprint.attributes["cpu.numcores"] = "\(cores.count)"
    }

    private static func setNUMA(_ cores: [Core], _ fingerprint: inout Fingerprint) {
        let nodes = Dictionary(grouping: cores, by: \.numa)
        fingerprint.attributes["numa.node.count"] = "\(nodes.count)"
        for (node, members) in nodes {
            fingerprint.attributes["numa.node\(node).cores"] = IDList.text(members.map(\.id))
        }
    }

    static func cores(_ machine: Machine, _ info: CPUInfo) -> [Core] {
        let online = machine.line("/sys/devices/system/cpu/online").map(IDList.parse) ?? info.processors
        let efficient = Set(machine.line("/sys/devices/cpu_atom/cpus").map(IDList.parse) ?? [])
        var numa: [Int: Int] = [:]
        for name in machine.names(in: "/sys/devices/system/node") where name.hasPrefix("node") {
            guard let node = Int(name.dropFirst(4)) else { continue }
            let cpus = machine.line("/sys/devices/system/node/\(name)/cpulist").map(IDList.parse) ?? []
            for cpu in cpus { numa[cpu] = node }
        }
        return online.map { id in
            Core(
                id: id, mhz: info.mhz(ofCore: id, reading: machine.line), numa: numa[id] ?? 0,
                isEfficiency: efficient.contains(id))
        }
    }
}

/// The kernel's lists of CPU numbers: "0-3,8" (cpuset(7)).
enum IDList {
    /// Numbers of a list, ascending; at most 65,536, malformed parts left out.
    static func parse(_ text: String) -> [Int] {
        var ids: [Int] = []
        for part in text.split(separator: ",") {
            let bounds = part.split(separator: "-").map { Int($0) }
            guard let first = bounds.first.flatMap({ $0 }), let last = bounds.last.flatMap({ $0 }), 0 <= first,
                first <= last, last < 65_536
            else { continue }
            ids.append(contentsOf: first...last)
        }
        return ids.sorted()
    }

    /// The shortest list of `ids`, which are ascending.
    static func text(_ ids: [Int]) -> String {
        var parts: [ClosedRange<Int>] = []
        for id in ids {
            if let last = parts.last, last.upperBound + 1 == id {
                parts[parts.count - 1] = last.lowerBound...id
            } else {
                parts.append(id...id)
            }
        }
        return parts.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ",")
    }
}
