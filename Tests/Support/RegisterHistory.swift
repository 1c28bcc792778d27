/// What clients asked of one register that can be read, written and swapped, when, and what they were told.
///
/// Checks whether the history is linearizable (Herlihy and Wing 1990): whether each operation may be taken to have happened at one
/// moment between its call and its return. The search is Wing and Gong's (1993), with Lowe's (2017) memory of what was tried.
package struct RegisterHistory: Sendable, Equatable {
    /// What a register holds; each writer writes a number that nobody else writes. Nil is nothing.
    package typealias Value = Int

    package enum Action: Sendable, Equatable {
        /// Saw this.
        case read(Value?)
        case write(Value?)
        /// Wrote `to`, as the register held `from`.
        case swap(from: Value?, to: Value?)
        /// Wrote nothing, as the register held `present` and not `from`.
        case refusedSwap(from: Value?, present: Value?)
    }

    package struct Operation: Sendable, Equatable {
        package var client: Int
        package var action: Action
        /// Nanoseconds on one clock.
        package var called: Int64
        /// Nil when nobody was told: it may have happened at any time since, or not at all.
        package var returned: Int64?

        package init(client: Int, action: Action, called: Int64, returned: Int64?) {
            self.client = client
            self.action = action
            self.called = called
            self.returned = returned
        }
    }

    package var operations: [Operation]

    package init(_ operations: [Operation] = []) { self.operations = operations }

    package var isLinearizable: Bool {
        var search = LinearizationSearch(relevant)
        return search.succeeds()
    }

    /// Without what says nothing: reads without an answer, and unanswered changes whose value nobody saw, as those may just as well
    /// never have happened.
    private var relevant: [Operation] {
        var seen = Set<Value>()
        for operation in operations where operation.returned != nil { seen.formUnion(operation.action.seen) }
        var open = operations.filter { $0.returned == nil }
        var kept: [Operation] = []
        while let next = open.firstIndex(where: { $0.action.mayMatter(seen) }) {
            let operation = open.remove(at: next)
            seen.formUnion(operation.action.seen)
            kept.append(operation)
        }
        return operations.filter { $0.returned != nil } + kept
    }
}

extension RegisterHistory.Action {
    /// The values that must have been there if it happened so.
    fileprivate var seen: [RegisterHistory.Value] {
        switch self {
        case .read(let value), .refusedSwap(_, let value), .swap(let value, _): value.map { [$0] } ?? []
        case .write: []
        }
    }

    /// Whether an unanswered operation may explain what others saw.
    fileprivate func mayMatter(_ seen: Set<RegisterHistory.Value>) -> Bool {
        switch self {
        case .write(let value), .swap(_, let value): value.map { seen.contains($0) } ?? true
        case .read, .refusedSwap: false
        }
    }

    /// What the register holds after it happened; nil when it cannot have happened to one that held `value`.
    fileprivate func applied(to value: RegisterHistory.Value?, isAnswered: Bool) -> RegisterHistory.Value?? {
        switch self {
        case .read(let seen): seen == value ? .some(value) : nil
        case .write(let new): .some(new)
        case .swap(let from, let to):
            if from == value { .some(to) } else { isAnswered ? nil : .some(value) }
        case .refusedSwap(let from, let present): present == value && from != value ? .some(value) : nil
        }
    }
}

/// Depth first through the orders that calls and returns allow.
private struct LinearizationSearch {
    /// A call or a return, in a list of those not yet passed.
    private struct Event {
        let operation: Int
        let isCall: Bool
        var previous = 0
        var next = 0
    }

    private struct Tried: Hashable {
        let done: [UInt64]
        let value: RegisterHistory.Value?
    }

    private let operations: [RegisterHistory.Operation]
    /// The first and the last are ends, of no operation.
    private var events: [Event] = []
    private var returns: [Int] = []
    /// Of unanswered erasures, the one called before, else -1. As one is as good as the other, the first goes first.
    private var erasedBefore: [Int]
    private var done: [UInt64]
    private var value: RegisterHistory.Value?
    private var tried: Set<Tried> = []
    private var path: [(event: Int, value: RegisterHistory.Value?)] = []

    init(_ operations: [RegisterHistory.Operation]) {
        self.operations = operations
        done = Array(repeating: 0, count: operations.count / 64 + 1)
        returns = Array(repeating: 0, count: operations.count)
        erasedBefore = Array(repeating: -1, count: operations.count)
        var moments: [(time: Int64, isReturn: Bool, operation: Int)] = []
        for (number, operation) in operations.enumerated() {
            moments.append((operation.called, false, number))
            moments.append((operation.returned ?? .max, true, number))
        }
        // At one moment calls come first: what is not clearly before is beside.
        moments.sort { ($0.time, $0.isReturn ? 1 : 0, $0.operation) < ($1.time, $1.isReturn ? 1 : 0, $1.operation) }
        var last = -1
        for moment in moments where !moment.isReturn {
            let operation = operations[moment.operation]
            guard operation.returned == nil, operation.action == .write(nil) else { continue }
            erasedBefore[moment.operation] = last
            last = moment.operation
        }
        let end = Event(operation: -1, isCall: false)
        events = [end] + moments.map { Event(operation: $0.operation, isCall: !$0.isReturn) } + [end]
        for number in events.indices {
            events[number].previous = number - 1
            events[number].next = number + 1
            if events[number].operation >= 0, !events[number].isCall { returns[events[number].operation] = number }
        }
    }

