import Basics
import Model

/// What one plan's placements of one task group share; their rows are contiguous.
final class AllocationBatch: Sendable {
    let evalID: ID
    /// Row of the ``JobVersion`` the placements were made of.
    let version: UInt32
    /// Position of the group in that version.
    let group: UInt16
    /// The first row.
    let start: UInt32
    let count: UInt32
    let createIndex: UInt64
    let createTime: Timestamp
    let portLabels: [String]
    /// Tasks may use as much as `memory_max`; it counts for nothing where this is false.
    let oversubscribesMemory: Bool
    /// `portLabels.count` ports a row.
    let ports: [UInt16]
    let scores: [Float]
    /// Ids of the replaced allocations by position; empty when nothing is replaced.
    let previous: [ID]
    let rescheduleTrackers: [Int: RescheduleTracker]
    let hardware: [Int: AssignedHardware]
    /// The ``AllocationMetric`` as JSON, read only when somebody asks.
    let metricJSON: [UInt8]

    init(
        placements: PlacementBatch, evalID: ID, version: UInt32, group: UInt16, start: UInt32, createIndex: UInt64,
        createTime: Timestamp
    ) {
        self.evalID = evalID
        self.version = version
        self.group = group
        self.start = start
        self.createIndex = createIndex
        self.createTime = createTime
        metricJSON = placements.metricJSON
        count = UInt32(placements.ids.count)
        portLabels = placements.portLabels
        oversubscribesMemory = placements.oversubscribesMemory
        ports = placements.ports
        scores = placements.scores
        previous = placements.previous
        rescheduleTrackers = placements.rescheduleTrackers
        hardware = placements.hardware
    }

    /// The ports of the allocation at `row`, in the order of ``portLabels``.
    func ports(ofRow row: UInt32) -> ArraySlice<UInt16> {
        let first = Int(row - start) * portLabels.count
        return ports[first..<first + portLabels.count]
    }

    func previous(ofRow row: UInt32) -> ID {
        previous.isEmpty ? .none : previous[Int(row - start)]
    }
}

/// The rarely present parts of an allocation.
struct AllocationExtra: Sendable, Equatable {
    /// Task states too long or unusual for the row.
    var taskStates: PackedTaskStates?
    var deploymentStatus: AllocationDeploymentStatus?
    var networkStatus: AllocationNetworkStatus?
    var desiredTransition = DesiredTransition()
    var followupEvalID = ID.none
    var nextAllocation = ID.none
    var preemptedByAllocation = ID.none
    var preemptedAllocations: [ID] = []
    /// The server's words when there was no room for them among the interned ones.
    var desiredDescription = ""
    /// Since when its client was out of reach, as servers saw it, until a scheduler has settled its return; else never.
    var disconnectedAt = Timestamp.never
}

/// A value on the heap, shared by the versions that hold it.
final class Box<Value: Sendable>: Sendable {
    let value: Value

    init(_ value: Value) { self.value = value }
}
