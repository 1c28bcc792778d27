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
    /// Lent to the batch at work, for its storage.
    var answer = Answer()
    /// Static ports taken by this batch's own placements: port and bitmap of nodes.
    var portsTaken: [(port: UInt32, nodes: [UInt64])] = []

    init() {
        fit = .allocate(capacity: 1)
        fit.initialize(to: ck_fit_input())
        used = .allocate(capacity: 0)
        freePorts = .allocate(capacity: 0)
        sameJob = .allocate(capacity: 0)
        base = .allocate(capacity: 0)
        stamps = .allocate(capacity: 0)
        combinations = .allocate(capacity: 0)
    }

    deinit {
        fit.deallocate()
        releaseColumns()
    }

    /// Takes over the view's usage; every batch begins with it.
    func begin(_ columns: ClusterColumns) {
        if columns.count > capacity { resize(to: columns.count) }
        portsTaken.removeAll(keepingCapacity: true)
        fit.pointee.count = UInt32(columns.count)
        fit.pointee.dimensions = UInt32(columns.dimensions)
        fit.pointee.cpu = UInt32(DROVER_CPU_MHZ)
        fit.pointee.memory = UInt32(DROVER_MEMORY_MIB)
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

    /// Adds `sign` times `amounts` to the usage of `row`.
    @inline(__always)
    func add(_ amounts: UnsafePointer<Int64>, to row: Int, sign: Int64, dimensions: Int) {
        for dimension in 0..<dimensions { used[dimension * capacity + row] &+= sign &* amounts[dimension] }
    }

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
    }

    private func releaseColumns() {
        used.deallocate()
        freePorts.deallocate()
        sameJob.deallocate()
        base.deallocate()
        stamps.deallocate()
        combinations.deallocate()
    }
}
