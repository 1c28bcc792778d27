import CDroverABI
import CKernels

/// The memory one call of `place` works in: the view's usage as this batch changes it, and a few columns a group.
///
/// Kept between calls by the scheduler, so that a call allocates nothing but on growth. Used by one call at a time.
final class Workspace {
    let fit: UnsafeMutablePointer<ck_fit_input>
    private(set) var capacity = 0
    /// `CK_DIMENSIONS_MAX` columns, `capacity` elements apart.
    private(set) var used: UnsafeMutablePointer<Int64>
    private(set) var freePorts: UnsafeMutablePointer<UInt32>
    private(set) var sameJob: UnsafeMutablePointer<UInt32>
    private(set) var base: UnsafeMutablePointer<Int32>
    private(set) var stamps: UnsafeMutablePointer<UInt32>
    private(set) var combinations: UnsafeMutablePointer<UInt32>
    /// What device affinity adds; only meaningful for groups that ask for it.
    private(set) var deviceScores: UnsafeMutablePointer<Int32>
    /// Lent to the batch at work, for its storage.
    var answer = Answer()
    /// Static ports taken by this batch's own placements: port and bitmap of nodes.
    private(set) var portsTaken: [(port: UInt32, nodes: [UInt64])] = []
    /// Shares of device instances as this batch changes them.
    var devices = DeviceLedger()
    /// What the problem at work may evict.
    let victims = VictimTable()
    private var dimensions = 0
    private var count = 0
    private var capacities: [UnsafePointer<Int64>] = []
    private var coreMHz: UnsafePointer<Int64>?

    init() {
        fit = .allocate(capacity: 1)
        fit.initialize(to: ck_fit_input())
        used = .allocate(capacity: 0)
        freePorts = .allocate(capacity: 0)
        sameJob = .allocate(capacity: 0)
        base = .allocate(capacity: 0)
        stamps = .allocate(capacity: 0)
        combinations = .allocate(capacity: 0)
        deviceScores = .allocate(capacity: 0)
    }

    deinit {
        fit.deallocate()
        releaseColumns()
    }

    /// Takes over the view's usage; every batch begins with it.
    func begin(_ columns: ClusterColumns) {
        if columns.count > capacity { resize(to: columns.count) }
        portsTaken.removeAll(keepingCapacity: true)
        devices.begin()
        victims.beginBatch()
        count = columns.count
        dimensions = columns.dimensions
        coreMHz = columns.coreMHz
        capacities.removeAll(keepingCapacity: true)
        for dimension in 0..<dimensions { capacities.append(columns.capacity(dimension)) }
        fit.pointee.count = UInt32(columns.count)
        fit.pointee.dimensions = UInt32(columns.dimensions)
        fit.pointee.cpu = UInt32(DROVER_CPU_MHZ)
        fit.pointee.memory = UInt32(DROVER_MEMORY_MIB)
        fit.pointee.cores = UInt32(DROVER_CORES)
        fit.pointee.core_mhz = columns.coreMHz
        fit.pointee.flags = columns.flags
        fit.pointee.required_flags = ClusterColumns.placeable
        for dimension in 0..<columns.dimensions {
            usedColumn(dimension).update(from: columns.used(dimension), count: columns.count)
            setPointer(\.capacity, dimension, UnsafeRawPointer(columns.capacity(dimension)))
            setPointer(\.used, dimension, UnsafeRawPointer(usedColumn(dimension)))
        }
        if let ports = columns.freePorts { freePorts.update(from: ports, count: columns.count) }
    }

    func usedColumn(_ dimension: Int) -> UnsafeMutablePointer<Int64> { used + dimension * capacity }

    // MARK: - Usage

    /// Adds `sign` times `amounts` to the usage of `row`.
    @inline(__always)
    func add(_ amounts: UnsafePointer<Int64>, to row: Int, sign: Int64) {
        for dimension in 0..<dimensions { used[dimension * capacity + row] &+= sign &* amounts[dimension] }
    }

    /// Counts one instance that asks for `amounts` on `row`: with whole cores goes the CPU they take.
    @inline(__always)
    func occupy(_ amounts: UnsafePointer<Int64>, on row: Int) {
        add(amounts, to: row, sign: 1)
        used[Int(DROVER_CPU_MHZ) * capacity + row] &+= coreAsk(amounts, on: row)
    }

    /// What an instance asks of `dimension` on `row`.
    @inline(__always)
    func ask(_ amounts: UnsafePointer<Int64>, _ dimension: Int, on row: Int) -> Int64 {
        dimension == Int(DROVER_CPU_MHZ) ? amounts[dimension] &+ coreAsk(amounts, on: row) : amounts[dimension]
    }

    /// CPU MHz that the whole cores of an ask take on `row`.
    @inline(__always)
    private func coreAsk(_ amounts: UnsafePointer<Int64>, on row: Int) -> Int64 {
        coreMHz.map { amounts[Int(DROVER_CORES)] &* $0[row] } ?? 0
    }

