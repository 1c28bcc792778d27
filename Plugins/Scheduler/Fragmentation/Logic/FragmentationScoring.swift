import CDroverABI
import CKernels
import StockSchedulerPlugin

/// Scores by what a placement does to fragmentation; the kernels only decide where an instance fits.
struct FragmentationScoring: Scoring {
    private let memory: ScoreMemory
    private let batch: UnsafeRawPointer
    private var wish: Wish?
    private var number = 0

    init(memory: ScoreMemory, batch: UnsafeRawPointer) {
        self.memory = memory
        self.batch = batch
    }

    var isWholeScore: Bool { false }
    var dependsOnOthers: Bool { false }
    var choosesDevices: Bool { true }

    mutating func begin(_ group: GroupAsk) { wish = nil }

    mutating func scoreAll(_ state: GroupState, into base: UnsafeMutablePointer<Int32>) {
        let columns = state.columns
        let wish = Wish(
            state.group, batch: batch, dimensions: columns.dimensions,
            groupCount: Int(columns.view.pointee.device_group_count))
        self.wish = wish
        number = memory.number(of: wish)
        ck_score_all(state.fit, base)
        for row in 0..<columns.count where base[row] != unfitScore {
            base[row] = memory.score(number, wish, row, state)
        }
    }

    mutating func scoreOne(_ state: GroupState, _ row: Int) -> Int32 {
        guard let wish, ck_score_one(state.fit, UInt32(row)) != unfitScore else { return unfitScore }
        return memory.score(number, wish, row, state)
    }

    mutating func devices(_ state: GroupState, _ row: Int) -> [DeviceLedger.Pick]? {
        wish.flatMap { memory.picks($0, row, state) }
    }
}
