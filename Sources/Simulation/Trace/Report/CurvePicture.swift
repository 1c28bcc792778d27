/// Curves as an SVG picture: percent asked for to the right, percent unallocated upwards.
package struct CurvePicture {
    private let cards: [ScoreCard]
    private let percents: Range<Int>

    private static let width = 640.0
    private static let height = 360.0
    private static let margin = 44.0
    /// Told apart by lightness as well as by hue.
    private static let colors = ["#1f4e9c", "#d1662a", "#2f8f4e", "#8a3fa0", "#777777"]

    package init(_ cards: [ScoreCard]) {
        self.cards = cards
        percents = CurveTable(cards).percents
    }

    package var svg: String {
        let size = "width=\"\(Int(Self.width))\" height=\"\(Int(Self.height))\""
        let frame = "viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height))\""
        let lines =
            ["<svg xmlns=\"http://www.w3.org/2000/svg\" \(size) \(frame) font-family=\"sans-serif\" font-size=\"12\">"]
            + ["<rect width=\"100%\" height=\"100%\" fill=\"white\"/>"] + grid + curves
            + [text("devices asked for, % of all", x: Self.width / 2, y: Self.height - 8, anchor: "middle")]
            + [text("unallocated, %", x: 8, y: 18, anchor: "start"), "</svg>"]
        return lines.joined(separator: "\n") + "\n"
    }

    private var grid: [String] {
        let across = stride(from: 0, through: 100, by: 20).flatMap { value -> [String] in
            let y = y(Double(value))
            return [
                line(from: (Self.margin, y), to: (Self.width - Self.margin, y)),
                text("\(value)", x: Self.margin - 6, y: y + 4, anchor: "end"),
            ]
        }
        let along = stride(from: 0, to: percents.count, by: 10).map { value in
            text("\(value)", x: x(value), y: Self.height - Self.margin + 16, anchor: "middle")
        }
        return across + along
    }

    private var curves: [String] {
        cards.enumerated().flatMap { number, card -> [String] in
            let color = Self.colors[number % Self.colors.count]
            let points = percents.map { "\(decimals(x($0))),\(decimals(y(card.unallocated(at: $0) ?? 0)))" }
            let at = Self.margin + 16 * Double(number)
            return [
                "<polyline fill=\"none\" stroke=\"\(color)\" stroke-width=\"2\" points=\""
                    + points.joined(separator: " ") + "\"/>",
                text(Self.escaped(card.scheduler), x: Self.width - Self.margin, y: at, anchor: "end", color: color),
            ]
        }
    }

    private func x(_ percent: Int) -> Double {
        Self.margin + Double(percent) / Double(max(1, percents.count - 1)) * (Self.width - 2 * Self.margin)
    }

    private func y(_ value: Double) -> Double {
        Self.height - Self.margin - value / 100 * (Self.height - 2 * Self.margin)
    }

    private func line(from: (x: Double, y: Double), to: (x: Double, y: Double)) -> String {
        "<path stroke=\"#dddddd\" d=\"M\(decimals(from.x)),\(decimals(from.y))L\(decimals(to.x)),\(decimals(to.y))\"/>"
    }

    private func text(_ text: String, x: Double, y: Double, anchor: String, color: String = "#333333") -> String {
        "<text x=\"\(decimals(x))\" y=\"\(decimals(y))\" text-anchor=\"\(anchor)\" fill=\"\(color)\">\(text)</text>"
    }

    private func decimals(_ value: Double) -> String { CurveTable.decimals(value) }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
    }
}
