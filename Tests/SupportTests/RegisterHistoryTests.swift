import Basics
import TestSupport
import Testing

/// The checker of histories, on histories of which it is known whether they are linearizable.
@Suite struct RegisterHistoryTests {
    typealias Action = RegisterHistory.Action

    /// From rows of client, action, call and return.
    static func history(_ rows: [(Int, Action, Int64, Int64?)]) -> RegisterHistory {
        RegisterHistory(
            rows.map { RegisterHistory.Operation(client: $0.0, action: $0.1, called: $0.2, returned: $0.3) })
    }

    @Test(
        arguments: [
            // Nothing happened, or one after the other.
            ([], true),
            ([(1, .write(1), 0, 1), (1, .read(1), 2, 3)], true),
            ([(1, .read(nil), 0, 1)], true),
            ([(1, .write(1), 0, 1), (1, .read(nil), 2, 3)], false),
            ([(1, .write(1), 0, 1), (1, .write(2), 2, 3), (2, .read(1), 4, 5)], false),
            // A read beside a write may see either, and a later one must not go back.
            ([(1, .write(1), 0, 10), (2, .read(nil), 1, 2), (2, .read(1), 3, 4)], true),
            ([(1, .write(1), 0, 10), (2, .read(1), 1, 2), (2, .read(nil), 3, 4)], false),
            ([(1, .write(1), 0, 10), (2, .read(1), 1, 2), (3, .read(nil), 2, 4)], true),
            // Of two swaps from one value one succeeds.
            ([(1, .swap(from: nil, to: 1), 0, 5), (2, .swap(from: nil, to: 2), 0, 5)], false),
            ([(1, .swap(from: nil, to: 1), 0, 5), (2, .refusedSwap(from: nil, present: 1), 0, 5)], true),
            ([(1, .swap(from: nil, to: 1), 3, 5), (2, .refusedSwap(from: nil, present: 1), 0, 2)], false),
            ([(1, .refusedSwap(from: nil, present: nil), 0, 1)], false),
            // What nobody was told of may have happened late, or never, but not before it was asked.
            ([(1, .write(1), 0, nil), (2, .read(nil), 5, 6), (2, .read(1), 7, 8)], true),
            ([(1, .write(1), 0, nil), (2, .read(1), 5, 6), (2, .read(nil), 7, 8)], false),
            ([(1, .write(1), 5, nil), (2, .read(1), 1, 2)], false),
            ([(1, .swap(from: 7, to: 1), 0, nil), (2, .read(nil), 5, 6)], true),
            ([(1, .swap(from: 7, to: 1), 0, nil), (2, .read(1), 5, 6)], false),
            ([(1, .write(1), 0, 1), (2, .write(nil), 2, nil), (1, .read(nil), 5, 6), (1, .read(1), 7, 8)], false),
            // A write that was done twice: what lay between is lost.
            ([(1, .write(1), 0, 1), (2, .write(2), 2, 3), (3, .read(2), 4, 5), (3, .read(1), 6, 7)], false),
        ] as [([(Int, Action, Int64, Int64?)], Bool)])
    func knownHistories(rows: [(Int, Action, Int64, Int64?)], isLinearizable: Bool) {
        let history = Self.history(rows)
        #expect(history.isLinearizable == isLinearizable, "\(history)")
        #expect((history.violation == nil) == isLinearizable)
    }

    /// Small histories, right ones and wrong ones: as the search of all orders says.
    @Test func agreesWithBruteForce() {
        var generator = SeededGenerator(seed: 3)
        var counts = (right: 0, wrong: 0)
        for _ in 0..<20_000 {
            let history = RandomHistory.make(count: 7, mistakes: Int.random(in: 0...2, using: &generator), &generator)
            let expected = BruteForce.isLinearizable(history.operations)
            guard history.isLinearizable == expected else {
                Issue.record("\(expected ? "linearizable" : "not linearizable"):\n\(history)")
                return
            }
            if expected { counts.right += 1 } else { counts.wrong += 1 }
        }
        #expect(counts.right > 5_000 && counts.wrong > 3_000, "\(counts)")
    }

