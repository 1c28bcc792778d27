import Basics
import CDroverABI
import Model

/// The scores a scheduler wrote for the one group of a problem, best first.
struct PlacementScores {
    let ranked: [drover_score]

    /// Reads score records and nothing else; records that make no sense are passed over, as nothing is placed by them.
    init(_ answer: UnsafeRawBufferPointer) {
        var (found, seen): ([drover_score], Set<UInt32>) = ([], [])
        var offset = 0
        while answer.count - offset >= 8 {
            let kind = answer.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
            let size = Int(answer.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self))
            guard size >= 8, size <= answer.count - offset else { break }
            if kind == UInt32(DROVER_RECORD_SCORE), size >= MemoryLayout<drover_score>.size {
                let score = answer.loadUnaligned(fromByteOffset: offset, as: drover_score.self)
                if score.group == 0, seen.insert(score.node).inserted { found.append(score) }
            }
            offset += size
        }
        ranked = found.sorted { ($1.final_score, $0.node) < ($0.final_score, $1.node) }
    }

    var best: drover_score? { ranked.first }

    /// A node's score and its rank, from 1.
    func score(_ row: NodeRow) -> (rank: Int, score: drover_score)? {
        guard let position = ranked.firstIndex(where: { $0.node == row }) else { return nil }
        return (position + 1, ranked[position])
    }
}

extension drover_score {
    /// The parts by the names that metrics use, as fractions; `devices` only where their affinities count.
    var parts: [String: Double] {
        var parts = [
            "binpack": Self.value(fit_score), "job-anti-affinity": Self.value(anti_affinity),
            "node-reschedule-penalty": Self.value(penalty), "node-affinity": Self.value(affinity),
            "allocation-spread": Self.value(spread),
        ]
        if device_affinity != 0 { parts["devices"] = Self.value(device_affinity) }
        return parts
    }

    /// Writes it as a ``NodeScoreMeta`` writes ``parts`` and the score they come to.
    func write(nodeID: ID, to writer: inout JSONWriter) {
        writer.beginObject()
        if !nodeID.isNone {
            writer.key("NodeID")
            writer.id(nodeID)
        }
        writer.key("Scores")
        writer.beginObject()
        writer.part("allocation-spread", spread)
        writer.part("binpack", fit_score)
        if device_affinity != 0 { writer.part("devices", device_affinity) }
        writer.part("job-anti-affinity", anti_affinity)
        writer.part("node-affinity", affinity)
        writer.part("node-reschedule-penalty", penalty)
        writer.endObject()
        writer.part("NormScore", final_score)
        writer.endObject()
    }

    static func value(_ score: Int32) -> Double { Double(score) / Double(DROVER_SCORE_ONE) }
}

extension JSONWriter {
    fileprivate mutating func part(_ name: StaticString, _ score: Int32) {
        key(name)
        number(drover_score.value(score))
    }
}
