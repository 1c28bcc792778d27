import CDroverABI
package import CKernels

/// The base score of a node that cannot hold the instance: the kernels' `CK_UNFIT`.
package let unfitScore = Int32.min

/// How good a node is before the parts every strategy shares: the difference between the stock strategies and `scored`.
package protocol Scoring {
    /// The base is the whole score: no anti-affinity, penalty, affinity or spread is added to it.
    var isWholeScore: Bool { get }
    /// Placing an instance may change the base of nodes other than the one it went to.
    var dependsOnOthers: Bool { get }
    /// It reads ``GroupState/freeShare(of:)`` and answers ``devices(_:_:)``.
    var choosesDevices: Bool { get }

    /// Called before the group's first score.
    mutating func begin(_ group: GroupAsk) throws(SchedulerFault)

    /// Writes for every node the base score in units of 1/65,536, or ``unfitScore``.
    mutating func scoreAll(_ state: GroupState, into base: UnsafeMutablePointer<Int32>) throws(SchedulerFault)

    /// The same for one node.
    mutating func scoreOne(_ state: GroupState, _ row: Int) throws(SchedulerFault) -> Int32

    /// The device instances for an instance that goes to `row` next; nil: those that leave least over.
    mutating func devices(_ state: GroupState, _ row: Int) -> [DeviceLedger.Pick]?
}

extension Scoring {
    package var choosesDevices: Bool { false }

    package mutating func devices(_ state: GroupState, _ row: Int) -> [DeviceLedger.Pick]? { nil }
}

/// Best fit, or spreading over resources: the kernel's score as it is.
struct FitScoring: Scoring {
    var isWholeScore: Bool { false }
    var dependsOnOthers: Bool { false }

    mutating func begin(_ group: GroupAsk) {}

    mutating func scoreAll(_ state: GroupState, into base: UnsafeMutablePointer<Int32>) {
        ck_score_all(state.fit, base)
    }

    mutating func scoreOne(_ state: GroupState, _ row: Int) -> Int32 {
        ck_score_one(state.fit, UInt32(row))
    }
}

/// What a ``Scoring`` may look at: the group, the cluster, and both as they are after the placements so far.
package struct GroupState {
    package let group: GroupAsk
    package let columns: ClusterColumns
    /// For `ck_score_all` and `ck_score_one`.
    package let fit: UnsafePointer<ck_fit_input>
    /// Instances of this job and group on each node.
    package let sameJob: UnsafePointer<UInt32>
    private let workspace: Workspace
    /// What one more instance is worth for spreading.
    var spreads: SpreadTerms

    init(group: GroupAsk, columns: ClusterColumns, workspace: Workspace) {
        self.group = group
        self.columns = columns
        fit = UnsafePointer(workspace.fit)
        sameJob = UnsafePointer(workspace.sameJob)
        self.workspace = workspace
        spreads = SpreadTerms((0..<group.spreadCount).map { group.spread($0) })
    }

    /// Use of `dimension` on `row`, the placements so far included.
    package func used(_ dimension: Int, _ row: Int) -> Int64 { workspace.usedColumn(dimension)[row] }

    /// What an instance asks of `dimension` on `row`, the CPU that its whole cores take included.
    package func ask(_ dimension: Int, _ row: Int) -> Int64 { workspace.ask(group.amounts, dimension, on: row) }

    /// Share left of the device instance in a row of `devices`, the placements so far included.
    package func freeShare(of index: Int) -> UInt32 { workspace.devices.free[index] }

    /// What spreading adds on `row`, in units of 1/65,536.
    package func spread(_ row: Int) -> Int32 { spreads.term(of: row) }
}