    /// What is shown of a violation is one, and nothing more can be left out of it.
    @Test func violationsAreSmall() throws {
        var generator = SeededGenerator(seed: 4)
        var count = 0
        while count < 200 {
            let history = RandomHistory.make(count: 60, mistakes: 1, &generator)
            guard let violation = history.violation else { continue }
            count += 1
            #expect(!violation.isLinearizable && violation.operations.count < 20, "\(violation)")
            for number in violation.operations.indices {
                var fewer = violation
                guard case .read = fewer.operations.remove(at: number).action else { continue }
                #expect(fewer.isLinearizable, "\(violation)")
            }
        }
        let stale = Self.history([
            (1, .write(1), 0, 1_000_000), (2, .read(1), 2_000_000, 2_500_000), (1, .write(2), 3_000_000, 4_000_000),
            (3, .write(3), 3_500_000, nil), (2, .read(1), 5_000_000, 6_200_000), (1, .read(2), 7_000_000, 8_000_000),
        ])
        #expect(
            stale.violation?.description == """
                client 1: wrote 1, 0.0 to 1.0 ms
                client 1: wrote 2, 3.0 to 4.0 ms
                client 2: read 1, 5.0 to 6.2 ms
                """)
    }

    /// More than a thousand operations of ten clients, some of them without an answer.
    @Test func longHistoriesAreNoTrouble() {
        var generator = SeededGenerator(seed: 5)
        let history = RandomHistory.make(count: 1_500, clients: 10, mistakes: 0, &generator)
        #expect(history.isLinearizable)
        var wrong = history
        // One that nobody answered may have seen anything.
        let last = wrong.operations.lastIndex { if case .read = $0.action { $0.returned != nil } else { false } }
        wrong.operations[last ?? 0].action = .read(-1)
        #expect(!wrong.isLinearizable)
    }
}

/// Histories of a register that does everything at one moment, and then perhaps some answers that are wrong.
private enum RandomHistory {
    static func make(
        count: Int, clients: Int = 3, mistakes: Int, _ generator: inout SeededGenerator
    ) -> RegisterHistory {
        var value: Int?
        var known: [Int?] = [nil]
        var history = RegisterHistory()
        var free = Array(repeating: Int64(0), count: clients)
        var time: Int64 = 0
        for number in 1...count {
            // Moments follow each other; how long before and after them the client waits is drawn.
            time += Int64.random(in: 1...6, using: &generator)
            let client = Int.random(in: 0..<clients, using: &generator)
            let called = max(free[client], time - Int64.random(in: 0...12, using: &generator))
            let returned = max(called, time + Int64.random(in: 0...12, using: &generator))
            guard called <= time else { continue }
            free[client] = returned + 1
            let isLost = Int.random(in: 0..<8, using: &generator) == 0
            let isDone = !isLost || Bool.random(using: &generator)
            let action = action(number, value, known.randomElement(using: &generator) ?? nil, &generator)
            if isDone, case .write(let new) = action { value = new }
            if isDone, case .swap(let from, let to) = action, from == value { value = to }
            known = Array((known + [value]).suffix(4))
            history.operations.append(
                .init(client: client, action: action, called: called, returned: isLost ? nil : returned))
        }
        for _ in 0..<mistakes { spoil(&history, &generator) }
        return history
    }

    private static func action(
        _ number: Int, _ value: Int?, _ known: Int?, _ generator: inout SeededGenerator
    ) -> RegisterHistory.Action {
        switch Int.random(in: 0..<8, using: &generator) {
        case 0, 1, 2: .read(value)
        case 3, 4: .write(number)
        case 5: .write(nil)
        case 6: .swap(from: value, to: number)
        default: known == value ? .swap(from: known, to: number) : .refusedSwap(from: known, present: value)
        }
    }

    private static func spoil(_ history: inout RegisterHistory, _ generator: inout SeededGenerator) {
        guard !history.operations.isEmpty else { return }
        let number = Int.random(in: history.operations.indices, using: &generator)
        let other = Int.random(in: 1...history.operations.count, using: &generator)
        switch history.operations[number].action {
        case .read: history.operations[number].action = .read(other)
        case .refusedSwap(let from, _): history.operations[number].action = .refusedSwap(from: from, present: other)
        case .swap(_, let to): history.operations[number].action = .swap(from: other == to ? nil : other, to: to)
        case .write: history.operations[number].called = history.operations[number].returned ?? 0
        }
    }
}

/// Tries every order; written without regard to how the checker works.
private enum BruteForce {
    static func isLinearizable(_ operations: [RegisterHistory.Operation], holding value: Int? = nil) -> Bool {
        // What was never answered need not have happened.
        guard operations.contains(where: { $0.returned != nil }) else { return true }
        for (number, operation) in operations.enumerated() {
            let isFirst = !operations.contains { other in other.returned.map { $0 < operation.called } ?? false }
            guard isFirst else { continue }
            var rest = operations
            rest.remove(at: number)
            let after: Int?
            switch operation.action {
            case .read(let seen):
                guard seen == value || operation.returned == nil else { continue }
                after = value
            case .write(let new): after = new
            case .swap(let from, let to):
                guard from == value || operation.returned == nil else { continue }
                after = from == value ? to : value
            case .refusedSwap(let from, let present):
                guard operation.returned == nil || present == value && from != value else { continue }
                after = value
            }
            if isLinearizable(rest, holding: after) { return true }
        }
        return false
    }
}
