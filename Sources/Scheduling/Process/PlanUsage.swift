import Model
import StateStore

/// What a plan adds to and takes from the nodes it touches, checked against the view with the fit function.
struct PlanUsage {
    private let view: ClusterView
    private var changes: [NodeRow: ResourceVector] = [:]

    init(view: ClusterView, freed: [NodeRow: FreedResources]) {
        self.view = view
        for (row, freed) in freed {
            var change = ResourceVector()
            change -= freed.amounts
            changes[row] = change
        }
    }

    /// Takes away what an allocation uses that is evicted.
    mutating func release(_ amounts: ResourceVector, on row: NodeRow) {
        changes[row, default: ResourceVector()] -= amounts
    }

    /// Adds an instance; returns the first dimension that does not hold it, and adds nothing then.
    mutating func add(_ ask: ResourceVector, to row: NodeRow) -> ResourceDimension? {
        guard let record = view.record(row) else { return .cpu }
        return take(record.counted(ask), of: record)
    }

    /// Whether the node still holds everything when `amounts` are not freed after all; if so they are counted as used.
    mutating func keep(_ amounts: ResourceVector, on row: NodeRow) -> Bool {
        guard let record = view.record(row) else { return false }
        return take(amounts, of: record) == nil
    }

    private mutating func take(_ amounts: ResourceVector, of record: NodeRecord) -> ResourceDimension? {
        let short = NodeCapacity(record.capacity).exhaustedDimension(used: used(record.row), ask: amounts)
        if short == nil { changes[record.row, default: ResourceVector()] += amounts }
        return short
    }

    /// The first dimension in which the node has no room for one more instance.
    func exhausted(_ ask: ResourceVector, _ row: NodeRow) -> ResourceDimension? {
        guard let record = view.record(row) else { return .cpu }
        return NodeCapacity(record.capacity).exhaustedDimension(used: used(row), ask: record.counted(ask))
    }

    /// What the node holds then.
    func used(_ row: NodeRow) -> ResourceVector {
        var used = view.used(row)
        if let change = changes[row] { used += change }
        return used
    }
}

extension ClusterView {
    /// Use of a node, as the columns have it.
    func used(_ row: NodeRow) -> ResourceVector {
        var used = ResourceVector()
        used.cpu = usedColumn(.cpu)[Int(row)]
        used.cores = usedColumn(.cores)[Int(row)]
        used.memory = usedColumn(.memory)[Int(row)]
        used.memoryMax = usedColumn(.memoryMax)[Int(row)]
        used.disk = usedColumn(.disk)[Int(row)]
        used.network = usedColumn(.network)[Int(row)]
        return used
    }
}
