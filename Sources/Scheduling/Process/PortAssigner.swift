import Model
import StateStore

/// Gives out the host ports of a plan's placements, node by node.
struct PortAssigner {
    private let snapshot: Snapshot
    private let view: ClusterView
    private let seed: UInt64
    /// Ports not to be given out, by node: held before the plan or by it. Ports its stops free stay closed to dynamic use.
    private var taken: [NodeRow: Set<UInt16>] = [:]
    /// Reserved ports this plan has given out, by node.
    private var reserved: [NodeRow: Set<UInt16>] = [:]
    /// Ports that the plan's stops and evictions give back, by node.
    private var released: [NodeRow: [UInt16]] = [:]

    /// `freed` is what the plan's stops give back, by node.
    init(snapshot: Snapshot, view: ClusterView, seed: UInt64, freed: [NodeRow: FreedResources]) {
        self.snapshot = snapshot
        self.view = view
        self.seed = seed
        for (row, resources) in freed { release(resources.ports, on: row) }
    }

    /// Gives back the ports of something evicted.
    mutating func release(_ ports: [UInt16], on row: NodeRow) {
        if !ports.isEmpty { released[row, default: []] += ports }
    }

    /// Takes back ports of what is not evicted after all.
    mutating func hold(_ ports: [UInt16], on row: NodeRow) {
        for port in ports {
            if let position = released[row]?.firstIndex(of: port) { released[row]?.remove(at: position) }
        }
    }

    /// A reserved port of the instance that an allocation on the node holds and keeps.
    func heldPort(of ports: GroupPorts, on row: NodeRow) -> UInt16? {
        let exclusive = ports.exclusive
        guard !exclusive.isEmpty else { return nil }
        let (used, released) = (snapshot.usedPorts(row), released[row] ?? [])
        return exclusive.first { port in used.count { $0 == port } > released.count { $0 == port } }
    }

    /// The ports of one instance in the order of ``GroupPorts/labels``; nil when the node has too few left, or when an
    /// instance of the plan has one of its reserved ports already.
    mutating func assign(_ ports: GroupPorts, on row: NodeRow) -> [UInt16]? {
        guard !ports.isEmpty else { return [] }
        var assigned: [UInt16] = []
        for port in ports.reserved {
            guard let number = UInt16(exactly: port.value) else { return nil }
            guard reserved[row, default: []].insert(number).inserted || port.ignoreCollision else { return nil }
            assigned.append(number)
        }
        // Taken out of the table while it changes: a second reference would make every insertion copy the set.
        var used = taken.removeValue(forKey: row) ?? Set(snapshot.usedPorts(row))
        used.formUnion(assigned)
        defer { taken[row] = used }
        guard !ports.dynamic.isEmpty, view.record(row) != nil else { return assigned }
        let range = view.portRange(row)
        for _ in ports.dynamic {
            guard let port = next(in: range, row, &used) else { return nil }
            assigned.append(port)
        }
        return assigned
    }

    /// Whether an instance of the plan holds one of `ports` on the node.
    func hasGivenOut(_ ports: [UInt16], on row: NodeRow) -> Bool {
        guard let given = reserved[row] else { return false }
        return ports.contains(where: given.contains)
    }

    /// The first free port from a place that differs by node and plan, so that a port is not reused right away.
    private func next(in range: DynamicPortRange, _ row: NodeRow, _ used: inout Set<UInt16>) -> UInt16? {
        guard range.size > 0 else { return nil }
        let mixed = (seed ^ UInt64(row) &* 0x9e37_79b9_7f4a_7c15) &* 0xbf58_476d_1ce4_e5b9
        let start = Int((mixed >> 32) % UInt64(range.size))
        for step in 0..<range.size {
            let port = UInt16(range.first + (start + step) % range.size)
            if used.insert(port).inserted { return port }
        }
        return nil
    }
}
