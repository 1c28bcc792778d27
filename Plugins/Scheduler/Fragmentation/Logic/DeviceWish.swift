import CDroverABI
import StockSchedulerPlugin

/// One `drover_device_ask` by its content: instances of one device group, each with a share.
struct DeviceWish: Hashable {
    let count: Int
    /// By device group; 0: a group that will not do.
    let shares: [UInt32]
    /// By device group, in units of 1/65,536; empty: no preference.
    let affinity: [Int32]
    let wantsOneNUMA: Bool

    /// The asks of a group, in their order.
    static func all(_ group: GroupAsk, batch: UnsafeRawPointer, groupCount: Int) -> [DeviceWish] {
        let raw = group.raw.pointee
        guard raw.devices != 0 else { return [] }
        return (0..<Int(raw.device_count)).map { number -> DeviceWish in
            let ask: UnsafePointer<drover_device_ask> = batch.element(raw.devices, number)
            let shares: UnsafePointer<UInt32>? = batch.optionalArray(ask.pointee.shares)
            let affinity: UnsafePointer<Int32>? = batch.optionalArray(ask.pointee.affinity)
            return DeviceWish(
                count: Int(ask.pointee.count), shares: (0..<groupCount).map { shares?[$0] ?? 0 },
                affinity: affinity.map { affinity in (0..<groupCount).map { affinity[$0] } } ?? [],
                wantsOneNUMA: ask.pointee.same_numa != 0)
        }.filter { $0.count > 0 }
    }

    /// The ways worth trying to meet the ask from `instances`, each as positions there; none: it cannot be met.
    ///
    /// Only groups with the highest affinity of those that can: what that is worth is part of the score already. One
    /// instance may be any with the share, those equally free counting as one; of several the tightest are taken, on one
    /// NUMA node where that is wanted and possible.
    func options(_ instances: [DeviceInventory.Instance]) -> [[Int]] {
        var options: [[Int]] = []
        var start = 0
        while start < instances.count {
            let group = instances[start].group
            let end = instances[start...].firstIndex { $0.group != group } ?? instances.count
            let share = Int64(shares[group])
            if share > 0 {
                let fitting = (start..<end).filter { instances[$0].free >= share }
                    .sorted { (instances[$0].free, $0) < (instances[$1].free, $1) }
                if fitting.count >= count { options += choices(fitting, instances) }
            }
            start = end
        }
        guard !affinity.isEmpty, options.count > 1 else { return options }
        let affinities = options.map { affinity[instances[$0[0]].group] }
        let highest = affinities.max()
        return zip(options, affinities).filter { $1 == highest }.map(\.0)
    }

    /// `fitting` are at least `count` positions, tightest first.
    private func choices(_ fitting: [Int], _ instances: [DeviceInventory.Instance]) -> [[Int]] {
        if count == 1 {
            return zip(fitting.indices, fitting).compactMap { index, position in
                let isRepeated = index > 0 && instances[fitting[index - 1]].free == instances[position].free
                return isRepeated ? nil : [position]
            }
        }
        guard wantsOneNUMA else { return [Array(fitting.prefix(count))] }
        let together = Dictionary(grouping: fitting) { instances[$0].numa }
            .filter { $0.key != DROVER_NONE && $0.value.count >= count }
            .sorted { $0.key < $1.key }.map { Array($0.value.prefix(count)) }
        return together.isEmpty ? [Array(fitting.prefix(count))] : together
    }
}
