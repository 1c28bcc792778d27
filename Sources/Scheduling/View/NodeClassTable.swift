import Basics
import Model
import StateStore

/// Computed node classes by number, each with a node that stands for all of it, and what is known of constraints on them.
///
/// A class's attributes never change - other attributes are another class - so an answer stays right for the table's life.
struct NodeClassTable {
    private var table = NameTable()
    /// A node of each class, as it was when the class was first seen.
    private(set) var representatives: [NodeRecord] = []
    /// Answers by the condition's label: 0 not asked, 1 no, 2 yes, an element a class.
    private var answers: [String: [UInt8]] = [:]

    /// Conditions remembered at most; then all are forgotten.
    private static let answersMax = 4_096

    var count: Int { representatives.count }

    /// Many more classes than nodes: most are of the past, and the table is better made anew.
    func isOvergrown(_ nodes: Int) -> Bool { count > 4 * nodes + 1_024 }

    mutating func number(of record: NodeRecord) -> UInt32 {
        let node = record.node
        let unclassed = node.computedClass.isEmpty ? node.id.description : ""
        let key =
            "\(node.computedClass)\u{0}\(node.datacenter)\u{0}\(node.nodeClass)\u{0}\(node.effectivePool)\u{0}\(unclassed)"
        let number = table.number(key)
        if Int(number) == representatives.count { representatives.append(record) }
        return number
    }

    /// Whether nodes of the class meet a condition that is not escaped.
    mutating func answer(_ predicate: Predicate, _ number: Int) -> Bool {
        if answers.count >= Self.answersMax { answers.removeAll(keepingCapacity: true) }
        var column = answers.removeValue(forKey: predicate.label) ?? []
        defer { answers[predicate.label] = column }
        if column.count < count { column += [UInt8](repeating: 0, count: count - column.count) }
        if column[number] == 0 { column[number] = predicate.holds(on: representatives[number].node) ? 2 : 1 }
        return column[number] == 2
    }

    /// The same for all classes, in order of their numbers.
    mutating func answers(_ predicate: Predicate) -> [Bool] {
        if answers.count >= Self.answersMax { answers.removeAll(keepingCapacity: true) }
        var column = answers.removeValue(forKey: predicate.label) ?? []
        defer { answers[predicate.label] = column }
        if column.count < count { column += [UInt8](repeating: 0, count: count - column.count) }
        return representatives.indices.map { number in
            if column[number] == 0 { column[number] = predicate.holds(on: representatives[number].node) ? 2 : 1 }
            return column[number] == 2
        }
    }
}

extension Node {
    /// The pool's name; nodes without one are in `default`.
    var effectivePool: String { nodePool.isEmpty ? "default" : nodePool }
}
