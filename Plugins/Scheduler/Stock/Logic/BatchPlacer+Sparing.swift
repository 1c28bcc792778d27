import CDroverABI

/// Sparing whom nobody needs to go in the end.
extension BatchPlacer {
    /// Takes back evictions, those from `start` on being the present problem's: what one instance found its room by may fit
    /// beside it again once a later instance's victims have gone. The most important are spared first.
    func spareSuperfluous(from start: Int, in answer: inout Answer) {
        let table = workspace.victims
        guard table.taken.count > 1 else { return }
        let order = table.taken.indices.sorted { left, right in
            let (first, second) = (table[table.taken[left]].pointee, table[table.taken[right]].pointee)
            return (second.priority, left) < (first.priority, right)
        }
        var spared: Set<Int> = []
        for position in order where mayStay(table.taken[position]) {
            workspace.change(victim: table.taken[position], isFreed: false)
            spared.insert(position)
        }
        guard !spared.isEmpty else { return }
        for position in spared { table.unmarkEvicted(table.taken[position]) }
        // Placements are made in order, each when its victims have gone: on such a node all go with the first.
        var firsts: [UInt32: drover_preemption] = [:]
        for record in answer.preemptions[start...] where firsts[record.node] == nil { firsts[record.node] = record }
        let changed = Set(spared.map { table[table.taken[$0]].pointee.node })
        let kept = answer.preemptions[start...].enumerated().filter { !spared.contains($0.offset) }.map { _, record in
            guard changed.contains(record.node), let first = firsts[record.node] else { return record }
            var record = record
            (record.group, record.ordinal) = (first.group, first.ordinal)
            return record
        }
        answer.preemptions.replaceSubrange(start..., with: kept)
    }

    /// Whether the node holds an evicted allocation beside all that has been placed there. Which cores it has may matter to who
    /// was placed, and the host alone knows that.
    private func mayStay(_ number: Int) -> Bool {
        let table = workspace.victims
        let (resources, row) = (table.resources(of: number), Int(table[number].pointee.node))
        return resources[Int(DROVER_CORES)] == 0 && workspace.hasRoom(for: resources, on: row)
            && table.devices(of: number).allSatisfy { workspace.devices.isFree($0) }
            && table.staticPorts(of: number).allSatisfy { !workspace.isPortTaken($0, on: row) }
    }
}