    mutating func succeeds() -> Bool {
        let last = events.count - 1
        var event = events[0].next
        while events[0].next != last {
            if events[event].isCall {
                event = take(event) ? events[0].next : events[event].next
            } else {
                // Its operation had to happen before this return and found no place: another order is needed.
                guard let (step, before) = path.popLast() else { return false }
                putBack(step, before)
                event = events[step].next
            }
        }
        return true
    }

    /// Lets the operation called at `event` happen next, unless it cannot or that was tried.
    private mutating func take(_ event: Int) -> Bool {
        let number = events[event].operation
        let (operation, earlier) = (operations[number], erasedBefore[number])
        guard earlier < 0 || done[earlier / 64] & 1 << UInt64(earlier % 64) != 0 else { return false }
        guard let after = operation.action.applied(to: value, isAnswered: operation.returned != nil) else {
            return false
        }
        var next = done
        next[number / 64] |= 1 << UInt64(number % 64)
        guard tried.insert(Tried(done: next, value: after)).inserted else { return false }
        path.append((event, value))
        (done, value) = (next, after)
        for passed in [event, returns[number]] {
            events[events[passed].previous].next = events[passed].next
            events[events[passed].next].previous = events[passed].previous
        }
        return true
    }

    private mutating func putBack(_ event: Int, _ before: RegisterHistory.Value?) {
        let number = events[event].operation
        value = before
        done[number / 64] &= ~(1 << UInt64(number % 64))
        for passed in [returns[number], event] {
            events[events[passed].previous].next = passed
            events[events[passed].next].previous = passed
        }
    }
}

// MARK: - What is wrong

extension RegisterHistory {
    /// As little of the history as is still not linearizable; nil when it is.
    ///
    /// Cut off after the first answer that cannot be, and without operations whose absence explains nothing: reads, and changes to
    /// values that nobody saw.
    package var violation: RegisterHistory? {
        guard !isLinearizable else { return nil }
        let answers = operations.compactMap(\.returned).sorted()
        // Every beginning of a linearizable history is linearizable.
        var (low, high) = (0, answers.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if cut(at: answers[middle]).isLinearizable { low = middle + 1 } else { high = middle }
        }
        var left = cut(at: answers[low])
        for number in left.operations.indices.reversed() {
            var fewer = left
            let operation = fewer.operations.remove(at: number)
            guard fewer.canMiss(operation.action), !fewer.isLinearizable else { continue }
            left = fewer
        }
        return left
    }

    /// As it was known at that moment.
    private func cut(at time: Int64) -> RegisterHistory {
        RegisterHistory(
            operations.filter { $0.called <= time }.map { operation in
                var operation = operation
                if operation.returned.map({ $0 > time }) ?? false { operation.returned = nil }
                return operation
            })
    }

    private func canMiss(_ action: Action) -> Bool {
        switch action {
        case .read, .refusedSwap: true
        case .write(let value), .swap(_, let value):
            value.map { value in !operations.contains { $0.action.seen.contains(value) } } ?? false
        }
    }
}

extension RegisterHistory: CustomStringConvertible {
    /// A line an operation in the order of the calls, with milliseconds since the first.
    package var description: String {
        let start = operations.map(\.called).min() ?? 0
        func moment(_ time: Int64) -> String {
            let tenths = (time - start) / 100_000
            return "\(tenths / 10).\(tenths % 10)"
        }
        return operations.sorted { ($0.called, $0.client) < ($1.called, $1.client) }.map { operation in
            let end = operation.returned.map { "\(moment($0)) ms" } ?? "?"
            return "client \(operation.client): \(operation.action.text), \(moment(operation.called)) to \(end)"
        }.joined(separator: "\n")
    }
}

extension RegisterHistory.Action {
    fileprivate var text: String {
        func shown(_ value: RegisterHistory.Value?) -> String { value.map { "\($0)" } ?? "nothing" }
        return switch self {
        case .read(let value): "read \(shown(value))"
        case .write(let value): "wrote \(shown(value))"
        case .swap(let from, let to): "swapped \(shown(from)) for \(shown(to))"
        case .refusedSwap(let from, let present): "did not swap \(shown(from)), found \(shown(present))"
        }
    }
}
