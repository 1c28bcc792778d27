import Basics
import CDroverABI
package import Model
package import StateStore

/// The cluster as columns, in one flat block that scheduler plug-ins read (`drover_cluster_view`).
///
/// A worker owns one and moves it forward to the snapshot of each evaluation: only nodes touched since the last one are
/// read again. Not to be used from two threads at once, and not to be moved while a plug-in reads it.
package final class ClusterView: @unchecked Sendable {
    /// Index of the snapshot the view is of.
    package private(set) var index: UInt64 = 0
    /// Grows with every change.
    package private(set) var generation: UInt64 = 0
    package private(set) var nodeLimit = 0
    /// Grows when nodes come, go or say something new; not when their load changes.
    private(set) var nodeGeneration: UInt64 = 0

    var classes = NodeClassTable()
    var datacenters = NameTable()
    var pools = NameTable()
    /// Nodes on which a driver is found and healthy, by its name.
    private(set) var drivers: [String: NodeBitmap] = [:]
    /// Nodes that offer a host volume, and those that let it be written.
    private(set) var volumes: [String: NodeBitmap] = [:]
    private(set) var writableVolumes: [String: NodeBitmap] = [:]
    private(set) var devices = DeviceInventory()
    /// The list of devices is of an older snapshot.
    private var devicesAreStale = false
    private var work = WorkColumn()

    private var block = AlignedBlock(capacity: 4_096)
    private var rowCapacity = 0
    private var layout = ClusterLayout()
    private var records: [NodeRecord?] = []
    private var portRanges: [DynamicPortRange] = []
    private var isEmpty = true

    /// A view of nothing; ``advance(to:)`` fills it.
    package init() {}

    /// The block, valid until the next ``advance(to:)``.
    package var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: block.base, count: block.length)
    }

    /// The node of a row, nil for an unused row.
    package func record(_ row: NodeRow) -> NodeRecord? { Int(row) < records.count ? records[Int(row)] : nil }

    /// The ports a node gives out by itself; the row must be in use.
    func portRange(_ row: NodeRow) -> DynamicPortRange { portRanges[Int(row)] }

    // MARK: - Moving forward

    /// Makes the view equal to the snapshot; cost: the nodes touched since the last one.
    package func advance(to snapshot: Snapshot) {
        guard isEmpty || snapshot.index != index else { return }
        var dirty: [NodeRow]?
        if !isEmpty, snapshot.index > index, Int(snapshot.nodeRowLimit) <= rowCapacity, !classes.isOvergrown(nodeLimit)
        {
            dirty = snapshot.touchedNodes(since: index).map { Set($0).sorted() }
        }
        if let dirty {
            setNodeLimit(Int(snapshot.nodeRowLimit))
            for row in dirty { read(row, from: snapshot) }
        }
        if dirty == nil || devices.instanceCount > layout.deviceCapacity || devices.groups.count > layout.groupCapacity
        {
            dirty = nil
            rebuild(from: snapshot)
        }
        index = snapshot.index
        isEmpty = false
        listDevices(snapshot)
        work.write(snapshot.commonWork, devices.groups, at: layout, in: block)
        publish(dirty)
    }

    private func listDevices(_ snapshot: Snapshot) {
        guard devicesAreStale else { return }
        devices.relist(snapshot)
        devicesAreStale = false
        let list = column(layout.devices, of: drover_device_instance.self)
        for (index, device) in devices.list.enumerated() { list[index] = device }
    }

    private func rebuild(from snapshot: Snapshot) {
        nodeGeneration += 1
        classes = NodeClassTable()
        drivers = [:]
        volumes = [:]
        writableVolumes = [:]
        devices = DeviceInventory()
        let limit = Int(snapshot.nodeRowLimit)
        for row in 0..<limit { devices.set(NodeRow(row), snapshot.node(NodeRow(row))) }
        devicesAreStale = !devices.isEmpty
        rowCapacity = max(64, (limit + limit / 4 + 63) & ~63)
        block.reset()
        let deviceCount = devices.instanceCount + devices.instanceCount / 4
        let groupCount = devices.groups.count + devices.groups.count / 4
        layout = ClusterLayout(in: block, rows: rowCapacity, devices: deviceCount, groups: groupCount)
        work = WorkColumn()
        records = [NodeRecord?](repeating: nil, count: rowCapacity)
        portRanges = [DynamicPortRange](repeating: DynamicPortRange(Node()), count: rowCapacity)
        setNodeLimit(limit)
        for row in 0..<limit { read(NodeRow(row), from: snapshot) }
    }

    private func setNodeLimit(_ limit: Int) { nodeLimit = max(limit, 0) }

    /// Reads one node: its load always, its document when that has changed.
    private func read(_ row: NodeRow, from snapshot: Snapshot) {
        guard Int(row) < rowCapacity else { return }
        let record = snapshot.nodeRecord(row)
        if record !== records[Int(row)] {
            nodeGeneration += 1
            if let old = records[Int(row)] { forget(old.node, row) }
            records[Int(row)] = record
            if !devices.instances(row).isEmpty { devicesAreStale = true }
            devices.set(row, record?.node)
            if let record { readDocument(record, row) } else { column(layout.flags, of: UInt32.self)[Int(row)] = 0 }
        }
        guard let record else { return }
        readLoad(record, row, snapshot)
    }

    private func readLoad(_ record: NodeRecord, _ row: NodeRow, _ snapshot: Snapshot) {
        let usage = snapshot.nodeUsage(row)
        for dimension in ResourceDimension.allCases {
            column(layout.used[dimension.rawValue], of: Int64.self)[Int(row)] = usage[dimension]
        }
        if !devices.instances(row).isEmpty { devicesAreStale = true }
        let range = portRanges[Int(row)]
        let taken = range.count(in: snapshot.usedPorts(row))
        column(layout.freePorts, of: UInt32.self)[Int(row)] = UInt32(max(0, range.size - taken))
    }

    private func readDocument(_ record: NodeRecord, _ row: NodeRow) {
        let node = record.node
        portRanges[Int(row)] = DynamicPortRange(node)
        let capacity = NodeCapacity(record.capacity)
        for dimension in ResourceDimension.allCases {
            column(layout.capacity[dimension.rawValue], of: Int64.self)[Int(row)] = capacity[dimension]
        }
        column(layout.coreMHz, of: Int64.self)[Int(row)] = record.coreMHz
        column(layout.flags, of: UInt32.self)[Int(row)] = Self.flags(of: node)
        column(layout.classID, of: UInt32.self)[Int(row)] = classes.number(of: record)
        column(layout.datacenterID, of: UInt32.self)[Int(row)] = datacenters.number(node.datacenter)
        column(layout.poolID, of: UInt32.self)[Int(row)] = pools.number(node.effectivePool)
        column(layout.nodeKey, of: UInt64.self)[Int(row)] = node.id.high ^ node.id.low &* 0x9e37_79b9_7f4a_7c15
        for (name, info) in node.drivers where info.detected && info.healthy {
            drivers[name, default: NodeBitmap(limit: rowCapacity)].insert(row)
        }
        for (name, volume) in node.hostVolumes {
            volumes[name, default: NodeBitmap(limit: rowCapacity)].insert(row)
            if !volume.readOnly { writableVolumes[name, default: NodeBitmap(limit: rowCapacity)].insert(row) }
        }
    }

    private func forget(_ node: Node, _ row: NodeRow) {
        for name in node.drivers.keys { drivers[name]?.remove(row) }
        for name in node.hostVolumes.keys {
            volumes[name]?.remove(row)
            writableVolumes[name]?.remove(row)
        }
    }

    private static func flags(of node: Node) -> UInt32 {
        var flags = UInt32(DROVER_NODE_PRESENT)
        if node.status == .ready, node.drainStrategy == nil, !node.drain { flags |= UInt32(DROVER_NODE_READY) }
        if node.schedulingEligibility == .eligible { flags |= UInt32(DROVER_NODE_ELIGIBLE) }
        return flags
    }

    /// Writes the head: what changed, under a new generation.
    private func publish(_ dirty: [NodeRow]?) {
        let head = block.pointer(0, of: drover_cluster_view.self)
        layout.fill(head, length: block.length, nodeCount: nodeLimit)
        head.pointee.parent = generation
        generation += 1
        head.pointee.generation = generation
        head.pointee.device_count = UInt32(devices.list.count)
        head.pointee.device_group_count = UInt32(devices.groups.count)
        head.pointee.workload_count = UInt32(work.count)
        guard let dirty, dirty.count <= rowCapacity else {
            head.pointee.dirty_count = DROVER_NONE
            head.pointee.dirty = 0
            return
        }
        let rows = column(layout.dirty, of: UInt32.self)
        for (position, row) in dirty.enumerated() { rows[position] = row }
        head.pointee.dirty = UInt64(layout.dirty)
        head.pointee.dirty_count = UInt32(dirty.count)
    }

    // MARK: - Columns

    private func column<Element: BitwiseCopyable>(
        _ offset: Int, of type: Element.Type
    )
        -> UnsafeMutablePointer<Element>
    {
        block.pointer(offset, of: type)
    }

    var flagColumn: UnsafePointer<UInt32> { UnsafePointer(column(layout.flags, of: UInt32.self)) }
    var classColumn: UnsafePointer<UInt32> { UnsafePointer(column(layout.classID, of: UInt32.self)) }
    var datacenterColumn: UnsafePointer<UInt32> { UnsafePointer(column(layout.datacenterID, of: UInt32.self)) }
    var poolColumn: UnsafePointer<UInt32> { UnsafePointer(column(layout.poolID, of: UInt32.self)) }
    var freePortColumn: UnsafePointer<UInt32> { UnsafePointer(column(layout.freePorts, of: UInt32.self)) }

    func capacityColumn(_ dimension: ResourceDimension) -> UnsafePointer<Int64> {
        UnsafePointer(column(layout.capacity[dimension.rawValue], of: Int64.self))
    }

    func usedColumn(_ dimension: ResourceDimension) -> UnsafePointer<Int64> {
        UnsafePointer(column(layout.used[dimension.rawValue], of: Int64.self))
    }

    /// A node that may take new work has all of these flags.
    static let placeable = UInt32(DROVER_NODE_PRESENT) | UInt32(DROVER_NODE_READY) | UInt32(DROVER_NODE_ELIGIBLE)
}
