/// A regular expression of RE2's syntax, matched anywhere in a text, in time linear in text and pattern.
///
/// Threads of a small program advance over the text together (Thompson's construction, as in RE2), so no pattern can make
/// a scheduler hang, which a backtracking matcher would. Supported: literals, `.`, classes with ranges and `\d \w \s` and
/// their opposites, `^ $ \b \B \A \z`, groups, `|`, `* + ? {m,n}` with lazy forms, and the flags `(?i)` and `(?s)`.
package struct Pattern: Sendable {
    private let program: [PatternInstruction]

    /// Nil when the text is no such expression, or larger than a constraint has reason to be.
    package init?(_ text: String) {
        var compiler = PatternCompiler(text)
        guard let program = compiler.program() else { return nil }
        self.program = program
    }

    /// Whether the pattern matches somewhere in `text`.
    package func matches(_ text: String) -> Bool {
        let scalars = Array(text.unicodeScalars)
        var run = PatternRun(program: program, scalars: scalars)
        return run.matches()
    }
}

/// One step of a compiled pattern.
enum PatternInstruction: Sendable {
    case scalars(ScalarClass)
    case split(Int, Int)
    case jump(Int)
    case textStart
    case textEnd
    case wordBoundary(Bool)
    case match
}

/// A set of Unicode scalars.
struct ScalarClass: Sendable {
    var ranges: [ClosedRange<UInt32>] = []
    var isNegated = false
    var foldsCase = false

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        var found = has(scalar.value)
        if !found, foldsCase, let other = Self.otherCase(scalar.value) { found = has(other) }
        return found != isNegated
    }

    private func has(_ value: UInt32) -> Bool { ranges.contains { $0.contains(value) } }

    private static func otherCase(_ value: UInt32) -> UInt32? {
        switch value {
        case 0x41...0x5a: value + 0x20
        case 0x61...0x7a: value - 0x20
        default: nil
        }
    }

    static let digits = [UInt32(0x30)...0x39]
    static let words = [UInt32(0x30)...0x39, 0x41...0x5a, 0x5f...0x5f, 0x61...0x7a]
    static let spaces = [UInt32(0x09)...0x0a, 0x0c...0x0d, 0x20...0x20]

    /// Everything outside of `ranges`.
    static func complement(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        var result: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if range.lowerBound > next { result.append(next...(range.lowerBound - 1)) }
            next = max(next, range.upperBound + 1)
        }
        result.append(next...0x10ffff)
        return result
    }
}

/// The threads of a program over one text.
private struct PatternRun {
    let program: [PatternInstruction]
    let scalars: [Unicode.Scalar]
    private var current: [Int] = []
    private var next: [Int] = []
    /// The position at which an instruction was last added, so that each is in a list once.
    private var addedAt: [Int]

    init(program: [PatternInstruction], scalars: [Unicode.Scalar]) {
        self.program = program
        self.scalars = scalars
        addedAt = [Int](repeating: -1, count: program.count)
    }

    mutating func matches() -> Bool {
        for position in 0...scalars.count {
            swap(&current, &next)
            next.removeAll(keepingCapacity: true)
            // A match may begin anywhere, so a new thread starts at every position.
            if add(0, at: position) { return true }
            guard position < scalars.count else { return false }
            var carried: [Int] = []
            for thread in current {
                if case .scalars(let set) = program[thread], set.contains(scalars[position]) {
                    carried.append(thread + 1)
                }
            }
            for thread in carried where advance(thread, to: position + 1) { return true }
        }
        return false
    }

    /// Adds a starting thread for `position` to the list being run.
    private mutating func add(_ start: Int, at position: Int) -> Bool {
        swap(&current, &next)
        let matched = advance(start, to: position)
        swap(&current, &next)
        return matched
    }

    /// Follows jumps from `start` until instructions that take a scalar, adding those to `next`; true on a match.
    private mutating func advance(_ start: Int, to position: Int) -> Bool {
        var pending = [start]
        while let thread = pending.popLast() {
            guard addedAt[thread] != position else { continue }
            addedAt[thread] = position
            switch program[thread] {
            case .scalars: next.append(thread)
            case .split(let first, let second): pending += [second, first]
            case .jump(let target): pending.append(target)
            case .textStart: if position == 0 { pending.append(thread + 1) }
            case .textEnd: if position == scalars.count { pending.append(thread + 1) }
            case .wordBoundary(let wanted): if isBoundary(position) == wanted { pending.append(thread + 1) }
            case .match: return true
            }
        }
        return false
    }

    private func isBoundary(_ position: Int) -> Bool { isWord(position - 1) != isWord(position) }

    private func isWord(_ position: Int) -> Bool {
        guard scalars.indices.contains(position) else { return false }
        return ScalarClass.words.contains { $0.contains(scalars[position].value) }
    }
}