    /// The first dimension of which `row` has too little for an instance that asks for `amounts`.
    func shortDimension(for amounts: UnsafePointer<Int64>, on row: Int) -> Int? {
        (0..<dimensions).first { missing(of: $0, for: amounts, on: row) > 0 }
    }

    /// How much of `dimension` has to be freed on `row` for an instance; 0 when there is enough.
    @inline(__always)
    func missing(of dimension: Int, for amounts: UnsafePointer<Int64>, on row: Int) -> Int64 {
        let ask = ask(amounts, dimension, on: row)
        let used = used[dimension * capacity + row]
        if drover_fit_one(capacities[dimension][row], used, ask) != 0 { return 0 }
        return max(1, ask &- (capacities[dimension][row] &- max(0, used)))
    }

    /// Whether amounts fit on `row` as they are; of what nothing is asked there may be too little.
    func hasRoom(for amounts: UnsafePointer<Int64>, on row: Int) -> Bool {
        (0..<dimensions).allSatisfy { dimension in
            amounts[dimension] <= 0
                || drover_fit_one(capacities[dimension][row], used[dimension * capacity + row], amounts[dimension]) != 0
        }
    }

    // MARK: - Devices and victims

    /// Whether `row` has the devices for one more instance.
    func hasDevices(_ asks: [DeviceAsk], on row: Int) -> Bool {
        guard !asks.isEmpty else { return true }
        guard devices.take(asks, on: row) else { return false }
        devices.giveBack()
        return true
    }

    /// Frees what a victim holds, or gives it back to it.
    func change(victim number: Int, isFreed: Bool) {
        add(victims.resources(of: number), to: Int(victims[number].pointee.node), sign: isFreed ? -1 : 1)
        for share in victims.devices(of: number) { devices.change(share, isFreed: isFreed) }
    }

    // MARK: - Static ports

    /// Notes that an instance of this batch holds static `port` on `row`.
    func takePort(_ port: UInt32, _ row: Int) {
        let number =
            portsTaken.firstIndex { $0.port == port }
            ?? {
                portsTaken.append((port, [UInt64](repeating: 0, count: (count + 63) / 64)))
                return portsTaken.count - 1
            }()
        portsTaken[number].nodes[row >> 6] |= 1 << UInt64(row & 63)
    }

    /// Whether an instance of this batch holds a static port of `group` on `row`.
    func isPortTaken(_ group: GroupAsk, on row: Int) -> Bool {
        guard group.staticPortCount > 0 else { return false }
        return portsTaken.contains { group.needs(port: $0.port) && $0.nodes[row >> 6] >> UInt64(row & 63) & 1 != 0 }
    }

    func isPortTaken(_ port: UInt32, on row: Int) -> Bool {
        portsTaken.contains { $0.port == port && $0.nodes[row >> 6] >> UInt64(row & 63) & 1 != 0 }
    }

    // MARK: - Undoing

    /// Usage at some moment, to come back to.
    struct Saved {
        fileprivate let used: [Int64]
        fileprivate let freePorts: [UInt32]
        fileprivate let portsTaken: [(port: UInt32, nodes: [UInt64])]
        fileprivate let devices: DeviceLedger
        fileprivate let evicted: Set<UInt64>
    }

    var saved: Saved {
        Saved(
            used: Array(UnsafeBufferPointer(start: used, count: dimensions * capacity)),
            freePorts: Array(UnsafeBufferPointer(start: freePorts, count: count)), portsTaken: portsTaken,
            devices: devices, evicted: victims.evicted)
    }

    func restore(_ saved: Saved) {
        saved.used.withUnsafeBufferPointer { if let base = $0.baseAddress { used.update(from: base, count: $0.count) } }
        saved.freePorts.withUnsafeBufferPointer {
            if let base = $0.baseAddress { freePorts.update(from: base, count: $0.count) }
        }
        portsTaken = saved.portsTaken
        devices = saved.devices
        victims.evicted = saved.evicted
    }

    // MARK: - Memory

    private func setPointer<Columns>(
        _ columns: WritableKeyPath<ck_fit_input, Columns>, _ index: Int, _ pointer: UnsafeRawPointer
    ) {
        withUnsafeMutableBytes(of: &fit.pointee[keyPath: columns]) {
            $0.storeBytes(
                of: pointer, toByteOffset: index * MemoryLayout<UnsafeRawPointer>.stride, as: UnsafeRawPointer.self)
        }
    }

    private func resize(to count: Int) {
        releaseColumns()
        capacity = (count + 255) & ~255
        used = .allocate(capacity: capacity * Int(CK_DIMENSIONS_MAX))
        freePorts = .allocate(capacity: capacity)
        sameJob = .allocate(capacity: capacity)
        base = .allocate(capacity: capacity)
        stamps = .allocate(capacity: capacity)
        combinations = .allocate(capacity: capacity)
        deviceScores = .allocate(capacity: capacity)
    }

    private func releaseColumns() {
        used.deallocate()
        freePorts.deallocate()
        sameJob.deallocate()
        base.deallocate()
        stamps.deallocate()
        combinations.deallocate()
        deviceScores.deallocate()
    }
}
