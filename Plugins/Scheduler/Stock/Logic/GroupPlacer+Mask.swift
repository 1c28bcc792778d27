import CDroverABI

/// Taking out nodes that have the resources, but not all else an instance needs.
extension GroupPlacer {
    /// Takes out nodes at a limit, without ports or devices, or where a static port is taken.
    func mask() {
        let group = state.group
        let base = workspace.base
        if admission.isNeeded {
            for row in 0..<state.columns.count where base[row] != unfitScore && !admission.allows(row) {
                base[row] = unfitScore
            }
        }
        if group.staticPortCount > 0 { maskPorts() }
        guard !deviceAsks.isEmpty else { return }
        for row in 0..<state.columns.count where base[row] != unfitScore {
            base[row] = withDevices(row, base: base[row])
        }
    }

    /// Static ports that this batch's own instances, or victims not yet evicted, hold.
    private func maskPorts() {
        let group = state.group
        for taken in workspace.portsTaken where group.needs(port: taken.port) {
            for row in 0..<state.columns.count where taken.nodes[row >> 6] >> UInt64(row & 63) & 1 != 0 {
                workspace.base[row] = unfitScore
            }
        }
        let victims = workspace.victims
        for number in 0..<victims.count where victims.holdsPort(of: group, number) && !victims.isEvicted(number) {
            let row = Int(victims[number].pointee.node)
            if row < state.columns.count { workspace.base[row] = unfitScore }
        }
    }

    /// `base` if the node has the devices for one more instance; notes what device affinity adds.
    func withDevices(_ row: Int, base: Int32) -> Int32 {
        guard workspace.hasDevices(deviceAsks, on: row) else { return unfitScore }
        workspace.deviceScores[row] = workspace.devices.affinity
        return base
    }
}
