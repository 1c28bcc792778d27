import CDroverABI
import Model
import StateStore

/// Where the columns of a cluster view lie in its block.
struct ClusterLayout {
    private(set) var capacity: [Int] = []
    private(set) var used: [Int] = []
    private(set) var flags = 0
    private(set) var classID = 0
    private(set) var datacenterID = 0
    private(set) var poolID = 0
    private(set) var nodeKey = 0
    private(set) var freePorts = 0
    private(set) var dirty = 0
    private(set) var coreMHz = 0
    private(set) var devices = 0
    /// Device instances there is room for.
    private(set) var deviceCapacity = 0
    private(set) var work = 0
    private(set) var workShares = 0
    /// Device groups that ``workShares`` has room for.
    private(set) var groupCapacity = 0

    init() {}

    /// Takes a head and columns for `rows` nodes, and so many device instances and groups of them, from an empty block.
    init(in block: AlignedBlock, rows: Int, devices count: Int, groups: Int) {
        _ = block.reserve(1, of: drover_cluster_view.self)
        for _ in ResourceDimension.allCases {
            capacity.append(block.reserve(rows, of: Int64.self))
            used.append(block.reserve(rows, of: Int64.self))
        }
        flags = block.reserve(rows, of: UInt32.self)
        classID = block.reserve(rows, of: UInt32.self)
        datacenterID = block.reserve(rows, of: UInt32.self)
        poolID = block.reserve(rows, of: UInt32.self)
        nodeKey = block.reserve(rows, of: UInt64.self)
        freePorts = block.reserve(rows, of: UInt32.self)
        dirty = block.reserve(rows, of: UInt32.self)
        coreMHz = block.reserve(rows, of: Int64.self)
        deviceCapacity = count
        devices = block.reserve(count, of: drover_device_instance.self)
        groupCapacity = groups
        work = block.reserve(CommonWork.shapeCountMax, of: drover_workload.self)
        workShares = block.reserve(CommonWork.shapeCountMax * groups, of: UInt32.self)
    }

    /// Writes all of the head but generations and dirty rows.
    func fill(_ head: UnsafeMutablePointer<drover_cluster_view>, length: Int, nodeCount: Int) {
        head.pointee.head.length = UInt64(length)
        head.pointee.head.struct_size = UInt32(MemoryLayout<drover_cluster_view>.size)
        head.pointee.node_count = UInt32(nodeCount)
        head.pointee.dimension_count = UInt32(DROVER_DIMENSIONS)
        withUnsafeMutableBytes(of: &head.pointee.capacity) { Self.store(capacity, into: $0) }
        withUnsafeMutableBytes(of: &head.pointee.used) { Self.store(used, into: $0) }
        head.pointee.flags = UInt64(flags)
        head.pointee.class_id = UInt64(classID)
        head.pointee.datacenter_id = UInt64(datacenterID)
        head.pointee.pool_id = UInt64(poolID)
        head.pointee.node_key = UInt64(nodeKey)
        head.pointee.free_ports = UInt64(freePorts)
        head.pointee.core_mhz = UInt64(coreMHz)
        head.pointee.devices = UInt64(devices)
        head.pointee.workload = UInt64(work)
    }

    private static func store(_ offsets: [Int], into bytes: UnsafeMutableRawBufferPointer) {
        for (position, offset) in offsets.enumerated() {
            bytes.storeBytes(of: UInt64(offset), toByteOffset: position * 8, as: UInt64.self)
        }
    }
}
