import Model

/// At most so many of a job's allocations on nodes of one value: what `distinct_hosts` and `distinct_property` come to.
package struct PlacementLimit: Sendable {
    /// Groups that name the same limit share its count.
    let id: UInt32
    let max: UInt32
    /// As it is shown to the user: the operator, and the attribute where there is one.
    let label: String
    /// It counts one group's instances node by node: `max_per_node` of the ABI, not a column.
    var isPerNode = false
    /// The value's number of each node, or ``PropertyColumn/none``.
    let values: [UInt32]
    /// Allocations that stay, by the value's number.
    let counts: [UInt32]

    /// It counts the allocations of all groups; ids of a group's own limits begin beyond those of the job.
    var isOfJob: Bool { id < 1 << 8 }

    /// The number of a node's value; nil for a node without one, which the limit closes.
    func value(of node: NodeRow) -> Int? {
        guard Int(node) < values.count, values[Int(node)] != PropertyColumn.none else { return nil }
        return Int(values[Int(node)])
    }
}

/// Counts allocations against limits, beside those that the limits begin with.
struct LimitTally: Sendable {
    private var counts: [UInt32: [UInt32]] = [:]

    /// The first of `limits` that lets no more on the node.
    func exceeded(_ limits: [PlacementLimit], on node: NodeRow) -> PlacementLimit? {
        limits.first { limit in
            guard let value = limit.value(of: node) else { return true }
            return (counts[limit.id] ?? limit.counts)[value] >= limit.max
        }
    }

    /// Counts one more on the node, unless a limit is in the way: that one.
    mutating func add(to limits: [PlacementLimit], on node: NodeRow) -> PlacementLimit? {
        if let exceeded = exceeded(limits, on: node) { return exceeded }
        for limit in limits {
            guard let value = limit.value(of: node) else { continue }
            counts[limit.id, default: limit.counts][value] += 1
        }
        return nil
    }
}
