/// Which nodes limits and dynamic ports let a group's instances on; the kernel has looked at everything else.
struct Admission {
    let group: GroupAsk
    let workspace: Workspace
    /// With this group's placements counted, for the next group that shares them.
    private(set) var limits: [LimitState]

    @inline(__always)
    func allows(_ row: Int) -> Bool {
        if group.maxPerNode > 0 && workspace.sameJob[row] >= group.maxPerNode { return false }
        if group.dynamicPortCount > 0 && workspace.freePorts[row] < group.dynamicPortCount { return false }
        for limit in limits where !limit.allows(row) { return false }
        return true
    }

    /// Whether there is anything to ask for.
    var isNeeded: Bool { group.maxPerNode > 0 || group.dynamicPortCount > 0 || !limits.isEmpty }

    /// Counts an instance on `row`.
    mutating func add(_ row: Int) {
        workspace.sameJob[row] &+= 1
        workspace.freePorts[row] &-= min(workspace.freePorts[row], group.dynamicPortCount)
        for number in limits.indices { limits[number].add(row) }
    }
}
