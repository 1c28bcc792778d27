package import Basics
package import Model

/// An allocation's plain facts, cheap to make and to keep; the rest is asked of the ``Snapshot`` it came from.
package struct AllocationRow: Sendable {
    /// The state's number of the allocation.
    package let row: UInt32
    package let id: ID
    package let node: NodeRow
    /// The number in the name's brackets.
    package let nameIndex: UInt32
    package let taskGroup: String
    /// The group's position in its job version.
    package let groupIndex: Int
    package let jobVersion: UInt64
    /// `CreateIndex` of the job it is of: tells a purged and re-registered job from its namesake.
    package let jobCreateIndex: UInt64
    package let desiredStatus: AllocationDesiredStatus
    package let clientStatus: AllocationClientStatus
    package let previousAllocation: ID
    package let nextAllocation: ID
    package let createIndex: UInt64
    package let modifyIndex: UInt64
    package let allocModifyIndex: UInt64
    package let createTime: Timestamp
    package let modifyTime: Timestamp
    /// A server asks for migration or rescheduling: see ``Snapshot/desiredTransition(of:)``.
    package let hasTransition: Bool

    /// The client has nothing left to run.
    package var isClientTerminal: Bool { clientStatus.isTerminal }

    /// Neither servers nor client keep this allocation's resources.
    package var isTerminal: Bool { desiredStatus != .run || clientStatus.isTerminal }
}

extension State {
    func allocationRow(_ row: UInt32) -> AllocationRow {
        let hot = allocations.hot[Int(row)]
        let batch = allocations.batch(row)
        let version = jobVersion(hot.version)
        return AllocationRow(
            row: row, id: allocations.id(row), node: allocations.node(row), nameIndex: allocations.nameIndex(row),
            taskGroup: version.groups[Int(hot.group)].name, groupIndex: Int(hot.group),
            jobVersion: version.job.version, jobCreateIndex: version.job.createIndex,
            desiredStatus: hot.desiredStatus, clientStatus: hot.clientStatus,
            previousAllocation: batch.previous(ofRow: row),
            nextAllocation: allocations.extra(row)?.nextAllocation ?? .none, createIndex: batch.createIndex,
            modifyIndex: hot.modifyIndex, allocModifyIndex: hot.serverIndex, createTime: batch.createTime,
            modifyTime: Timestamp(nanoseconds: hot.modifyTime), hasTransition: hot.has(HotRow.hasTransition))
    }
}
