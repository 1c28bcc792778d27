import CDroverABI
import CKernels

/// Telling why: the scores behind a group's first instance.
extension GroupPlacer {
    /// Nodes told of when not all are wanted.
    private static var bestMax: Int { 5 }

    /// Writes the scores of the best nodes, or of every node that fits.
    func reportScores(into answer: inout Answer) {
        if state.group.wantsEveryScore {
            for row in 0..<state.columns.count where workspace.base[row] != unfitScore {
                answer.scores.append(score(row, final: finalScore(row, base: workspace.base[row])))
            }
        } else if state.group.wantsScores {
            for (row, final) in bestNodes(max: Self.bestMax) { answer.scores.append(score(row, final: final)) }
        }
    }

    /// The nodes that an instance would go to, best first, with its score there.
    func bestNodes(max: Int) -> [(row: Int, final: Int32)] {
        var best: [(score: Int64, candidate: Candidate)] = []
        best.reserveCapacity(max + 1)
        // Most nodes are told by their score alone that they are none of them.
        var worst = Int64.min
        for row in 0..<state.columns.count {
            let base = workspace.base[row]
            guard base != unfitScore else { continue }
            let (candidate, count) = entry(row, base: base)
            let score = candidate.scaled(parts: count, term: term(row))
            guard score >= worst else { continue }
            let position = best.firstIndex {
                score > $0.score || score == $0.score && candidate.isTiedBefore($0.candidate)
            }
            best.insert((score, candidate), at: position ?? best.count)
            guard best.count >= max else { continue }
            if best.count > max { best.removeLast() }
            worst = best[max - 1].score
        }
        return best.map { (Int($0.candidate.row), Self.rounded($0.score)) }
    }

    private func score(_ row: Int, final: Int32) -> drover_score {
        let group = state.group
        let whole = strategy.isWholeScore
        let penalised = group.penalty.map { drover_bit($0, UInt32(row)) != 0 } ?? false
        return drover_score(
            kind: UInt32(DROVER_RECORD_SCORE), size: UInt32(MemoryLayout<drover_score>.size),
            problem: UInt32(group.problem), group: UInt32(group.index), ordinal: 0, node: UInt32(row),
            final_score: final, fit_score: workspace.base[row],
            anti_affinity: whole ? 0 : Int32(truncatingIfNeeded: antiAffinity(row)),
            penalty: whole || !penalised ? 0 : -Int32(CK_SCORE_ONE),
            affinity: whole ? 0 : group.affinity?[row] ?? 0, spread: term(row),
            device_affinity: whole || !hasDeviceAffinity ? 0 : workspace.deviceScores[row], reserved: 0)
    }
}
