import CDroverABI

/// How much of a node's free devices will likely be of no use to the common work.
///
/// The paper takes, for each device instance, its free share times the chance that a task drawn from the workload cannot
/// use it: because the node is short of something, no model of its suits, too few instances have the share, or the
/// instance itself has less. Here the chance that a task *can* use it, p, is turned into a loss of 1 / (1 + 10 p) of the
/// free share. Many tasks will come, so losing the last shapes that could use an instance costs much and losing one of
/// many little, where 1 - p counts both alike. In integers, so that every machine finds the same.
struct FragmentationMeasure {
    /// Dimensions that some shape asks for.
    private let dimensions: [Int]
    /// By shape, what it asks for of `dimensions`.
    private let amounts: [Int64]
    private let weights: [Int64]
    /// By shape, the number of its device ask: many shapes differ in amounts only.
    private let asks: [Int]
    private let askCount: Int
    /// By device group and ask.
    private let shares: [Int64]
    /// Instances wanted, by ask.
    private let counts: [Int]
    /// By ask, weight of the shapes that the node could run if only the devices were right.
    private var runnable: [Int64]
    /// Weight of the shapes that can use each instance.
    private var usable: [Int64] = []

    /// What a shape asks for of devices.
    private struct Ask: Hashable {
        let shares: [UInt32]
        let count: Int
    }

    /// How steeply the loss falls as more of the work can use an instance. (With 5 or 20, 0.1 percent of all GPU more or less is left.)
    private static let steepness: Int64 = 10

    init(_ workload: Workload, dimensions: Int) {
        let shapes = workload.shapes
        let asked = (0..<dimensions).filter { dimension in shapes.contains { $0.amounts[dimension] != 0 } }
        self.dimensions = asked
        amounts = shapes.flatMap { shape in asked.map { shape.amounts[$0] } }
        weights = shapes.map(\.weight)
        var distinct: [Ask] = []
        var numbers: [Ask: Int] = [:]
        asks = shapes.map { shape in
            let ask = Ask(shares: shape.shares, count: shape.count)
            if let known = numbers[ask] { return known }
            distinct.append(ask)
            numbers[ask] = distinct.count - 1
            return distinct.count - 1
        }
        askCount = distinct.count
        shares = (0..<workload.groupCount).flatMap { group in distinct.map { Int64($0.shares[group]) } }
        counts = distinct.map(\.count)
        runnable = [Int64](repeating: 0, count: distinct.count)
    }

    /// Looks at a node that has the amounts `free` left, by dimension.
    mutating func begin(free: UnsafePointer<Int64>) {
        let stride = dimensions.count
        runnable.withUnsafeMutableBufferPointer { runnable in
            runnable.update(repeating: 0)
            dimensions.withUnsafeBufferPointer { dimensions in
                amounts.withUnsafeBufferPointer { amounts in
                    for shape in weights.indices {
                        var fits = true
                        for position in 0..<stride {
                            let amount = amounts[shape * stride + position]
                            fits = fits && (amount <= free[dimensions[position]] || amount == 0)
                        }
                        if fits { runnable[asks[shape]] += weights[shape] }
                    }
                }
            }
        }
    }

    /// The loss over a node's instances, those of one group next to each other; in units of 1/65,536 of a thousandth of a
    /// device.
    mutating func loss(_ instances: UnsafeBufferPointer<DeviceInventory.Instance>) -> Int64 {
        var total: Int64 = 0
        var start = 0
        while start < instances.count {
            var end = start + 1
            while end < instances.count, instances[end].group == instances[start].group { end += 1 }
            total += loss(ofGroup: UnsafeBufferPointer(rebasing: instances[start..<end]))
            start = end
        }
        return total
    }

    private mutating func loss(ofGroup instances: UnsafeBufferPointer<DeviceInventory.Instance>) -> Int64 {
        guard let first = instances.first, instances.contains(where: { $0.free > 0 }) else { return 0 }
        usable.removeAll(keepingCapacity: true)
        usable.append(contentsOf: repeatElement(0, count: instances.count))
        usable.withUnsafeMutableBufferPointer { usable in
            for ask in 0..<askCount where runnable[ask] > 0 {
                let share = shares[first.group * askCount + ask]
                guard share > 0 else { continue }
                var enough = 0
                for instance in instances where instance.free >= share { enough += 1 }
                guard enough >= counts[ask] else { continue }
                let weight = runnable[ask]
                for position in 0..<instances.count where instances[position].free >= share {
                    usable[position] += weight
                }
            }
        }
        return zip(instances, usable).reduce(0) { $0 + Self.loss($1.0.free, usable: $1.1) }
    }

    private static func loss(_ free: Int64, usable: Int64) -> Int64 {
        free * Workload.one * Workload.one / (Workload.one + steepness * usable)
    }
}
