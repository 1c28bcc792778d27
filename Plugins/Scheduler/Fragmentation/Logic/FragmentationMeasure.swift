import CDroverABI

/// How much of a node's free devices will likely be of no use to the common work.
///
/// The paper takes, for each device instance, its free share times the chance that a task drawn from the workload cannot
/// use it: because the node is short of something, no model of its suits, too few instances have the share, or the
/// instance itself has less. Here the chance that a task *can* use it, p, is turned into a loss of 1 / (1 + 10 p) of the
/// free share. Many tasks will come, so losing the last shapes that could use an instance costs much and losing one of
/// many little, where 1 - p counts both alike. In integers, so that every machine finds the same.
struct FragmentationMeasure {
    private let shapes: [Workload.Shape]
    /// Numbers of the shapes that the node could run if only the devices were right.
    private var runnable: [Int] = []
    /// Weight of the shapes that can use each instance.
    private var usable: [Int64] = []

    /// How steeply the loss falls as more of the work can use an instance. (4 to 30 are within a tenth of each other.)
    private static let steepness: Int64 = 10

    init(_ workload: Workload) { shapes = workload.shapes }

    /// Looks at a node that has the amounts `free` left, by dimension.
    mutating func begin(free: UnsafePointer<Int64>, dimensions: Int) {
        runnable.removeAll(keepingCapacity: true)
        for (number, shape) in shapes.enumerated() {
            let fits = shape.amounts.withUnsafeBufferPointer { amounts in
                (0..<dimensions).allSatisfy { amounts[$0] <= free[$0] || amounts[$0] == 0 }
            }
            if fits { runnable.append(number) }
        }
    }

    /// The loss over a node's instances, in units of 1/65,536 of a thousandth of a device.
    ///
    /// - Parameter instances: those of one group next to each other.
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
        for number in runnable {
            let share = Int64(shapes[number].shares[first.group])
            guard share > 0 else { continue }
            let enough = instances.reduce(0) { $1.free >= share ? $0 + 1 : $0 }
            guard enough >= shapes[number].count else { continue }
            for position in 0..<instances.count where instances[position].free >= share {
                usable[position] += shapes[number].weight
            }
        }
        return zip(instances, usable).reduce(0) { $0 + Self.loss($1.0.free, usable: $1.1) }
    }

    private static func loss(_ free: Int64, usable: Int64) -> Int64 {
        free * Workload.one * Workload.one / (Workload.one + steepness * usable)
    }
}
