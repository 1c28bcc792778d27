import Basics
import Model

/// The tables clients can wait for.
package enum StateTable: Int, CaseIterable, Sendable {
    case jobs
    case nodes
    case allocations
    case evaluations
    case namespaces
    case schedulerConfiguration
    case quotas
    /// What is used of quotas.
    case quotaUsages
    case nodePools
    case variables
    case rootKeys
}

/// All tables of one version. Copying it costs some reference counts; ``StateTables`` changes it, ``Snapshot`` reads it.
struct State: Sendable {
    var index: UInt64 = 0
    var tableIndexes = Array(repeating: UInt64(0), count: StateTable.allCases.count)

    var jobs = SortedTable<JobKey, JobRecord>()
    var jobVersions = SparseTable<JobVersion>()
    /// Jobs of which each node gets an instance, wherever they are.
    var eachNodeJobs = SortedTable<JobKey, Bool>()

    var nodes = SparseTable<NodeRecord>()
    var nodeIndex = IDIndex()
    var nodeLoads = PlainTable<NodeLoad>(filler: NodeLoad())
    /// Rows of each node's allocations; how many there are stands in its load, so that most placements change plain data only.
    var nodeBuffers = SparseTable<RowBuffer>()
    var nodePorts = SparseTable<PortSet>()
    /// Of nodes whose devices or cores are or were held.
    var nodeHardware = SparseTable<HardwareLoad>()
    var freeNodeRows: [UInt32] = []
    var touched = TouchedLog()
    var driverSchemas = DriverSchemas()

    var allocations = AllocationTable()
    var shapes = Interner(countMax: 4096)
    var descriptions = Interner(countMax: 4096)

    var evaluations = SparseTable<EvaluationRecord>()
    var evaluationIndex = IDIndex()
    var freeEvaluationRows: [UInt32] = []
    var evaluationCount: Int { evaluationIndex.count }

    var namespaces = SortedTable<String, Namespace>()
    var quotas = SortedTable<String, QuotaSpec>()
    var ledger = QuotaLedger()
    var work = WorkLedger()
    var nodePools = SortedTable<String, NodePool>()
    var variables = SortedTable<VariableKey, VariableRecord>()
    var rootKeys = SortedTable<ID, RootKeyMeta>()
    var configuration = SchedulerConfiguration()
    /// Nil until the first leader's entry, and for ever in the state of builds that knew none.
    var identity: ClusterIdentity?
    /// Nil until the first leader's entry, and in the state of builds that knew none.
    var autopilot: AutopilotConfiguration?
    /// Ids of servers that operators took out of the group, in that order.
    var expelledServers: [String] = []
    var position = LogPosition()
    var incoming: IncomingState?
    /// Records of a newer version, kept for it.
    var unknownRecords: [UnknownRecord] = []
    #if DEBUG
        /// Of ``NextRelease``, by namespace.
        var namespaceNotes: [String: String] = [:]
    #endif

    init() {
        var standard = Namespace()
        standard.name = "default"
        standard.description = "Default shared namespace"
        standard.createIndex = 1
        standard.modifyIndex = 1
        namespaces["default"] = standard
        for pool in NodePool.builtIn { nodePools[pool.name] = pool }
    }
}

extension State {
    func nodeID(_ row: UInt32) -> ID { nodes[Int(row)]?.node.id ?? .none }

    func nodeRow(_ id: ID) -> UInt32? {
        // A closure that refers to the state would copy all of it.
        let nodes = nodes
        return nodeIndex.find(id) { nodes[Int($0)]?.node.id ?? .none }
    }

    func evaluationID(_ row: UInt32) -> ID { evaluations[Int(row)]?.evaluation.id ?? .none }

    func evaluationRow(_ id: ID) -> UInt32? {
        let evaluations = evaluations
        return evaluationIndex.find(id) { evaluations[Int($0)]?.evaluation.id ?? .none }
    }

    func evaluationRecord(_ id: ID) -> EvaluationRecord? { evaluationRow(id).flatMap { evaluations[Int($0)] } }

    /// The version an allocation's row is of.
    func jobVersion(_ row: UInt32) -> JobVersion {
        guard let version = jobVersions[Int(row)] else { preconditionFailure("no job version in row \(row)") }
        return version
    }
}

extension State {
    func allocations(ofNode row: UInt32) -> RowList {
        guard Int(row) < nodeLoads.count else { return RowList() }
        return RowList(nodeBuffers[Int(row)], count: Int(nodeLoads[Int(row)].rowCount))
    }

    mutating func addAllocation(_ row: UInt32, toNode node: UInt32) {
        let count = nodeLoads.update(Int(node)) { load -> Int in
            load.rowCount += 1
            return Int(load.rowCount) - 1
        }
        if let fresh = RowBuffer.append(row, to: nodeBuffers[Int(node)], count: count) {
            nodeBuffers[Int(node)] = fresh
        }
    }

    mutating func removeAllocations(ofNode node: UInt32, where isRemoved: (UInt32) -> Bool) {
        var rows = allocations(ofNode: node)
        rows.removeAll(where: isRemoved)
        nodeBuffers[Int(node)] = rows.memory
        let count = UInt32(rows.count)
        nodeLoads.update(Int(node)) { $0.rowCount = count }
    }
}
