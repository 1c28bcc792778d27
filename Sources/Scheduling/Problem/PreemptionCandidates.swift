import CDroverABI
package import Model
import StateStore

/// The allocations an evaluation may evict to make room, numbered as the scheduler names them.
struct PreemptionCandidates: Sendable {
    /// By number, in the order the ABI wants: by node, then priority.
    private(set) var rows: [AllocationRow] = []
    private var priorities: [Int] = []
    private var portsByNode: [NodeRow: [UInt16]] = [:]

    /// How far below the evaluation's a victim's priority must be (Nomad docs: preemption).
    static let priorityGap = 10
    /// Candidates of one node that are always offered, those of least priority; more follow until they make room for an
    /// instance, or hold what one may need by name.
    static let perNodeMin = 64
    /// Candidates of one node at most.
    static let perNodeMax = 512

    init() {}

    /// What instances may need of a node.
    struct Need {
        /// The most of each dimension that one instance asks for.
        private var amounts = [Int64](repeating: 0, count: ResourceDimension.allCases.count)
        /// Static ports.
        private(set) var ports: Set<UInt16> = []
        /// Devices or cores of its own.
        private(set) var hardware = false

        /// Whether `sum` makes room for any instance.
        func isMet(by sum: ResourceVector) -> Bool {
            ResourceDimension.allCases.allSatisfy { sum[$0] >= amounts[$0.rawValue] }
        }

        mutating func add(_ group: TaskGroup) {
            let ask = GroupShape(group).resources
            for dimension in ResourceDimension.allCases {
                amounts[dimension.rawValue] = max(amounts[dimension.rawValue], ask[dimension])
            }
            ports.formUnion(GroupPorts(group).exclusive)
            if ask.cores > 0 || group.tasks.contains(where: { $0.resources?.devices.isEmpty == false }) {
                hardware = true
            }
        }
    }

    /// Collects what runs on `nodes` for jobs of sufficiently lower priority and is not stopped by the plan anyway.
    init(on nodes: NodeBitmap, priority: Int, need: Need, snapshot: Snapshot, isStopped: (AllocationRow) -> Bool) {
        for row in 0..<NodeRow(nodes.words.count * 64) where nodes.contains(row) {
            var found: [(priority: Int, row: AllocationRow)] = []
            for allocation in snapshot.allocations(ofNode: row) where !allocation.isTerminal {
                let held = snapshot.jobVersion(of: allocation).job.priority
                guard held + Self.priorityGap <= priority, !isStopped(allocation) else { continue }
                found.append((held, allocation))
            }
            found.sort { ($0.priority, $0.row.row) < ($1.priority, $1.row.row) }
            let offered = Self.cut(found, need, snapshot)
            rows += offered.map(\.row)
            priorities += offered.map(\.priority)
            let ports = offered.flatMap { snapshot.ports(of: $0.row) }
            if !ports.isEmpty { portsByNode[row] = ports }
        }
    }

    /// What of a node's candidates, least priority first, is worth a scheduler's look.
    private static func cut(
        _ found: [(priority: Int, row: AllocationRow)], _ need: Need, _ snapshot: Snapshot
    ) -> [(priority: Int, row: AllocationRow)] {
        guard found.count > perNodeMin else { return found }
        var offered: [(priority: Int, row: AllocationRow)] = []
        var sum = ResourceVector()
        for candidate in found where offered.count < perNodeMax {
            guard
                offered.count < perNodeMin || !need.isMet(by: sum)
                    || snapshot.ports(of: candidate.row).contains(where: need.ports.contains)
                    || need.hardware && snapshot.hardware(of: candidate.row) != nil
            else { continue }
            sum += snapshot.usage(of: candidate.row)
            offered.append(candidate)
        }
        return offered
    }

    /// Host ports that candidates hold on a node.
    func ports(on row: NodeRow) -> [UInt16] { portsByNode[row] ?? [] }

    var isEmpty: Bool { rows.isEmpty }

    /// The records of the ABI; arrays they refer to go into `block`.
    func raw(_ snapshot: Snapshot, _ view: ClusterView, in block: ProblemBlock) -> [drover_candidate] {
        var jobs: [JobGroupKey: UInt32] = [:]
        return rows.indices.map { number in
            let row = rows[number]
            let key = JobGroupKey(job: ObjectIdentifier(snapshot.jobVersion(of: row)), group: row.groupIndex)
            var candidate = drover_candidate()
            candidate.size = UInt32(MemoryLayout<drover_candidate>.size)
            candidate.node = row.node
            candidate.priority = UInt32(clamping: priorities[number])
            candidate.job = jobs[key, default: UInt32(jobs.count)]
            jobs[key] = candidate.job
            candidate.allocation = UInt64(number)
            let usage = snapshot.usage(of: row)
            withUnsafeMutableBytes(of: &candidate.resources) { bytes in
                for dimension in ResourceDimension.allCases {
                    bytes.storeBytes(of: usage[dimension], toByteOffset: dimension.rawValue * 8, as: Int64.self)
                }
            }
            let ports = snapshot.ports(of: row)
            if !ports.isEmpty {
                candidate.static_ports = block.append(ports.map(UInt32.init))
                candidate.static_port_count = UInt32(ports.count)
            }
            if let hardware = snapshot.hardware(of: row) {
                let shares = view.devices.shares(of: hardware, on: row.node)
                candidate.devices = shares.isEmpty ? 0 : block.append(shares)
                candidate.device_count = UInt32(shares.count)
            }
            return candidate
        }
    }

    private struct JobGroupKey: Hashable {
        let job: ObjectIdentifier
        let group: Int
    }
}

extension PreemptionConfig {
    /// How far below the evaluation's a victim's priority must be (Nomad docs: preemption).
    package static let priorityGap = PreemptionCandidates.priorityGap

    /// Whether jobs of the type may pre-empt.
    package func allows(_ type: JobType) -> Bool {
        switch type {
        case .service: serviceSchedulerEnabled
        case .batch: batchSchedulerEnabled
        case .system: systemSchedulerEnabled
        case .sysbatch: sysBatchSchedulerEnabled
        default: false
        }
    }
}
