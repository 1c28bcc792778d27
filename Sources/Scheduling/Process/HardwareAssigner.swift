import Model
import StateStore

/// Gives out device instances and cores to a plan's placements, node by node.
///
/// A scheduler's own choice of devices is taken when it fits; without one the fullest instance that fits is chosen, so that
/// whole ones stay whole. Cores are always chosen here: those of one NUMA node where that is wished for and possible.
struct HardwareAssigner {
    private let snapshot: Snapshot
    private let view: ClusterView
    /// What is held on the nodes looked at, this plan's placements and stops counted.
    private var loads: [NodeRow: HardwareLoad] = [:]

    /// `freed` is what the plan's stops give back, by node.
    init(snapshot: Snapshot, view: ClusterView, freed: [NodeRow: FreedResources]) {
        self.snapshot = snapshot
        self.view = view
        for (row, resources) in freed where !resources.hardware.isEmpty {
            for hardware in resources.hardware { release(hardware, on: row) }
        }
    }

    /// What is held on the node.
    func load(_ row: NodeRow) -> HardwareLoad { loads[row] ?? snapshot.hardwareLoad(row) ?? HardwareLoad() }

    /// Makes the room that something evicted leaves.
    mutating func release(_ hardware: AssignedHardware, on row: NodeRow) {
        var load = self.load(row)
        load.add(hardware, sign: -1)
        loads[row] = load
    }

    /// Takes back room that was made and is not needed after all.
    mutating func hold(_ hardware: AssignedHardware, on row: NodeRow) {
        var load = self.load(row)
        load.add(hardware, sign: 1)
        loads[row] = load
    }

    /// Holds what was to be given back after all; false, and nothing is held, when some of it is given out meanwhile.
    mutating func keep(_ hardware: AssignedHardware, on row: NodeRow) -> Bool {
        var load = self.load(row)
        guard load.cores.isDisjoint(with: hardware.tasks.values.flatMap(\.cores)) else { return false }
        load.add(hardware, sign: 1)
        guard hardware.deviceKeys.allSatisfy({ load.shares[$0] ?? 0 <= DeviceShare.whole }) else { return false }
        loads[row] = load
        return true
    }

    /// The hardware of one instance. `chosen` are the scheduler's assignments: places in the view's list of devices, in the
    /// order of the asks; empty leaves the choice to the host. Throws, and changes nothing, when the node has not enough left.
    mutating func assign(
        _ group: TaskGroup, _ devices: GroupDevices, chosen: [AnswerReader.Assignment], on row: NodeRow
    ) throws(HardwareShortage) -> AssignedHardware {
        var load = self.load(row)
        let assigned = try assigned(group, devices, chosen: chosen[...], &load, row)
        loads[row] = load
        return assigned
    }

    /// What the node lacks for one more instance.
    func shortage(of group: TaskGroup, _ devices: GroupDevices, on row: NodeRow) -> HardwareShortage? {
        var load = self.load(row)
        do {
            _ = try assigned(group, devices, chosen: [], &load, row)
            return nil
        } catch {
            return error
        }
    }

    private func assigned(
        _ group: TaskGroup, _ devices: GroupDevices, chosen: ArraySlice<AnswerReader.Assignment>,
        _ load: inout HardwareLoad, _ row: NodeRow
    ) throws(HardwareShortage) -> AssignedHardware {
        var assigned = AssignedHardware()
        var chosen = chosen
        for ask in devices.asks {
            let own = chosen.isEmpty ? nil : chosen.prefix(ask.count)
            chosen = chosen.dropFirst(ask.count)
            let instances = own.map { given(Array($0), ask, load, row) } ?? find(ask, load, row)
            guard let instances else { throw .devices }
            let device = resource(instances, ask)
            assigned.tasks[ask.task, default: AssignedTaskHardware()].devices.append(device)
            load.add(single(device, ask.task), sign: 1)
        }
        let coresByTask = try cores(of: group, &load, row)
        for (task, cores) in coresByTask { assigned.tasks[task, default: AssignedTaskHardware()].cores = cores }
        return assigned
    }

    /// How many instances of the group, up to `limit`, get the cores they require of one NUMA node each on the node as it is.
    func instancesTogether(_ group: TaskGroup, on row: NodeRow, limit: Int) -> Int {
        var load = self.load(row)
        var count = 0
        while count < limit, (try? cores(of: group, &load, row)) != nil { count += 1 }
        return count
    }

    /// The most cores of one NUMA node that are free together.
    func coresTogetherMax(on row: NodeRow) -> Int {
        guard let node = view.record(row)?.node else { return 0 }
        let free = freeCores(load(row), node)
        return Self.byNUMANode(free, node).map(\.count).max() ?? 0
    }

    // MARK: - Devices

    private func single(_ device: AllocatedDeviceResource, _ task: String) -> AssignedHardware {
        var hardware = AssignedHardware()
        hardware.tasks[task] = AssignedTaskHardware()
        hardware.tasks[task]?.devices = [device]
        return hardware
    }

    private func resource(_ instances: [DeviceInstance], _ ask: GroupDevices.Ask) -> AllocatedDeviceResource {
        var device = AllocatedDeviceResource()
        guard let first = instances.first else { return device }
        device.vendor = first.key.vendor
        device.type = first.key.type
        device.name = first.key.name
        device.deviceIDs = instances.map(\.key.id)
        let share = Int(ask.shares[Int(first.group)])
        device.share = share == DeviceShare.whole ? nil : Double(share) / Double(DeviceShare.whole)
        return device
    }

