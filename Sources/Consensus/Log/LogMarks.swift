internal import Raft

/// Where in the log entries are, roughly: one mark for each 64 KiB, and one wherever entries were replaced.
///
/// From a mark up to the next, entries with indexes from the mark's up to (not including) the next mark's are the
/// current ones.
struct LogMarks: Sendable {
    private(set) var marks: [Mark] = []
    private static let spacingBytes: UInt64 = 64 << 10

    struct Mark: Sendable, Hashable {
        let index: UInt64
        let segment: UInt64
        let offset: UInt64
    }

    var firstIndex: UInt64? { marks.first?.index }

    /// The first record of a batch that concerns entries.
    enum Beginning: Sendable, Hashable {
        case entry(UInt64, replaces: Bool)
        case reset(UInt64)

        /// `lastIndex` is that of the log before the batch.
        init?(_ record: LogRecord, lastIndex: UInt64) {
            switch record {
            case .entry(let entry): self = .entry(entry.index, replaces: entry.index <= lastIndex)
            case .reset(let index, _): self = .reset(index)
            case .hardState: return nil
            }
        }
    }

    /// A batch whose entries begin like this lies at `offset` of `segment`.
    mutating func batchBegins(_ beginning: Beginning, segment: UInt64, offset: UInt64) {
        switch beginning {
        case .entry(let index, let replaces):
            entryBegins(at: index, replaces: replaces, segment: segment, offset: offset)
        case .reset(let index): marks = [Mark(index: index + 1, segment: segment, offset: offset)]
        }
    }

    private mutating func entryBegins(at index: UInt64, replaces: Bool, segment: UInt64, offset: UInt64) {
        while let last = marks.last, last.index >= index { marks.removeLast() }
        if let last = marks.last, !replaces, last.segment == segment, offset - last.offset < LogMarks.spacingBytes {
            return
        }
        marks.append(Mark(index: index, segment: segment, offset: offset))
    }

    mutating func forget(before segment: UInt64) { marks.removeAll { $0.segment < segment } }

    /// The mark to read from for `index`, and the one after it.
    func range(for index: UInt64) -> (from: Mark, to: Mark?)? {
        guard let position = marks.lastIndex(where: { $0.index <= index }) else { return nil }
        return (marks[position], position + 1 < marks.count ? marks[position + 1] : nil)
    }
}
