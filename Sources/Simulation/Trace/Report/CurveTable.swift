/// The curves of several schedulers side by side: percent asked for against percent unallocated, means over the seeds.
package struct CurveTable {
    private let cards: [ScoreCard]

    package init(_ cards: [ScoreCard]) { self.cards = cards }

    /// Percentages asked for that every run reached.
    var percents: Range<Int> {
        0..<(cards.flatMap { $0.outcomes.map(\.curve.points.count) }.min() ?? 0)
    }

    /// A line a percent; a column a scheduler.
    package var csv: String {
        let head = (["asked_percent"] + cards.map(\.scheduler)).joined(separator: ",")
        let lines = percents.map { percent in
            (["\(percent)"] + cards.map { Self.decimals($0.unallocated(at: percent) ?? 0) }).joined(separator: ",")
        }
        return ([head] + lines).joined(separator: "\n") + "\n"
    }

    /// With two digits after the point.
    static func decimals(_ value: Double) -> String {
        let hundredths = Int64((value * 100).rounded())
        let digits = abs(hundredths % 100)
        return "\(hundredths < 0 ? "-" : "")\(abs(hundredths) / 100).\(digits < 10 ? "0" : "")\(digits)"
    }
}
