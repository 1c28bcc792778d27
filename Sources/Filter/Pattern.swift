/// A regular expression in RE2's language, matched in time linear in the text: hostile patterns cannot stall a server.
///
/// Literals, `.`, classes (`[a-z]`, `[^x]`, `\d \w \s` and their negations), groups, `|`, `* + ? {n,m}` with lazy
/// forms, `^ $ \b \B` and the flag `(?i)`. No captures and no back-references: the answer is whether the text matches
/// anywhere.
package struct Pattern: Sendable {
    /// Longer patterns are refused.
    package static let bytesMax = 1024
    /// Repetition is expanded; a larger program is refused.
    package static let programMax = 10_000

    let program: [Instruction]

    /// - Throws: ``PatternError`` for text that is no pattern, or is beyond a limit.
    package init(_ text: String) throws(PatternError) {
        guard text.utf8.count <= Pattern.bytesMax else {
            throw PatternError(message: "longer than \(Pattern.bytesMax) bytes", pattern: text)
        }
        var parser = PatternParser(text)
        let tree = try parser.pattern()
        var builder = PatternBuilder(source: text)
        try builder.add(tree)
        program = try builder.finish()
    }

    enum Instruction: Sendable {
        case scalar(ScalarSet)
        case split(Int, Int)
        case jump(Int)
        case textStart
        case textEnd
        /// True: at a boundary of a word; false: not at one.
        case wordBoundary(Bool)
        case match
    }

    /// A set of Unicode scalars.
    struct ScalarSet: Sendable, Equatable {
        var ranges: [ClosedRange<UInt32>]
        var negated = false

        func contains(_ scalar: UInt32) -> Bool { ranges.contains { $0.contains(scalar) } != negated }
    }
}

/// Text that is no regular expression.
package struct PatternError: Error, Equatable, Sendable, CustomStringConvertible {
    package let message: String
    package let pattern: String

    package var description: String { "invalid regular expression \"\(pattern.prefix(120))\": \(message)" }
}

extension Pattern {
    /// Whether the pattern matches anywhere in `text`.
    ///
    /// Runs all alternatives side by side (Thompson 1968), so the work is at most scalars times program size.
    package func matches(_ text: String) -> Bool {
        let scalars = text.unicodeScalars.map(\.value)
        var current = ThreadList(capacity: program.count)
        var next = ThreadList(capacity: program.count)
        for position in 0...scalars.count {
            if follow(0, at: position, in: scalars, into: &current) { return true }
            guard position < scalars.count else { break }
            next.clear()
            for counter in current.counters {
                guard case .scalar(let set) = program[counter], set.contains(scalars[position]) else { continue }
                if follow(counter + 1, at: position + 1, in: scalars, into: &next) { return true }
            }
            swap(&current, &next)
        }
        return false
    }

    /// Adds every instruction reachable from `start` without consuming text; true when that includes the end of the
    /// program.
    private func follow(_ start: Int, at position: Int, in scalars: [UInt32], into list: inout ThreadList) -> Bool {
        var pending = [start]
        while let counter = pending.popLast() {
            guard list.insert(counter) else { continue }
            switch program[counter] {
            case .scalar: break
            case .match: return true
            case .jump(let target): pending.append(target)
            case .split(let first, let second):
                pending.append(second)
                pending.append(first)
            case .textStart: if position == 0 { pending.append(counter + 1) }
            case .textEnd: if position == scalars.count { pending.append(counter + 1) }
            case .wordBoundary(let wanted):
                let before = position > 0 && Pattern.isWord(scalars[position - 1])
                let after = position < scalars.count && Pattern.isWord(scalars[position])
                if (before != after) == wanted { pending.append(counter + 1) }
            }
        }
        return false
    }

    private static func isWord(_ scalar: UInt32) -> Bool { PatternParser.word.contains { $0.contains(scalar) } }

    /// The instructions waiting for the next scalar, each once.
    private struct ThreadList {
        private(set) var counters: [Int] = []
        private var stamps: [UInt32]
        private var stamp: UInt32 = 1

        init(capacity: Int) { stamps = Array(repeating: 0, count: capacity) }

        mutating func insert(_ counter: Int) -> Bool {
            guard stamps[counter] != stamp else { return false }
            stamps[counter] = stamp
            counters.append(counter)
            return true
        }

        mutating func clear() {
            counters.removeAll(keepingCapacity: true)
            stamp += 1
        }
    }
}
