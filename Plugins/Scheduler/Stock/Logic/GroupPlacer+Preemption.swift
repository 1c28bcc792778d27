import CDroverABI

/// Evicting less important work where no node has room.
extension GroupPlacer {
    /// Places `ordinal` where evictions make room at the lowest cost; false when that is nowhere.
    mutating func placeByEviction(_ ordinal: Int, into answer: inout Answer) throws(SchedulerFault) -> Bool {
        guard var queue = preemption else { return false }
        preemption = nil
        defer { preemption = queue }
        while let row = queue.next(nodeCount: state.columns.count, isAllowed: isEvictable) {
            guard try evict(queue.victims, for: ordinal, on: row, into: &answer) else { continue }
            queue.renew(row)
            return true
        }
        return false
    }

    /// The same on one given node.
    mutating func placeByEviction(
        _ ordinal: Int, on row: Int, into answer: inout Answer
    ) throws(SchedulerFault) -> Bool {
        guard var queue = preemption, isEvictable(row) else { return false }
        preemption = nil
        defer { preemption = queue }
        guard queue.makesRoom(on: row) else { return false }
        return try evict(queue.victims, for: ordinal, on: row, into: &answer)
    }

    /// Whether all but room speaks for `row`.
    private func isEvictable(_ row: Int) -> Bool {
        state.columns.flags[row] & ClusterColumns.placeable == ClusterColumns.placeable
            && drover_bit(state.group.feasible, UInt32(row)) != 0 && admission.allows(row)
            && !workspace.isPortTaken(state.group, on: row)
    }

    /// Puts an instance in the victims' place; false, with nothing changed, when the strategy does not want the node.
    private mutating func evict(
        _ victims: [Int], for ordinal: Int, on row: Int, into answer: inout Answer
    ) throws(SchedulerFault) -> Bool {
        for number in victims { workspace.change(victim: number, isFreed: true) }
        let base = try score(row)
        guard base != unfitScore else {
            for number in victims { workspace.change(victim: number, isFreed: false) }
            return false
        }
        for number in victims {
            workspace.victims.markEvicted(number)
            answer.preemptions.append(
                drover_preemption(
                    kind: UInt32(DROVER_RECORD_PREEMPTION), size: UInt32(MemoryLayout<drover_preemption>.size),
                    problem: UInt32(state.group.problem), group: UInt32(state.group.index), ordinal: UInt32(ordinal),
                    node: UInt32(row), allocation: workspace.victims[number].pointee.allocation))
        }
        try settle(ordinal, on: row, score: finalScore(row, base: base), into: &answer)
        return true
    }
}
