import CDroverABI
import Model

/// The scores a scheduler wrote for the first instance of each group, best first.
struct PlacementScores {
    private let byGroup: [[drover_score]]

    /// Reads score records and nothing else; records that make no sense are passed over, as nothing is placed by them.
    init(_ answer: UnsafeRawBufferPointer, groupCount: Int) {
        var found = [[drover_score]](repeating: [], count: groupCount)
        var offset = 0
        while answer.count - offset >= 8 {
            let kind = answer.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
            let size = Int(answer.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self))
            guard size >= 8, size <= answer.count - offset else { break }
            if kind == UInt32(DROVER_RECORD_SCORE), size >= MemoryLayout<drover_score>.size {
                let score = answer.loadUnaligned(fromByteOffset: offset, as: drover_score.self)
                if Int(score.group) < groupCount { found[Int(score.group)].append(score) }
            }
            offset += size
        }
        byGroup = found.map { scores in
            var seen: Set<UInt32> = []
            return scores.filter { seen.insert($0.node).inserted }
                .sorted { ($1.final_score, $0.node) < ($0.final_score, $1.node) }
        }
    }

    /// The best of a group, and each node's rank from 1.
    func best(_ group: Int) -> drover_score? { byGroup[group].first }

    func ranked(_ group: Int) -> [drover_score] { byGroup[group] }

    func score(_ group: Int, _ row: NodeRow) -> (rank: Int, score: drover_score)? {
        guard let position = byGroup[group].firstIndex(where: { $0.node == row }) else { return nil }
        return (position + 1, byGroup[group][position])
    }
}

extension drover_score {
    /// The parts by the names that metrics use, as fractions.
    var parts: [String: Double] {
        [
            "binpack": Self.value(fit_score), "job-anti-affinity": Self.value(anti_affinity),
            "node-reschedule-penalty": Self.value(penalty), "node-affinity": Self.value(affinity),
            "allocation-spread": Self.value(spread),
        ]
    }

    static func value(_ score: Int32) -> Double { Double(score) / Double(DROVER_SCORE_ONE) }
}
