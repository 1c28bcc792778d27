package import Basics
import Model

extension Snapshot {
    /// `/v1/evaluations`: Evaluation objects by id; options `status` and `job` narrow the list.
    package func listEvaluations(_ request: ListRequest) throws -> ListPage {
        guard let range = IDPrefix(request.prefix) else { return ListPage(body: Array("[]".utf8), nextToken: "") }
        var page = PageCollector(request)
        let start = ID(request.nextToken).flatMap { $0.isNone ? nil : $0 }
        let status = request.options["status"] ?? ""
        let job = request.options["job"] ?? ""
        func visit(_ row: UInt32) throws -> Bool {
            guard let evaluation = state.evaluations[Int(row)]?.evaluation else { return true }
            guard range.low <= evaluation.id, evaluation.id <= range.high else { return false }
            guard request.includes(namespace: evaluation.namespace),
                status.isEmpty || evaluation.status.rawValue == status,
                job.isEmpty || evaluation.jobID == job
            else { return true }
            return try page.offer(token: evaluation.id.description) { evaluation.write(to: &$0) }
        }
        func identify(_ row: UInt32) -> ID { state.evaluationID(row) }
        if request.reverse {
            try state.evaluationIndex.scanDown(from: min(start ?? range.high, range.high), identify: identify, visit)
        } else {
            try state.evaluationIndex.scan(from: max(start ?? range.low, range.low), identify: identify, visit)
        }
        return page.finish()
    }

    /// Whole ids of evaluations, nodes or allocations that start with `prefix`, at most `limit`.
    package func ids(_ table: StateTable, prefix: String, limit: Int) -> [ID] {
        guard let range = IDPrefix(prefix) else { return [] }
        var ids: [ID] = []
        func take(_ id: ID) -> Bool {
            guard id <= range.high, ids.count < limit else { return false }
            ids.append(id)
            return true
        }
        switch table {
        case .allocations: state.allocations.scan(from: range.low) { take(state.allocations.id($0)) }
        case .evaluations:
            state.evaluationIndex.scan(from: range.low, identify: { state.evaluationID($0) }) {
                take(state.evaluationID($0))
            }
        case .nodes:
            state.nodeIndex.scan(from: range.low, identify: { state.nodeID($0) }) { take(state.nodeID($0)) }
        case .jobs, .namespaces, .schedulerConfiguration, .quotas, .quotaUsages, .nodePools, .variables, .rootKeys:
            break
        }
        return ids
    }
}
