import Basics
import CDroverABI
import Model
import StateStore

/// What keeps a task group off one node, asked in the order in which the scheduler's core asks it.
struct NodeVerdict {
    enum Kind: String {
        case filtered
        case exhausted
    }

    let kind: Kind
    let reason: String
    /// What would have to change.
    let change: String
}

/// Looks at single nodes on behalf of one task group, and says in words what the columns say in bits.
struct NodeInspector {
    let job: Job
    let group: TaskGroup
    let problem: ProblemGroup
    let view: ClusterView
    let snapshot: Snapshot
    let neighbours: NeighbourLabels
    /// What nodes hold with a plan that is not committed.
    let planned: PlannedNodes
    /// What that plan places, held against the group's limits.
    let tally: LimitTally
    /// What that plan found lacking in the quota, for the group.
    let plannedQuotaShortages: [String]
    private let conditions: GroupConditions

    init(
        job: Job, problem: ProblemGroup, view: ClusterView, snapshot: Snapshot, neighbours: NeighbourLabels,
        planned: PlannedNodes, tally: LimitTally, plannedQuotaShortages: [String]
    ) {
        self.job = job
        self.problem = problem
        self.view = view
        self.snapshot = snapshot
        self.neighbours = neighbours
        self.planned = planned
        self.tally = tally
        self.plannedQuotaShortages = plannedQuotaShortages
        group = problem.definition
        conditions = GroupConditions(job: job, group: group)
    }

    /// Why the node cannot take an instance; nil when it can.
    func verdict(_ row: NodeRow) -> NodeVerdict? {
        guard let record = view.record(row) else { return filtered("the node is not known", "") }
        return standing(record.node) ?? constraint(record.node, row) ?? equipment(record.node, row)
            ?? room(record, row) ?? limit(row) ?? quota()
    }

    private func filtered(_ reason: String, _ change: String) -> NodeVerdict {
        NodeVerdict(kind: .filtered, reason: reason, change: change)
    }

    private func exhausted(_ reason: String, _ change: String) -> NodeVerdict {
        NodeVerdict(kind: .exhausted, reason: reason, change: change)
    }

    // MARK: - Who the node is

    private func standing(_ node: Node) -> NodeVerdict? {
        let pool = job.nodePool.isEmpty ? "default" : job.nodePool
        if pool != "all", pool != node.effectivePool {
            return filtered(
                "node pool \"\(node.effectivePool)\" is not the job's, \"\(pool)\"",
                "move the node to pool \"\(pool)\", or set node_pool = \"\(node.effectivePool)\"")
        }
        guard DatacenterGlob.matches(job.datacenters, node.datacenter) else {
            return filtered(
                "datacenter \"\(node.datacenter)\" is none of the job's (\(job.datacenters.joined(separator: ", ")))",
                "add \"\(node.datacenter)\" to the job's datacenters")
        }
        if node.status != .ready {
            return filtered("the node is \(node.status.rawValue)", "bring the node's client back")
        }
        if node.drainStrategy != nil || node.drain { return filtered("the node is being drained", "end the drain") }
        guard node.schedulingEligibility == .eligible else {
            return filtered("the node is marked ineligible", "drover node eligibility -enable \(node.id)")
        }
        return nil
    }

    // MARK: - What the job demands

    private func constraint(_ node: Node, _ row: NodeRow) -> NodeVerdict? {
        guard let failed = conditions.predicates.first(where: { !$0.holds(on: node, row, neighbours) }) else {
            return nil
        }
        let value =
            failed.neighbourKey.map { neighbours.values($0, on: row).joined(separator: ", ") }
            ?? failed.value(on: node)
        let has = value.map { $0.isEmpty ? "no such value" : "\"\($0)\"" } ?? "no such value"
        return filtered(
            "constraint \(failed.label) is not met: the node has \(has)",
            "change the node's value or the constraint")
    }

    private func equipment(_ node: Node, _ row: NodeRow) -> NodeVerdict? {
        for driver in conditions.drivers where view.drivers[driver]?.contains(row) != true {
            let state = node.drivers[driver]?.detected == true ? "not healthy" : "not there"
            return filtered("driver \"\(driver)\" is \(state)", "install or mend driver \"\(driver)\" on the node")
        }
        for volume in conditions.volumes {
            let offered = volume.readOnly ? view.volumes : view.writableVolumes
            guard offered[volume.source]?.contains(row) != true else { continue }
            return filtered(
                "host volume \"\(volume.source)\" is not offered\(volume.readOnly ? "" : " for writing")",
                "configure host_volume \"\(volume.source)\" on the node")
        }
        for ask in problem.devices.asks where !hasDevices(ask, row, isFree: { _ in true }) {
            return filtered(
                "no group of \(ask.count) healthy device(s) satisfies task \"\(ask.task)\"",
                "equip the node, or ask for other devices")
        }
        for mode in conditions.networkModes where !node.offersNetwork(mode) {
            return filtered("network mode \"\(mode)\" is not offered", "set up network \"\(mode)\" on the node")
        }
        return nil
    }