    private func free(_ instance: DeviceInstance, _ load: HardwareLoad) -> Int {
        instance.isHealthy ? DeviceShare.whole - (load.shares[instance.key] ?? 0) : 0
    }

    /// The scheduler's choice, if it is one: distinct instances of one group on this node, each with enough left.
    private func given(
        _ chosen: [AnswerReader.Assignment], _ ask: GroupDevices.Ask, _ load: HardwareLoad, _ row: NodeRow
    ) -> [DeviceInstance]? {
        var instances: [DeviceInstance] = []
        for assignment in chosen {
            guard let (node, instance) = view.devices.instance(at: assignment.index), node == row,
                instance.group == instances.first?.group ?? instance.group,
                !instances.contains(where: { $0.number == instance.number })
            else { return nil }
            let share = Int(ask.shares[Int(instance.group)])
            guard share > 0, free(instance, load) >= share else { return nil }
            instances.append(instance)
        }
        return instances.count == ask.count ? instances : nil
    }

    /// The best instances for the ask: of the group liked most, those with least left.
    private func find(_ ask: GroupDevices.Ask, _ load: HardwareLoad, _ row: NodeRow) -> [DeviceInstance]? {
        let suitable = Dictionary(grouping: view.devices.instances(row), by: \.group).filter {
            ask.shares[Int($0.key)] > 0
        }
        let ranked = suitable.keys.sorted {
            let (left, right) = (ask.affinity?[Int($0)] ?? 0, ask.affinity?[Int($1)] ?? 0)
            return left != right ? left > right : $0 < $1
        }
        for group in ranked {
            let share = Int(ask.shares[Int(group)])
            let fitting = (suitable[group] ?? []).filter { free($0, load) >= share }
            guard fitting.count >= ask.count else { continue }
            return Array(fitting.sorted { (free($0, load), $0.number) < (free($1, load), $1.number) }.prefix(ask.count))
        }
        return nil
    }

    // MARK: - Cores

    /// The cores of one instance by task, added to `load`.
    private func cores(
        of group: TaskGroup, _ load: inout HardwareLoad, _ row: NodeRow
    ) throws(HardwareShortage) -> [String: [UInt16]] {
        var given: [String: [UInt16]] = [:]
        for task in group.tasks {
            guard let count = task.resources?.cores, count > 0 else { continue }
            let cores = try self.cores(count, NUMAAffinity(task.resources), load, row)
            given[task.name] = cores
            var taken = AssignedTaskHardware()
            taken.cores = cores
            var hardware = AssignedHardware()
            hardware.tasks[task.name] = taken
            load.add(hardware, sign: 1)
        }
        return given
    }

    private func cores(
        _ count: Int, _ affinity: NUMAAffinity, _ load: HardwareLoad, _ row: NodeRow
    ) throws(HardwareShortage) -> [UInt16] {
        guard let node = view.record(row)?.node else { throw .cores }
        let free = freeCores(load, node)
        guard free.count >= count else { throw .cores }
        guard affinity != .none else { return Array(free.prefix(count)) }
        // Of the NUMA nodes with enough of them, the one that has least to spare.
        let fitting = Self.byNUMANode(free, node).filter { $0.count >= count }
        if let together = fitting.min(by: { $0.count < $1.count }) { return Array(together.prefix(count)) }
        guard affinity != .require else { throw .coresTogether }
        return Array(free.prefix(count))
    }

    /// In order of their numbers.
    private func freeCores(_ load: HardwareLoad, _ node: Node) -> [UInt16] {
        let reserved = Set(node.reservedResources.cpu.reservedCpuCores)
        return node.nodeResources.cpu.reservableCpuCores.filter {
            !reserved.contains($0) && !load.cores.contains($0)
        }.sorted()
    }

    /// The free cores by NUMA node; of one that does not say, all together.
    private static func byNUMANode(_ free: [UInt16], _ node: Node) -> [[UInt16]] {
        let nodes = node.numaCores
        return nodes.isEmpty ? [free] : nodes.map { cores in free.filter(cores.contains) }
    }
}

/// What a node has too little of for one more instance.
enum HardwareShortage: Error {
    case devices
    case cores
    /// Enough cores are free, but not on one NUMA node, as a task requires.
    case coresTogether

    /// Its name in `DimensionExhausted`.
    var label: String {
        switch self {
        case .devices: "devices"
        case .cores: ResourceDimension.cores.label
        case .coresTogether: Self.coresTogetherLabel
        }
    }

    static let coresTogetherLabel = "cores on one NUMA node"
}

extension TaskGroup {
    /// One of its tasks requires its cores to be of one NUMA node.
    var requiresCoresTogether: Bool {
        tasks.contains { $0.resources?.cores ?? 0 > 0 && NUMAAffinity($0.resources) == .require }
    }
}

extension Node {
    /// The cores of each NUMA node, as `numa.node<N>.cores` lists them; empty when the node does not say.
    fileprivate var numaCores: [Set<UInt16>] {
        guard let count = attributes["numa.node.count"].flatMap(Int.init), (1...1_024).contains(count) else {
            return []
        }
        return (0..<count).map { number in Set(NumberRanges.parse(attributes["numa.node\(number).cores"] ?? "")) }
    }
}
