/// One text that is parsed: its name as the user knows it and its bytes, which are valid UTF-8 without NUL.
///
/// Ranges keep a reference to their file, so a diagnostic can print the lines it speaks of long after parsing.
package final class SourceFile: Sendable {
    /// The name printed in diagnostics, normally the path the user gave.
    package let name: String
    /// The text, UTF-8.
    package let bytes: [UInt8]

    package init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }

    /// The text between two byte offsets; offsets outside the file are clipped.
    package func text(from start: Int, to end: Int) -> String {
        let low = max(0, min(start, bytes.count))
        let high = max(low, min(end, bytes.count))
        return String(decoding: bytes[low..<high], as: UTF8.self)
    }

    /// Line and column of a byte offset, both counted from 1; a column is a character, not a byte.
    package func position(of offset: Int) -> (line: Int, column: Int) {
        let end = max(0, min(offset, bytes.count))
        var line = 1
        var lineStart = 0
        for index in 0..<end where bytes[index] == UInt8(ascii: "\n") {
            line += 1
            lineStart = index + 1
        }
        return (line, text(from: lineStart, to: end).count + 1)
    }

    /// The text of a line counted from 1, without its line end; empty past the end of the file.
    package func line(_ number: Int) -> String {
        var current = 1
        var start = 0
        while current < number {
            guard let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) else { return "" }
            start = end + 1
            current += 1
        }
        var end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
        if end > start, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        return text(from: start, to: end)
    }
}

/// A half-open range of bytes in one file.
package struct SourceRange: Sendable {
    package let file: SourceFile
    /// Byte offset of the first byte.
    package let start: Int
    /// Byte offset after the last byte.
    package let end: Int

    package init(file: SourceFile, start: Int, end: Int) {
        self.file = file
        self.start = start
        self.end = max(start, end)
    }

    /// The exact source text of the range.
    package var text: String { file.text(from: start, to: end) }

    /// The smallest range that covers this one and `other`, which must be of the same file.
    package func joined(with other: SourceRange) -> SourceRange {
        SourceRange(file: file, start: min(start, other.start), end: max(end, other.end))
    }

    /// An empty range at the start of this one.
    package var startPoint: SourceRange { SourceRange(file: file, start: start, end: start) }
}

extension SourceRange: CustomStringConvertible {
    /// `file:line,column-column`, or `file:line,column-line,column` when the range spans lines.
    package var description: String {
        let (line, column) = file.position(of: start)
        let (endLine, endColumn) = file.position(of: end)
        if line == endLine {
            return endColumn > column + 1 || endColumn == column
                ? "\(file.name):\(line),\(column)-\(endColumn)" : "\(file.name):\(line),\(column)"
        }
        return "\(file.name):\(line),\(column)-\(endLine),\(endColumn)"
    }
}
