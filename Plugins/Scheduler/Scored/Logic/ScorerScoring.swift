import CDroverABI
import CKernels
import DroverSDK
import StockSchedulerPlugin

/// Scores by an installed function alone; the kernels only decide where an instance fits.
struct ScorerScoring: Scoring {
    private let scorers: Scorers
    private let entry: Scorers.Entry
    private var columns: ScoreColumns
    private var results: [Double] = []

    /// Scores beyond this are clipped, as the ABI says.
    private static let scoreMax = 100.0

    init(scorers: Scorers, entry: Scorers.Entry) {
        self.scorers = scorers
        self.entry = entry
        columns = ScoreColumns(parameters: entry.parameters)
    }

    var isWholeScore: Bool { true }

    var dependsOnOthers: Bool { entry.parameters.contains { $0.name == "spread" } }

    mutating func begin(_ group: GroupAsk) throws(SchedulerFault) { try columns.begin(group) }

    mutating func scoreAll(_ state: GroupState, into base: UnsafeMutablePointer<Int32>) throws(SchedulerFault) {
        let count = state.columns.count
        ck_score_all(state.fit, base)
        columns.resize(to: count)
        for row in 0..<count where base[row] != unfitScore { columns.fill(row, at: row, state, fit: base[row]) }
        try run(count)
        for row in 0..<count where base[row] != unfitScore { base[row] = Self.quantised(results[row]) }
    }

    mutating func scoreOne(_ state: GroupState, _ row: Int) throws(SchedulerFault) -> Int32 {
        let fit = ck_score_one(state.fit, UInt32(row))
        guard fit != unfitScore else { return unfitScore }
        columns.resize(to: 1)
        columns.fill(row, at: 0, state, fit: fit)
        try run(1)
        return Self.quantised(results[0])
    }

    private mutating func run(_ count: Int) throws(SchedulerFault) {
        guard count > 0 else { return }
        var results = results
        self.results = []
        defer { self.results = results }
        do throws(PluginError) {
            try columns.withBlock(count) { block throws(PluginError) in
                try scorers.score(entry.name, block, count: count, into: &results)
            }
        } catch {
            throw SchedulerFault(code: error.code.rawValue, message: error.message)
        }
    }

    /// A score as an integer; not a number means "not this node".
    private static func quantised(_ score: Double) -> Int32 {
        guard !score.isNaN else { return unfitScore }
        return Int32((min(scoreMax, max(-scoreMax, score)) * Double(DROVER_SCORE_ONE)).rounded())
    }
}
