/// Score cards as text: a line a scheduler, means over the seeds.
package struct ScoreTable {
    private let cards: [ScoreCard]

    private static let titles = [
        "Scheduler", "Unallocated at 100 %", "at 130 %", "Fragmentation", "Placed", "Pending", "Moves", "CPU", "Memory",
        "Disk", "GPU", "Decision p50 / p99",
    ]

    package init(_ cards: [ScoreCard]) { self.cards = cards }

    package var text: String {
        let rows = [Self.titles] + cards.map(row)
        let widths = Self.titles.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ")
        }
        return lines.joined(separator: "\n")
    }

    private func row(_ card: ScoreCard) -> [String] {
        let moments = ScoreCard.moments.map { card.unallocated(at: $0).map(percent) ?? "-" }
        let median = card.mean { Double($0.decision.medianNanoseconds) } / 1_000
        let p99 = card.mean { Double($0.decision.p99Nanoseconds) } / 1_000
        return [card.scheduler] + moments + [
            percent(card.mean(\.fragmentationPercent)), "\(Int(card.mean { Double($0.placed) }))",
            "\(Int(card.mean { Double($0.failed) }))", "\(Int(card.mean { Double($0.moves) }))",
            percent(card.mean(\.utilisation.cpuPercent)),
            percent(card.mean(\.utilisation.memoryPercent)), percent(card.mean(\.utilisation.diskPercent)),
            percent(card.mean(\.utilisation.devicePercent)),
            "\(Int(median)) / \(Int(p99)) µs",
        ]
    }

    private func percent(_ value: Double) -> String { CurveTable.decimals(value) + " %" }
}
