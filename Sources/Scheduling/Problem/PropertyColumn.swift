import Model
import StateStore

/// The value of an attribute on every node, as numbers: for spreads and distinct properties.
struct PropertyColumn {
    /// The values that occur, in order of their numbers.
    private(set) var values: [String] = []
    private var numbers: [String: UInt32] = [:]
    /// A number a row, ``none`` for nodes without the attribute and unused rows.
    private(set) var rows: [UInt32]

    static let none = UInt32.max

    /// Reads the attribute of all nodes; the values in `extra` get a number even if no node has them.
    init(_ target: NodeTarget, view: ClusterView, extra: [String] = []) {
        rows = [UInt32](repeating: Self.none, count: view.nodeLimit)
        for value in extra { _ = number(value) }
        if target.isEscaped { fillByNode(target, view) } else { fillByClass(target, view) }
    }

    private mutating func number(_ value: String) -> UInt32 {
        if let known = numbers[value] { return known }
        let number = UInt32(values.count)
        values.append(value)
        numbers[value] = number
        return number
    }

    private mutating func fillByNode(_ target: NodeTarget, _ view: ClusterView) {
        for row in 0..<view.nodeLimit {
            guard let node = view.record(NodeRow(row))?.node, let value = target.value(of: node) else { continue }
            rows[row] = number(value)
        }
    }

    private mutating func fillByClass(_ target: NodeTarget, _ view: ClusterView) {
        let byClass = view.classes.representatives.map { record in
            target.value(of: record.node).map { number($0) } ?? Self.none
        }
        let classes = view.classColumn
        let flags = view.flagColumn
        for row in 0..<view.nodeLimit where flags[row] != 0 { rows[row] = byClass[Int(classes[row])] }
    }
}