    private func hasDevices(
        _ ask: GroupDevices.Ask, _ row: NodeRow, isFree: (DeviceInstance) -> Bool
    ) -> Bool {
        var counts: [UInt32: Int] = [:]
        for instance in view.devices.instances(row)
        where instance.isHealthy && ask.shares[Int(instance.group)] > 0 && isFree(instance) {
            counts[instance.group, default: 0] += 1
        }
        return counts.values.contains { $0 >= ask.count }
    }

    // MARK: - What is left

    private func room(_ record: NodeRecord, _ row: NodeRow) -> NodeVerdict? {
        let ask = record.counted(problem.ask)
        let capacity = NodeCapacity(record.capacity)
        let used = planned.usage.used(row)
        if let short = capacity.exhaustedDimension(used: used, ask: ask) {
            let free = max(0, capacity[short] - used[short])
            let missing = ask[short] - free
            let remedy =
                ask[short] > capacity[short]
                ? "ask for at most \(capacity[short]): the whole node has no more"
                : "free \(missing) \(short.unit) of it on the node, or ask for at most \(free)"
            let whenPlanned = used == view.used(row) ? "" : " then"
            return exhausted(
                "\(short.label) exhausted: asks for \(ask[short]) \(short.unit), \(free) of \(capacity[short]) are free"
                    + whenPlanned, remedy)
        }
        return ports(row) ?? devices(row) ?? coresTogether(row)
    }

    private func ports(_ row: NodeRow) -> NodeVerdict? {
        let taken = Set(planned.usedPorts(row))
        if let port = problem.ports.exclusive.first(where: taken.contains) {
            return exhausted("static port \(port) is taken", "free port \(port) on the node, or ask for another")
        }
        if planned.freeDynamicPorts(row) < problem.ports.dynamic.count {
            return exhausted("too few dynamic ports are left", "widen min_dynamic_port to max_dynamic_port")
        }
        return nil
    }

    private func devices(_ row: NodeRow) -> NodeVerdict? {
        let held = planned.hardware.load(row).shares
        for ask in problem.devices.asks {
            let fits = hasDevices(ask, row) { instance in
                DeviceShare.whole - (held[instance.key] ?? 0) >= Int(ask.shares[Int(instance.group)])
            }
            guard !fits else { continue }
            return exhausted(
                "devices exhausted: task \"\(ask.task)\" wants \(ask.count) with enough left of each",
                "free devices on the node, or ask for fewer or smaller shares")
        }
        return nil
    }

    private func coresTogether(_ row: NodeRow) -> NodeVerdict? {
        guard group.requiresCoresTogether else { return nil }
        let hardware = planned.hardware
        guard hardware.instancesTogether(group, on: row, limit: 1) == 0 else { return nil }
        return exhausted(
            "\(HardwareShortage.coresTogetherLabel) exhausted: \(hardware.coresTogetherMax(on: row)) are free together at most",
            "free cores of one NUMA node, ask for fewer, or set numa { affinity = \"prefer\" }")
    }

    // MARK: - What is the job's own

    private func limit(_ row: NodeRow) -> NodeVerdict? {
        guard let limit = tally.exceeded(problem.limits, on: row) else { return nil }
        if limit.label == ConstraintOperator.distinctHosts.rawValue {
            return filtered("\(limit.label): the node has an instance of the job", "add nodes")
        }
        guard limit.value(of: row) != nil else {
            return filtered("\(limit.label): the node has no such value", "give the node one")
        }
        let most = limit.max == 1 ? "an instance" : "\(limit.max) instances"
        return filtered(
            "\(limit.label): nodes with this one's value have \(most) of the job already",
            "add nodes with another value, or allow more of the job on one")
    }

    /// Which node it is does not matter here, so it comes last.
    private func quota() -> NodeVerdict? {
        guard let room = QuotaRoom(job, snapshot: snapshot) else { return nil }
        let short = room.shortages(problem.ask).map { room.label($0, asked: problem.ask) }
        let labels = plannedQuotaShortages.isEmpty ? short : plannedQuotaShortages
        guard !labels.isEmpty else { return nil }
        return exhausted(
            "the node would do, but quota \"\(room.quota)\" has no room: \(labels.joined(separator: "; "))",
            "raise the limits of quota \"\(room.quota)\", or stop other work of its namespaces")
    }
}

extension ResourceDimension {
    /// What amounts are counted in.
    var unit: String {
        switch self {
        case .cpu: "MHz"
        case .cores: "cores"
        case .memory, .memoryMax, .disk: "MiB"
        case .network: "Mbit/s"
        }
    }
}
