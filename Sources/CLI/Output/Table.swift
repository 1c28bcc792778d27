/// Text in columns, as Nomad's command line shows it; scripts cut it apart, so spacing matters.
enum Table {
    /// Rows under a heading, columns two spaces apart; an empty cell reads `<none>`.
    static func list(_ heading: [String], _ rows: [[String]]) -> String { columns([heading] + rows, glue: "  ") }

    /// `Name  = value` lines.
    static func pairs(_ pairs: [(String, String)]) -> String { columns(pairs.map { [$0.0, $0.1] }, glue: " = ") }

    private static func columns(_ rows: [[String]], glue: String) -> String {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], shown(cell).count)
            }
        }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                if column > 0 { line += glue }
                let text = shown(cell)
                line += text
                if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - text.count) }
            }
            return line
        }.joined(separator: "\n")
    }

    private static func shown(_ cell: String) -> String {
        let text = cell.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: " ")
        return text.isEmpty ? "<none>" : text
    }
}
