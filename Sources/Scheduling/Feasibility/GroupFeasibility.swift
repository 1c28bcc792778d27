import CDroverABI
import Model
import StateStore

/// Which nodes meet everything a task group asks for but resources, and why the others do not.
///
/// Conditions are asked once a computed class and remembered by the view; those over `unique.` attributes are asked of every
/// node. Drivers and volumes are bitmaps of the view.
package struct GroupFeasibility: Sendable {
    /// Ready nodes the group may be placed on.
    package let feasible: NodeBitmap
    /// Nodes that meet the conditions, ready or not: where an allocation of an older version may stay.
    package let suitable: NodeBitmap
    /// The same, whatever runs beside: where an allocation of this version may stay.
    package let lasting: NodeBitmap
    /// Ready nodes in the job's datacenters and pool.
    package let evaluated: Int
    /// Of these, how many failed each condition first, by the condition's text.
    package let filtered: [String: Int]
    /// Of these, how many failed, by node class.
    package let classFiltered: [String: Int]
    /// Ready nodes by datacenter, of those in the pool and the job's datacenters.
    package let available: [String: Int]
    package let nodesInPool: Int
    /// Whether nodes of a computed class can hold the group, for blocked evaluations.
    package let classEligibility: [String: Bool]
    /// Some condition is not decided by the class alone.
    package let isEscaped: Bool

    init(job: Job, group: TaskGroup, view: ClusterView, neighbours: NeighbourLabels) {
        var scan = FeasibilityScan(job: job, group: group, view: view, neighbours: neighbours)
        scan.run()
        feasible = scan.feasible
        suitable = scan.suitable
        lasting = scan.asksNeighbours ? scan.lasting : scan.suitable
        evaluated = scan.evaluated
        filtered = scan.filteredByLabel
        classFiltered = scan.classFiltered
        available = scan.availableByName
        nodesInPool = scan.nodesInPool
        isEscaped = scan.conditions.isEscaped
        classEligibility = scan.classEligibility
    }
}

/// What a group asks of nodes besides resources.
struct GroupConditions {
    let predicates: [Predicate]
    let drivers: [String]
    let volumes: [VolumeRequest]
    let devices: [DeviceCondition]
    let networkModes: [String]

    init(job: Job, group: TaskGroup) {
        let constraints = job.constraints + group.constraints + group.tasks.flatMap(\.constraints)
        var seen: Set<String> = []
        predicates = constraints.compactMap { constraint in
            guard ConstraintOperator(spelling: constraint.operand)?.isAboutSiblings != true else { return nil }
            let predicate = Predicate(constraint)
            return seen.insert(predicate.label).inserted ? predicate : nil
        }
        drivers = Array(Set(group.tasks.map(\.driver))).sorted()
        volumes = group.volumes.values.filter { $0.type == "host" || $0.type.isEmpty }.sorted { $0.name < $1.name }
        devices = DeviceCondition.all(of: group)
        networkModes = group.networks.filter(\.isOwn).map(\.mode)
    }

    var isEscaped: Bool { predicates.contains(where: \.isEscaped) }

    static let missingDrivers = "missing drivers"
    static let missingVolumes = "missing compatible host volumes"
    static let missingDevices = "missing devices"
    static let missingNetwork = "missing network"
}

/// One pass over all nodes.
private struct FeasibilityScan {
    let job: Job
    let view: ClusterView
    let conditions: GroupConditions
    var feasible: NodeBitmap
    var suitable: NodeBitmap
    /// Filled in only if ``asksNeighbours``.
    var lasting: NodeBitmap
    let asksNeighbours: Bool
    var evaluated = 0
    var nodesInPool = 0
    var classEligibility: [String: Bool] = [:]
    /// Failures by the class's number.
    private var classFailures: [Int]
    /// Failures by the label's number.
    private var failures: [Int]
    private let labels: [String]
    private var available: [Int]
    private let escaped: [(predicate: Predicate, label: Int)]
    /// By class number: the first label that fails for the whole class, -1 when none does.
    private var verdicts: [Int] = []
    private let datacenterMatches: [Bool]
    private let poolMatches: [Bool]
    private let nodeSets: [(nodes: NodeBitmap, label: Int)]
    private let needsNodeCheck: Bool
    private let neighbours: NeighbourLabels
    /// For every device ask, whether each device group satisfies it.
    private let deviceMatches: [[Bool]]

    init(job: Job, group: TaskGroup, view: ClusterView, neighbours: NeighbourLabels) {
        self.job = job
        self.view = view
        self.neighbours = neighbours
        let conditions = GroupConditions(job: job, group: group)
        self.conditions = conditions
        feasible = NodeBitmap(limit: view.nodeLimit)
        suitable = NodeBitmap(limit: view.nodeLimit)
        asksNeighbours = conditions.predicates.contains { $0.neighbourKey != nil }
        lasting = NodeBitmap(limit: asksNeighbours ? view.nodeLimit : 0)
        let base = conditions.predicates.count
        labels =
            conditions.predicates.map(\.label) + [
                GroupConditions.missingDrivers, GroupConditions.missingVolumes, GroupConditions.missingDevices,
                GroupConditions.missingNetwork,
            ]
        failures = [Int](repeating: 0, count: labels.count)
        classFailures = [Int](repeating: 0, count: view.classes.count)
        available = [Int](repeating: 0, count: view.datacenters.names.count)
        escaped = conditions.predicates.enumerated().filter(\.element.isEscaped).map { ($0.element, $0.offset) }
        datacenterMatches = view.datacenters.names.map { DatacenterGlob.matches(job.datacenters, $0) }
        let pool = job.nodePool.isEmpty ? "default" : job.nodePool
        poolMatches = view.pools.names.map { pool == "all" || $0 == pool }
        let none = NodeBitmap(limit: 0)
        nodeSets =
            conditions.drivers.map { (view.drivers[$0] ?? none, base) }
            + conditions.volumes.map { volume in
                ((volume.readOnly ? view.volumes : view.writableVolumes)[volume.source] ?? none, base + 1)
            }
        deviceMatches = conditions.devices.map { ask in view.devices.groups.map { ask.shareMilli(of: $0) != nil } }
        needsNodeCheck = !conditions.devices.isEmpty || !conditions.networkModes.isEmpty
        verdicts = classVerdicts()
    }

