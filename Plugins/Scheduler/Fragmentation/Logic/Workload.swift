import CDroverABI
import StockSchedulerPlugin

/// What the cluster's devices should stay good for: shapes of work and how much each counts.
struct Workload: Equatable {
    /// One kind of task.
    struct Shape: Equatable {
        /// By dimension.
        var amounts: [Int64]
        /// Share wanted of each of `count` instances, by device group; 0: a group that will not do.
        var shares: [UInt32]
        var count: Int
        /// Part of ``Workload/one``.
        var weight: Int64
    }

    /// Only shapes that ask for devices: what else is asked for cannot lose the use of one.
    let shapes: [Shape]
    /// Numbers in use for device groups.
    let groupCount: Int

    /// The sum of all weights, but for rounding.
    static let one: Int64 = 65_536

    /// The common work that the view tells of, or what the batch itself asks for where none of that wants devices.
    init(view: UnsafeRawPointer, batch: UnsafeRawPointer) {
        let head = view.assumingMemoryBound(to: drover_cluster_view.self).pointee
        let groupCount = Int(head.device_group_count)
        let known = Self.shapes(view: view, groupCount)
        self.init(known.isEmpty ? Self.shapes(batch: batch, groupCount) : known, groupCount: groupCount)
    }

    /// Turns counts into weights by their square root: the rare shape that needs much is the one that finds no place
    /// later, so it counts for more than its share. (Seen: 0.1 to 0.2 percent of all GPU less left
    /// over than with the counts themselves.)
    init(_ counted: [Shape], groupCount: Int) {
        let roots = counted.map { Double(max(0, $0.weight)).squareRoot() }
        let sum = max(1, roots.reduce(0, +))
        shapes = zip(counted, roots).map { shape, root in
            var shape = shape
            shape.weight = Int64(root / sum * Double(Self.one))
            return shape
        }
        self.groupCount = groupCount
    }

    private static func shapes(view: UnsafeRawPointer, _ groupCount: Int) -> [Shape] {
        let head = view.assumingMemoryBound(to: drover_cluster_view.self).pointee
        guard head.workload != 0 else { return [] }
        return (0..<Int(head.workload_count)).compactMap { number in
            let raw: UnsafePointer<drover_workload> = view.element(head.workload, number)
            return Shape(
                amounts: raw.pointee.ask, shares: view.optionalArray(raw.pointee.shares), groupCount: groupCount,
                count: raw.pointee.device_count, weight: Int64(raw.pointee.weight))
        }
    }

    /// The first device ask of each group, as often as the group wants instances.
    private static func shapes(batch: UnsafeRawPointer, _ groupCount: Int) -> [Shape] {
        let head = batch.assumingMemoryBound(to: drover_problem_batch.self).pointee
        return (0..<Int(head.problem_count)).flatMap { number -> [Shape] in
            let problem: UnsafePointer<drover_problem> = batch.element(head.problems, number)
            return (0..<Int(problem.pointee.group_count)).compactMap { index in
                let group: UnsafePointer<drover_group_ask> = batch.element(problem.pointee.groups, index)
                guard group.pointee.devices != 0, group.pointee.device_count > 0 else { return nil }
                let ask: UnsafePointer<drover_device_ask> = batch.element(group.pointee.devices, 0)
                return Shape(
                    amounts: group.pointee.ask, shares: batch.optionalArray(ask.pointee.shares),
                    groupCount: groupCount, count: ask.pointee.count, weight: Int64(group.pointee.count))
            }
        }
    }
}

extension Workload.Shape {
    /// Nil for a shape that asks for no device.
    fileprivate init?(
        amounts: Amounts, shares: UnsafePointer<UInt32>?, groupCount: Int, count: UInt32, weight: Int64
    ) {
        guard let shares, count > 0 else { return nil }
        self.amounts = withUnsafeBytes(of: amounts) { Array($0.bindMemory(to: Int64.self)) }
        self.shares = (0..<groupCount).map { shares[$0] }
        self.count = Int(count)
        self.weight = weight
    }

    fileprivate typealias Amounts = (Int64, Int64, Int64, Int64, Int64, Int64, Int64, Int64)
}
