import Basics
package import Model

/// What an instance of a task group asks for, whichever job it is of.
package final class WorkShape: Sendable {
    /// A hash of all the rest: equal asks of different jobs are one shape.
    package let key: UInt64
    package let resources: ResourceVector
    /// The first device that one of its tasks asks for; nil: none does.
    package let device: RequestedDevice?

    init(_ group: TaskGroup, resources: ResourceVector) {
        self.resources = resources
        device = group.tasks.lazy.compactMap { $0.resources?.devices.first }.first
        var hasher = StableHasher()
        for dimension in ResourceDimension.allCases { hasher.combine(UInt64(bitPattern: resources[dimension])) }
        if let device { hasher.combine(device.jsonBytes) }
        key = hasher.value
    }
}

/// A shape and how many live allocations have it.
package struct WorkCount: Sendable {
    package let shape: WorkShape
    package fileprivate(set) var count: Int
}

/// The commonest shapes of live work, as they were told last.
package final class CommonWork: Sendable {
    /// Commonest first, equal ones by key; at most ``shapeCountMax``.
    package let counts: [WorkCount]

    /// Shapes that a cluster view tells of at most (scheduler.h).
    package static let shapeCountMax = 256

    fileprivate init(_ counts: [WorkCount]) {
        let sorted = counts.sorted { ($1.count, $0.shape.key) < ($0.count, $1.shape.key) }
        self.counts = Array(sorted.prefix(Self.shapeCountMax))
    }
}

/// How many live allocations ask for what, kept up to date entry by entry.
///
/// Schedulers are told of it when an eighth of what lives has come or gone since they were told last: a new list makes all
/// that they remember of nodes stale, and a weight that is an eighth off decides nothing. So telling costs O(log n) an
/// allocation in the long run, n shapes being no more than live allocations.
struct WorkLedger: Sendable {
    private var byKey = SortedTable<UInt64, WorkCount>()
    private var liveCount = 0
    private var changeCount = 0
    private(set) var common = CommonWork([])

    /// Every shape with a live allocation, by key.
    var counts: [WorkCount] {
        var all: [WorkCount] = []
        all.reserveCapacity(byKey.count)
        byKey.scan { _, count in
            all.append(count)
            return true
        }
        return all
    }

    /// Counts live allocations of a shape; negative: that live no longer.
    mutating func add(_ shape: WorkShape, _ change: Int) {
        guard change != 0 else { return }
        var entry = byKey[shape.key] ?? WorkCount(shape: shape, count: 0)
        entry.count += change
        byKey[shape.key] = entry.count > 0 ? entry : nil
        liveCount += change
        changeCount += abs(change)
    }

    /// Tells anew if enough has changed; called after each entry.
    mutating func tellIfDue() {
        guard changeCount > 0, changeCount >= liveCount / Self.toldPart else { return }
        tell()
    }

    /// Tells what lives now.
    mutating func tell() {
        changeCount = 0
        common = CommonWork(counts)
    }

    /// One part of so many has to change.
    private static let toldPart = 8
}
