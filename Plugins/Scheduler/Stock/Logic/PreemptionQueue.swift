/// The nodes where evictions make room for an instance of one group, cheapest first.
///
/// Every node's cost is found once. Afterwards a cost only rises, when instances fill the node or the victims' jobs are
/// hit elsewhere; so the node on top is looked at again when it is taken, and goes back if it has become dearer:
/// O(victims + N + k log N) for k instances.
struct PreemptionQueue {
    private var search: VictimSearch
    private var heap = RankedHeap<EvictionCost>()
    private var isFilled = false

    init(search: VictimSearch) { self.search = search }

    /// Numbers of the victims on the node found last.
    var victims: [Int] { search.victims }

    /// The cheapest of the nodes that `isAllowed` lets through, its victims being in ``victims``; nil when there is
    /// none.
    mutating func next(nodeCount: Int, isAllowed: (Int) -> Bool) -> Int? {
        if !isFilled { fill(nodeCount, isAllowed) }
        while heap.count > 0 {
            let known = heap.top
            heap.removeTop()
            let row = Int(known.row)
            guard isAllowed(row), let cost = search.search(row) else { continue }
            guard known.precedes(cost), heap.count > 0, heap.top.precedes(cost) else {
                return row
            }
            heap.push(cost)
        }
        return nil
    }

    /// Whether evictions make room on `row`, its victims being in ``victims``.
    mutating func makesRoom(on row: Int) -> Bool { search.search(row) != nil }

    /// Puts a node back after an instance has gone there.
    mutating func renew(_ row: Int) {
        if let cost = search.search(row) { heap.push(cost) }
    }

    mutating func release() { heap.release() }

    private mutating func fill(_ nodeCount: Int, _ isAllowed: (Int) -> Bool) {
        isFilled = true
        for row in 0..<nodeCount where isAllowed(row) {
            if let cost = search.search(row) { heap.append(cost) }
        }
        heap.heapify()
    }
}
