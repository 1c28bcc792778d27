import CDroverABI
import DroverSDK
import StockSchedulerPlugin

/// The columns a scoring function reads, in a `drover_score_columns` block.
struct ScoreColumns {
    private let parameters: [ScorerParameter]
    private var sources: [ColumnSource] = []
    /// Bit patterns of doubles or integers, column after column.
    private var values: [UInt64] = []
    private var count = 0

    /// Words before the first column: the struct, rounded up.
    private static let headWords = (MemoryLayout<drover_score_columns>.size + 63) / 64 * 8
    private static let parametersMax = 16

    init(parameters: [ScorerParameter]) { self.parameters = parameters }

    /// Binds the parameters to columns for a group.
    mutating func begin(_ group: GroupAsk) throws(SchedulerFault) {
        guard parameters.count <= Self.parametersMax else {
            throw .invalid("the scorer has \(parameters.count) parameters; at most \(Self.parametersMax)")
        }
        sources = []
        for parameter in parameters {
            guard let source = ColumnSource(parameter) else {
                throw .invalid("the scorer's parameter \"\(parameter.name)\" is not known to this scheduler")
            }
            sources.append(source)
        }
    }

    mutating func resize(to count: Int) {
        self.count = count
        let needed = Self.headWords + count * sources.count
        if values.count < needed { values += [UInt64](repeating: 0, count: needed - values.count) }
    }

    /// Writes what the function wants to know of node `row` into position `position` of every column.
    mutating func fill(_ row: Int, at position: Int, _ state: GroupState, fit: Int32) {
        for (column, source) in sources.enumerated() {
            values[Self.headWords + column * count + position] = source.value(row, state, fit: fit)
        }
    }

    /// Completes the head and lends the block.
    mutating func withBlock(
        _ rows: Int, _ body: (UnsafeRawPointer) throws(PluginError) -> Void
    ) throws(PluginError) {
        var head = drover_score_columns()
        head.head.length = UInt64((Self.headWords + count * sources.count) * 8)
        head.head.struct_size = UInt32(MemoryLayout<drover_score_columns>.size)
        head.row_count = UInt32(rows)
        head.column_count = UInt32(sources.count)
        withUnsafeMutableBytes(of: &head.columns) { offsets in
            for column in sources.indices {
                let offset = UInt64((Self.headWords + column * count) * 8)
                offsets.storeBytes(of: offset, toByteOffset: column * 8, as: UInt64.self)
            }
        }
        let result = values.withUnsafeMutableBytes { bytes -> Result<Void, PluginError> in
            bytes.storeBytes(of: head, as: drover_score_columns.self)
            guard let base = bytes.baseAddress else { return .success(()) }
            do throws(PluginError) {
                try body(UnsafeRawPointer(base))
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }
}

/// Where a parameter's values come from (the list in `drover/scorer.h`).
private enum ColumnSource {
    case after(Int32)
    case before(Int32)
    case free(Int32)
    case ask(Int32)
    case capacity(Int32)
    case coresFree
    case fit
    case affinity
    case spread
    case random
    case sameJob
    case penalty
    case prior
    case nodeClass
    case datacenter
    case pool

    init?(_ parameter: ScorerParameter) {
        guard let source = Self.named(parameter.name), source.isInteger == parameter.isInteger else { return nil }
        self = source
    }

    private static func named(_ name: String) -> ColumnSource? {
        switch name {
        case "cores_free": return .coresFree
        case "binpack": return .fit
        case "affinity": return .affinity
        case "spread": return .spread
        case "random": return .random
        case "same_job": return .sameJob
        case "penalty": return .penalty
        case "prior": return .prior
        case "class": return .nodeClass
        case "datacenter": return .datacenter
        case "pool": return .pool
        default: return amount(name)
        }
    }

    /// `cpu_after`, `memory_free` and the like.
    private static func amount(_ name: String) -> ColumnSource? {
        let dimensions: [(String, Int32)] = [
            ("cpu_", DROVER_CPU_MHZ), ("memory_", DROVER_MEMORY_MIB), ("disk_", DROVER_DISK_MIB),
            ("network_", DROVER_NETWORK_MBIT),
        ]
        guard let (prefix, dimension) = dimensions.first(where: { name.hasPrefix($0.0) }) else { return nil }
        switch name.dropFirst(prefix.count) {
        case "after": return .after(dimension)
        case "before": return .before(dimension)
        case "free": return .free(dimension)
        case "ask": return .ask(dimension)
        case "capacity": return .capacity(dimension)
        default: return nil
        }
    }

    private var isInteger: Bool {
        switch self {
        case .coresFree, .sameJob, .penalty, .prior, .nodeClass, .datacenter, .pool: true
        default: false
        }
    }

    /// The bits of the parameter's value for a node.
    func value(_ row: Int, _ state: GroupState, fit: Int32) -> UInt64 {
        isInteger ? UInt64(bitPattern: integer(row, state)) : number(row, state, fit: fit).bitPattern
    }

    private func number(_ row: Int, _ state: GroupState, fit: Int32) -> Double {
        let group = state.group
        switch self {
        case .after(let dimension): return share(dimension, row, state, adding: state.ask(Int(dimension), row))
        case .before(let dimension): return share(dimension, row, state, adding: 0)
        case .free(let dimension): return left(dimension, row, state)
        case .ask(let dimension): return Double(state.ask(Int(dimension), row))
        case .capacity(let dimension): return Double(state.columns.capacity(Int(dimension))[row])
        case .fit: return Double(fit) / Double(DROVER_SCORE_ONE)
        case .affinity: return Double(group.affinity?[row] ?? 0) / Double(DROVER_SCORE_ONE)
        case .spread: return Double(state.spread(row)) / Double(DROVER_SCORE_ONE)
        case .random: return Double(group.tie(state.columns.keys[row])) / 4_294_967_296
        default: return 0
        }
    }

    private func integer(_ row: Int, _ state: GroupState) -> Int64 {
        let group = state.group
        switch self {
        case .coresFree: return Int64(left(DROVER_CORES, row, state))
        case .sameJob: return Int64(state.sameJob[row])
        case .penalty: return group.penalty.map { drover_bit($0, UInt32(row)) != 0 } ?? false ? 1 : 0
        case .prior: return (0..<group.count).contains { group.priorNodes?[$0] == UInt32(row) } ? 1 : 0
        case .nodeClass: return Int64(state.columns.classes[row])
        case .datacenter: return Int64(state.columns.datacenters[row])
        case .pool: return Int64(state.columns.pools[row])
        default: return 0
        }
    }

    /// The share of capacity in use, 0 of none.
    private func share(_ dimension: Int32, _ row: Int, _ state: GroupState, adding ask: Int64) -> Double {
        let capacity = state.columns.capacity(Int(dimension))[row]
        guard capacity > 0 else { return 0 }
        return Double(state.used(Int(dimension), row) + ask) / Double(capacity)
    }

    /// What is left after placing.
    private func left(_ dimension: Int32, _ row: Int, _ state: GroupState) -> Double {
        let ask = state.ask(Int(dimension), row)
        return Double(state.columns.capacity(Int(dimension))[row] - state.used(Int(dimension), row) - ask)
    }
}
