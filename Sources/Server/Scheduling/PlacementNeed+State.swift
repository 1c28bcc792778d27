internal import Basics
internal import Broker
internal import Model
internal import Scheduling
internal import StateStore

extension PlacementNeed {
    /// What a blocked evaluation lacks of nodes; nil when that cannot be told.
    init?(_ evaluation: Evaluation, _ snapshot: Snapshot) {
        guard let record = snapshot.jobRecord(evaluation.namespace, evaluation.jobID), let current = record.current
        else { return nil }
        var groups: [Group] = []
        for (position, group) in current.job.taskGroups.enumerated()
        where evaluation.failedTGAllocs[group.name] != nil {
            let devices = group.tasks.flatMap { $0.resources?.devices ?? [] }
            // Of a device asked for by memory any share may do.
            let milli = devices.reduce(0) { sum, ask in
                sum + max(1, ask.count ?? 1) * (ask.memoryMB == nil ? DeviceShare.milli(ask.share) : 1)
            }
            let isEachNode = current.job.type.isEachNode
            groups.append(
                Group(
                    amounts: RoomAmounts(current.groups[position].resources, deviceMilli: Int64(milli)),
                    ports: GroupPorts(group).exclusive.sorted(),
                    count: isEachNode ? 1 : evaluation.queuedAllocations[group.name] ?? 1))
        }
        guard !groups.isEmpty else { return nil }
        let mayEvict = snapshot.schedulerConfiguration.preemptionConfig.allows(evaluation.type)
        let priority = max(evaluation.priority, current.job.priority)
        self.init(
            groups: groups, evictsUpTo: mayEvict ? priority - PreemptionConfig.priorityGap : nil,
            ownNodes: snapshot.nodesOfOldAllocations(record))
    }
}

extension NodeRoom {
    /// What is left of a node, and what may be evicted there if that `isWanted`; nil when it takes no work.
    init?(_ row: NodeRow, _ snapshot: Snapshot, withHeld isWanted: Bool) {
        guard let record = snapshot.nodeRecord(row), record.isReady else { return nil }
        let shares = snapshot.hardwareLoad(row)?.shares ?? [:]
        let devices = record.node.nodeResources.devices.flatMap { group in
            group.instances.filter(\.healthy).map { device in
                let key = DeviceKey(vendor: group.vendor, type: group.type, name: group.name, id: device.id)
                return DeviceShare.whole - shares[key, default: 0]
            }
        }
        var left = record.capacity
        left -= snapshot.nodeUsage(row)
        var held: [Int: RoomAmounts] = [:]
        if isWanted {
            for allocation in snapshot.allocations(ofNode: row) where !allocation.isTerminal {
                let shares = snapshot.hardware(of: allocation).map { HardwareLoad($0).shares.values.reduce(0, +) } ?? 0
                held[snapshot.jobVersion(of: allocation).job.priority, default: RoomAmounts()].add(
                    RoomAmounts(snapshot.usage(of: allocation), deviceMilli: Int64(shares)))
            }
        }
        self.init(
            computedClass: record.node.computedClass, nodePool: record.node.nodePool,
            free: RoomAmounts(left, deviceMilli: Int64(devices.reduce(0, +))),
            usedPorts: Set(snapshot.usedPorts(row)), held: held)
    }
}

extension HardwareLoad {
    /// What one allocation holds.
    fileprivate init(_ hardware: AssignedHardware) {
        self.init()
        add(hardware, sign: 1)
    }
}

extension Snapshot {
    /// Where allocations of older versions of the job are live: the next plan may stop them to make room.
    fileprivate func nodesOfOldAllocations(_ record: JobRecord) -> Set<NodeRow> {
        guard record.allVersions.count > 1, record.liveCount > 0, let current = record.current else { return [] }
        let old = allocations(ofJob: record.key.id, namespace: record.key.namespace).filter { row in
            !row.isTerminal && row.jobVersion != current.job.version
        }
        return Set(old.map(\.node))
    }
}
