/// One fault found in a text: what is wrong, where, and what to do about it.
package struct Diagnostic: Error, Sendable, CustomStringConvertible {
    package enum Severity: String, Sendable {
        case error = "Error"
        case warning = "Warning"
    }

    package var severity: Severity
    /// A few words, for example `Unsupported argument`.
    package var summary: String
    /// Full sentences: the offending thing by name and what is allowed instead.
    package var detail: String
    /// Where it is; nil for faults that belong to no place in a text, such as a missing input variable.
    package var range: SourceRange?

    package init(severity: Severity = .error, _ summary: String, _ detail: String, at range: SourceRange?) {
        self.severity = severity
        self.summary = summary
        self.detail = detail
        self.range = range
    }

    /// The one-line form used in HTTP replies and logs: `file:line,column-column: Summary; detail`.
    package var description: String {
        guard let range else { return "\(summary); \(detail)" }
        return "\(range): \(summary); \(detail)"
    }

    /// The form for a terminal: summary, place, the source line with the range underlined, detail.
    package func snippet() -> String {
        var out = "\(severity.rawValue): \(summary)\n"
        if let range {
            let (line, column) = range.file.position(of: range.start)
            let (endLine, endColumn) = range.file.position(of: range.end)
            let number = String(line)
            let margin = String(repeating: " ", count: number.count)
            let source = Self.clipped(range.file.line(line), around: column)
            let last = endLine == line ? endColumn : source.text.count + source.dropped + 1
            let width = max(1, min(last - column, source.text.count - (column - source.dropped) + 1))
            out += "  on \(range.file.name) line \(line), column \(column):\n"
            out += "  \(number) | \(source.text)\n"
            out += "  \(margin) | \(String(repeating: " ", count: max(0, column - source.dropped - 1)))"
            out += String(repeating: "^", count: width) + "\n"
        }
        return out + "\(detail)\n"
    }

    /// Keeps a terminal readable: at most 120 characters of a line, with tabs as single spaces.
    private static func clipped(_ line: String, around column: Int) -> (text: String, dropped: Int) {
        let limit = 120
        let plain = String(line.map { $0 == "\t" ? " " : $0 })
        guard plain.count > limit else { return (plain, 0) }
        let dropped = max(0, min(column - limit / 2, plain.count - limit))
        return (String(plain.dropFirst(dropped).prefix(limit)), dropped)
    }
}

/// Every fault found in one pass, in source order of discovery; thrown when at least one is an error.
package struct Diagnostics: Error, Sendable, CustomStringConvertible {
    package private(set) var items: [Diagnostic] = []

    /// Reports beyond this many are counted, not kept, so a hostile file cannot make a reply of gigabytes.
    package static let itemsMax = 50
    package private(set) var dropped = 0

    package init(_ items: [Diagnostic] = []) {
        for item in items { append(item) }
    }

    package mutating func append(_ item: Diagnostic) {
        if items.count < Self.itemsMax { items.append(item) } else { dropped += 1 }
    }

    /// Whether one more report would only be counted: then composing its text is not worth the time.
    package var isFull: Bool { items.count >= Self.itemsMax }

    /// Counts a fault without keeping it.
    package mutating func drop() { dropped += 1 }

    package var hasErrors: Bool { items.contains { $0.severity == .error } }

    /// One line a fault.
    package var description: String {
        var lines = items.map(\.description)
        if dropped > 0 { lines.append("and \(dropped) more") }
        return lines.joined(separator: "\n")
    }

    /// Terminal form of all faults, separated by empty lines.
    package func snippets() -> String {
        var parts = items.map { $0.snippet() }
        if dropped > 0 { parts.append("and \(dropped) more\n") }
        return parts.joined(separator: "\n")
    }
}
