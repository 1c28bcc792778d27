import CDroverABI
import Model
import StateStore

/// The allocations an evaluation may evict to make room, numbered as the scheduler names them.
struct PreemptionCandidates: Sendable {
    /// By number, in the order the ABI wants: by node, then priority.
    private(set) var rows: [AllocationRow] = []
    private var priorities: [Int] = []
    private var portsByNode: [NodeRow: [UInt16]] = [:]

    /// How far below the evaluation's a victim's priority must be (Nomad docs: preemption).
    static let priorityGap = 10
    /// Candidates of one node at most: those of least priority.
    static let perNodeMax = 64

    init() {}

    /// Collects what runs on `nodes` for jobs of sufficiently lower priority and is not stopped by the plan anyway.
    init(on nodes: NodeBitmap, priority: Int, snapshot: Snapshot, isStopped: (AllocationRow) -> Bool) {
        for row in 0..<NodeRow(nodes.words.count * 64) where nodes.contains(row) {
            var found: [(priority: Int, row: AllocationRow)] = []
            for allocation in snapshot.allocations(ofNode: row) where !allocation.isTerminal {
                let held = snapshot.jobVersion(of: allocation).job.priority
                guard held + Self.priorityGap <= priority, !isStopped(allocation) else { continue }
                found.append((held, allocation))
            }
            found.sort { ($0.priority, $0.row.row) < ($1.priority, $1.row.row) }
            rows += found.prefix(Self.perNodeMax).map(\.row)
            priorities += found.prefix(Self.perNodeMax).map(\.priority)
            let ports = found.prefix(Self.perNodeMax).flatMap { snapshot.ports(of: $0.row) }
            if !ports.isEmpty { portsByNode[row] = ports }
        }
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
    /// Whether jobs of the type may pre-empt.
    func allows(_ type: JobType) -> Bool {
        switch type {
        case .service: serviceSchedulerEnabled
        case .batch: batchSchedulerEnabled
        case .system: systemSchedulerEnabled
        case .sysbatch: sysBatchSchedulerEnabled
        default: false
        }
    }
}