    private func classVerdicts() -> [Int] {
        var verdicts = [Int](repeating: -1, count: view.classes.count)
        for (label, predicate) in conditions.predicates.enumerated() where !predicate.isEscaped {
            for (number, holds) in view.classes.answers(predicate).enumerated() where !holds && verdicts[number] < 0 {
                verdicts[number] = label
            }
        }
        return verdicts
    }

    mutating func run() {
        let flags = view.flagColumn
        let classes = view.classColumn
        let datacenters = view.datacenterColumn
        let pools = view.poolColumn
        var seenClasses = [Bool](repeating: false, count: verdicts.count)
        for row in 0..<view.nodeLimit where flags[row] & UInt32(DROVER_NODE_PRESENT) != 0 {
            guard poolMatches[Int(pools[row])] else { continue }
            let isReady = flags[row] & ClusterView.placeable == ClusterView.placeable
            if isReady { nodesInPool += 1 }
            guard datacenterMatches[Int(datacenters[row])] else { continue }
            if isReady {
                evaluated += 1
                available[Int(datacenters[row])] += 1
            }
            let number = Int(classes[row])
            let failure = firstFailure(NodeRow(row), verdict: verdicts[number])
            note(number, &seenClasses)
            if asksNeighbours, failure == nil || isNeighbours(failure) && mayLast(NodeRow(row)) {
                lasting.insert(NodeRow(row))
            }
            if let failure {
                if isReady {
                    failures[failure] += 1
                    classFailures[number] += 1
                }
                continue
            }
            suitable.insert(NodeRow(row))
            if isReady { feasible.insert(NodeRow(row)) }
        }
    }

    @inline(__always)
    private func firstFailure(_ row: NodeRow, verdict: Int) -> Int? {
        if verdict >= 0 { return verdict }
        for set in nodeSets where !set.nodes.contains(row) { return set.label }
        if escaped.isEmpty && !needsNodeCheck { return nil }
        return nodeFailure(row)
    }

    /// Conditions that are asked node by node.
    private func nodeFailure(_ row: NodeRow, besidesNeighbours: Bool = false) -> Int? {
        guard let node = view.record(row)?.node else { return nil }
        for entry in escaped where !entry.predicate.holds(on: node, row, neighbours) {
            guard !besidesNeighbours || entry.predicate.neighbourKey == nil else { continue }
            return entry.label
        }
        let base = conditions.predicates.count
        for index in conditions.devices.indices where !offersDevices(row, index) { return base + 2 }
        for mode in conditions.networkModes where !node.offersNetwork(mode) { return base + 3 }
        return nil
    }

    private func isNeighbours(_ label: Int?) -> Bool {
        label.map { $0 < conditions.predicates.count && conditions.predicates[$0].neighbourKey != nil } ?? false
    }

    /// Whether a node that its neighbours are wrong on meets all other conditions.
    private func mayLast(_ row: NodeRow) -> Bool { nodeFailure(row, besidesNeighbours: true) == nil }

    /// Whether one group of the node's devices has as many healthy instances as the ask wants, taken or not.
    private func offersDevices(_ row: NodeRow, _ index: Int) -> Bool {
        var counts: [UInt32: Int] = [:]
        for instance in view.devices.instances(row) where instance.isHealthy {
            guard deviceMatches[index][Int(instance.group)] else { continue }
            counts[instance.group, default: 0] += 1
        }
        return counts.values.contains { $0 >= conditions.devices[index].count }
    }

    /// Notes whether the class can hold the group, as far as its class decides it.
    private mutating func note(_ number: Int, _ seen: inout [Bool]) {
        guard !seen[number] else { return }
        seen[number] = true
        let name = view.classes.representatives[number].node.computedClass
        classEligibility[name] = verdicts[number] < 0 || classEligibility[name] == true
    }

    /// Failures by the nodes' class as operators name it.
    var classFiltered: [String: Int] {
        var counts: [String: Int] = [:]
        for (number, count) in classFailures.enumerated() where count > 0 {
            let name = view.classes.representatives[number].node.nodeClass
            if !name.isEmpty { counts[name, default: 0] += count }
        }
        return counts
    }

    var filteredByLabel: [String: Int] {
        var counts: [String: Int] = [:]
        for (label, count) in zip(labels, failures) where count > 0 { counts[label] = count }
        return counts
    }

    var availableByName: [String: Int] {
        var counts: [String: Int] = [:]
        for (number, name) in view.datacenters.names.enumerated() where datacenterMatches[number] {
            counts[name] = available[number]
        }
        return counts
    }
}

extension Node {
    /// Whether the node has a network of that mode, such as `bridge` or `cni/mesh`.
    func offersNetwork(_ mode: String) -> Bool {
        nodeResources.networks.contains { $0.mode == mode } || nodeResources.nodeNetworks.contains { $0.mode == mode }
    }
}
