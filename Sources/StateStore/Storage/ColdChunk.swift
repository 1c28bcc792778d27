import Basics

/// 4,096 allocations' columns that never change: written once, shared by every version, never copied.
///
/// A version never reads rows at or beyond its own count, so appending to a shared chunk is legal while `used` says that this
/// version is the one that appended last; ``AllocationTable`` checks it and forks the chunk otherwise. One thread appends.
final class ColdChunk: @unchecked Sendable {
    static let rowCount = 4096

    let ids: UnsafeMutablePointer<ID>
    let nodes: UnsafeMutablePointer<UInt32>
    let nameIndexes: UnsafeMutablePointer<UInt32>
    let batches: UnsafeMutablePointer<UInt32>
    var used: Int

    init() {
        ids = .allocate(capacity: Self.rowCount)
        nodes = .allocate(capacity: Self.rowCount)
        nameIndexes = .allocate(capacity: Self.rowCount)
        batches = .allocate(capacity: Self.rowCount)
        used = 0
    }

    /// A fork that shares nothing with the original.
    init(copying other: ColdChunk, rows: Int) {
        ids = .allocate(capacity: Self.rowCount)
        nodes = .allocate(capacity: Self.rowCount)
        nameIndexes = .allocate(capacity: Self.rowCount)
        batches = .allocate(capacity: Self.rowCount)
        ids.initialize(from: other.ids, count: rows)
        nodes.initialize(from: other.nodes, count: rows)
        nameIndexes.initialize(from: other.nameIndexes, count: rows)
        batches.initialize(from: other.batches, count: rows)
        used = rows
    }

    deinit {
        ids.deallocate()
        nodes.deallocate()
        nameIndexes.deallocate()
        batches.deallocate()
    }
}
