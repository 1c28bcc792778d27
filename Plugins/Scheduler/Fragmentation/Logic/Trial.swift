import CDroverABI

/// Puts one instance on one node to see what that costs.
struct Trial {
    /// A device instance that was chosen.
    struct Pick: Equatable {
        /// Position among the node's instances.
        var position: Int
        var share: Int64
    }

    /// The amounts a node has, and what its cluster compares them with.
    struct Room {
        /// By dimension; `Int64.max` where there is no limit.
        var free: UnsafePointer<Int64>
        /// CPU that a whole core takes besides.
        var coreMHz: Int64
        /// Dimensions that count as room, each with the most that a node of the cluster has.
        var largest: [(dimension: Int, amount: Int64)]
        var sharesLargest: Int64
    }

    /// What was chosen last.
    private(set) var picks: [Pick] = []
    private var measure: FragmentationMeasure
    private var instances: [DeviceInventory.Instance] = []
    private var after: [Int64] = []

    /// What all the room of the largest node counts for, a dimension: 20 thousandths of a device.
    ///
    /// Enough to fill nodes up where fragmentation is indifferent, which keeps whole ones free for large work.
    private static let roomWeight: Int64 = 20 * Workload.one
    /// A score this far from 0 is clipped, so that sums of parts stay within 32 bits.
    private static let scoreMax = 64 * Workload.one

    init(_ workload: Workload, dimensions: Int) {
        measure = FragmentationMeasure(workload, dimensions: dimensions)
    }

    /// The loss of a node as it is.
    mutating func loss(_ room: Room, _ instances: ArraySlice<DeviceInventory.Instance>) -> Int64 {
        guard instances.contains(where: { $0.free > 0 }) else { return 0 }
        measure.begin(free: room.free)
        return instances.withUnsafeBufferPointer { measure.loss($0) }
    }

    /// How much better than `loss` the node is with the instance on it, in units of 1/65,536 of a device.
    ///
    /// Nil when its devices do not suffice; that its amounts do is for the caller to know.
    mutating func score(
        _ wish: Wish, _ room: Room, _ own: ArraySlice<DeviceInventory.Instance>, loss: Int64
    ) -> Int32? {
        after.removeAll(keepingCapacity: true)
        for (dimension, amount) in wish.amounts.enumerated() {
            let cores = dimension == Int(DROVER_CPU_MHZ) ? wish.amounts[Int(DROVER_CORES)] &* room.coreMHz : 0
            after.append(room.free[dimension] == .max ? .max : room.free[dimension] &- amount &- cores)
        }
        instances.removeAll(keepingCapacity: true)
        instances.append(contentsOf: own)
        picks.removeAll(keepingCapacity: true)
        if own.contains(where: { $0.free > 0 }) {
            after.withUnsafeBufferPointer { if let base = $0.baseAddress { measure.begin(free: base) } }
        } else if !wish.devices.isEmpty {
            return nil
        }
        for ask in wish.devices { guard choose(ask) else { return nil } }
        let left = instances.withUnsafeBufferPointer { measure.loss($0) }
        let emptiness = emptiness(room)
        let gain = (loss - left + (wish.spreads ? emptiness : -emptiness)) / 1_000
        return Int32(max(-Self.scoreMax, min(Self.scoreMax, gain)))
    }

    /// Takes the way to meet `ask` that loses least; false when there is none.
    private mutating func choose(_ ask: DeviceWish) -> Bool {
        var best: (option: [Int], loss: Int64)?
        let options = ask.options(instances)
        for option in options {
            guard options.count > 1 else {
                best = (option, 0)
                break
            }
            take(ask, option, sign: 1)
            let loss = instances.withUnsafeBufferPointer { measure.loss($0) }
            take(ask, option, sign: -1)
            if let known = best, known.loss <= loss { continue }
            best = (option, loss)
        }
        guard let best else { return false }
        take(ask, best.option, sign: 1)
        for position in best.option { picks.append(Pick(position: position, share: share(ask, position))) }
        return true
    }

    private mutating func take(_ ask: DeviceWish, _ option: [Int], sign: Int64) {
        for position in option { instances[position].free -= sign * share(ask, position) }
    }

    private func share(_ ask: DeviceWish, _ position: Int) -> Int64 { Int64(ask.shares[instances[position].group]) }

    /// How much room is left, each dimension and the devices as a part of the largest node's.
    private func emptiness(_ room: Room) -> Int64 {
        let shares = instances.reduce(0) { $0 + $1.free }
        return room.largest.reduce(Self.roomWeight * shares / room.sharesLargest) { sum, largest in
            let left = after[largest.dimension]
            guard left != .max else { return sum }
            return sum + Int64(Double(Self.roomWeight) * Double(min(left, largest.amount)) / Double(largest.amount))
        }
    }
}
