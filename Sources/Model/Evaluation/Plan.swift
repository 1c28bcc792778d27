public import Basics

/// A node's row in the state's node table: dense, stable for the node's life, the same on every replica.
public typealias NodeRow = UInt32

/// What a worker proposes for one evaluation; the leader re-checks it and commits what still fits.
///
/// The job is named once, placements are columns (DESIGN §5), so a plan of a thousand placements is a few arrays.
public struct Plan: Sendable, Equatable {
    public var evalID = ID.none
    public var priority = 0
    public var namespace = ""
    public var jobID = ""
    /// The job version the placements are of.
    public var jobVersion: UInt64 = 0
    /// Index of the snapshot the plan was made from.
    public var snapshotIndex: UInt64 = 0
    public var placements: [PlacementBatch] = []
    public var stops: [PlannedStop] = []
    /// Running allocations that take on the new job version without a restart.
    public var inPlaceUpdates: [ID] = []
    /// Either all placements are committed or none.
    public var allAtOnce = false
    /// How the evaluation ends if all of the plan is committed: stored with it, in one entry. Empty when somebody else
    /// stores that.
    public var ending: [Evaluation] = []
    /// Time of the proposal, stamped by the proposer.
    public var createTime = Timestamp.never

    public init() {}

    public var isEmpty: Bool {
        placements.allSatisfy { $0.ids.isEmpty } && stops.isEmpty && inPlaceUpdates.isEmpty && ending.isEmpty
    }
}

/// Placements of one task group in one plan: columns of equal length.
public struct PlacementBatch: Sendable, Equatable {
    public var taskGroup = ""
    /// Batches of a plan with the same number are committed all or none; 0 is no gang.
    public var gang: UInt32 = 0
    public var ids: [ID] = []
    public var nodes: [NodeRow] = []
    /// The number in the allocation's name.
    public var nameIndexes: [UInt32] = []
    /// `portLabels.count` ports an allocation, allocation after allocation; labels in the order of the group's networks:
    /// reserved ports first, then dynamic ones.
    public var ports: [UInt16] = []
    public var portLabels: [String] = []
    /// Memory was oversubscribed for the job when they were placed: their tasks may use as much as `memory_max`.
    public var oversubscribesMemory = false
    /// The allocation each one replaces, ``ID/none`` where it replaces none; empty when none of them does.
    public var previous: [ID] = []
    /// Attempts so far of each one, for those that replace a failed allocation, by position.
    public var rescheduleTrackers: [Int: RescheduleTracker] = [:]
    /// Device instances and cores of each one that asks for some, by position.
    public var hardware: [Int: AssignedHardware] = [:]
    /// Normalised score of each one.
    public var scores: [Float] = []
    /// How the group's placements were decided, shared by all of them: an ``AllocationMetric`` as JSON, written once and read
    /// only when somebody asks; empty when nobody said.
    public var metricJSON: [UInt8] = []

    public init() {}

    public var metric: AllocationMetric {
        get { (try? AllocationMetric(json: metricJSON)) ?? AllocationMetric() }
        set { metricJSON = newValue.terseBytes }
    }
}

extension PlacementBatch {
    /// The placements at `positions`, in that order.
    public func keeping(_ positions: [Int]) -> PlacementBatch {
        var kept = self
        let labels = portLabels.count
        kept.ids = positions.map { ids[$0] }
        kept.nodes = positions.map { nodes[$0] }
        kept.nameIndexes = positions.map { nameIndexes[$0] }
        kept.ports = positions.flatMap { ports[$0 * labels..<($0 + 1) * labels] }
        kept.scores = scores.isEmpty ? [] : positions.map { scores[$0] }
        // The column of replaced allocations may end early: nothing is replaced behind its end.
        kept.previous = previous.isEmpty ? [] : positions.map { $0 < previous.count ? previous[$0] : .none }
        kept.rescheduleTrackers = [:]
        kept.hardware = [:]
        for (position, old) in positions.enumerated() {
            kept.rescheduleTrackers[position] = rescheduleTrackers[old]
            kept.hardware[position] = hardware[old]
        }
        return kept
    }
}

/// An allocation to stop.
public struct PlannedStop: Sendable, Equatable {
    public var id: ID
    public var desiredStatus: AllocationDesiredStatus
    public var description: String
    /// Set when the server itself knows the outcome, as ``AllocationClientStatus/lost`` for a node that is down.
    public var clientStatus: AllocationClientStatus?
    /// The delayed evaluation that will replace it, when rescheduling has to wait.
    public var followupEvalID: ID
    /// The allocation that takes its place by pre-emption.
    public var preemptedBy: ID

    public init(
        id: ID, desiredStatus: AllocationDesiredStatus = .stop, description: String,
        clientStatus: AllocationClientStatus? = nil, followupEvalID: ID = .none, preemptedBy: ID = .none
    ) {
        self.id = id
        self.desiredStatus = desiredStatus
        self.description = description
        self.clientStatus = clientStatus
        self.followupEvalID = followupEvalID
        self.preemptedBy = preemptedBy
    }
}

/// What the leader did with a plan.
public struct PlanResult: Sendable, Equatable {
    /// Index of the commit; zero when nothing was left to commit.
    public var index: UInt64 = 0
    public var placed = 0
    /// Nodes whose placements did not fit any more, with the reason; empty when all of the plan was committed.
    public var rejected: [NodeRow: String] = [:]
    /// The quota that had no room for all of the plan any more, or empty.
    public var quotaLimitReached = ""
    /// The worker should go on from a snapshot at least this new.
    public var refreshIndex: UInt64 = 0

    public init() {}

    public var isPartial: Bool { !rejected.isEmpty || !quotaLimitReached.isEmpty }
}

/// The dimensions of a node's resources, in the order of `drover/fit.h`.
public enum ResourceDimension: Int, CaseIterable, Sendable {
    case cpu
    case cores
    case memory
    case memoryMax
    case disk
    case network

    /// The name in `DimensionExhausted`.
    public var label: String {
        switch self {
        case .cpu: "cpu"
        case .cores: "cores"
        case .memory: "memory"
        case .memoryMax: "memory max"
        case .disk: "disk"
        case .network: "network"
        }
    }
}

/// An amount in every ``ResourceDimension``: MHz, cores, MiB, MiB, MiB, Mbit/s.
public struct ResourceVector: Sendable, Equatable, BitwiseCopyable {
    public var cpu: Int64 = 0
    public var cores: Int64 = 0
    public var memory: Int64 = 0
    public var memoryMax: Int64 = 0
    public var disk: Int64 = 0
    public var network: Int64 = 0

    public init() {}

    public static func += (left: inout ResourceVector, right: ResourceVector) { left.combine(right, sign: 1) }
    public static func -= (left: inout ResourceVector, right: ResourceVector) { left.combine(right, sign: -1) }

    /// Adds as much as `count` of `amounts` are; takes it away when negative.
    public mutating func add(_ amounts: ResourceVector, times count: Int) { combine(amounts, sign: Int64(count)) }

    private mutating func combine(_ other: ResourceVector, sign: Int64) {
        cpu &+= sign &* other.cpu
        cores &+= sign &* other.cores
        memory &+= sign &* other.memory
        memoryMax &+= sign &* other.memoryMax
        disk &+= sign &* other.disk
        network &+= sign &* other.network
    }

    public subscript(dimension: ResourceDimension) -> Int64 {
        switch dimension {
        case .cpu: cpu
        case .cores: cores
        case .memory: memory
        case .memoryMax: memoryMax
        case .disk: disk
        case .network: network
        }
    }
}
