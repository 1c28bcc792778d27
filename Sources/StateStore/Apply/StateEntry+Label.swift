internal import Basics
internal import Model

extension StateEntry {
    /// The kind of change and what it is of, on a line, for traces and tools.
    package var label: String {
        switch self {
        case .noop: "noop"
        case .jobRegister(let registration): "jobRegister \(registration.job.id)"
        case .jobDeregister(let request): "jobDeregister \(request.key.id)"
        case .nodeRegister(let registration): "nodeRegister \(registration.node.name)"
        case .nodeStatus(let change): "nodeStatus \(change.status.rawValue) \(change.nodes.count)"
        case .nodeEligibility(let change): "nodeEligibility \(change.eligibility.rawValue)"
        case .evaluationsUpdate(let evaluations, _): "evaluations \(evaluations.count)"
        case .plans(let plans): "plans \(plans.count)"
        case .allocationUpdates(let reports): "reports \(reports.reports.count)"
        case .allocationTransition(let request): "transition \(request.allocations.count)"
        case .schedulerConfiguration(let change): "scheduler \(change.configuration.schedulerAlgorithm)"
        case .namespaceUpsert(let namespace): "namespace \(namespace.name)"
        case .namespaceDelete(let name): "namespaceDelete \(name)"
        case .quotaUpsert(let quota): "quota \(quota.name)"
        case .quotaDelete(let name): "quotaDelete \(name)"
        case .nodePoolUpsert(let pool): "nodePool \(pool.name)"
        case .nodePoolDelete(let name): "nodePoolDelete \(name)"
        case .clusterIdentity(let identity): "identity \(identity.id)"
        case .variableWrite(let write): "variable \(write.key.path)"
        case .variableDelete(let deletion): "variableDelete \(deletion.key.path)"
        case .variableUnlock(let unlock): "unlock \(unlock.step) \(unlock.locks.count)"
        case .variableReseal(let resealing): "reseal \(resealing.items.count)"
        case .rootKeyAdd(let addition): "rootKey \(addition.id)"
        case .rootKeyDelete(let deletion): "rootKeyDelete \(deletion.id)"
        #if DEBUG
            case .namespaceNote(let namespace, _): "namespaceNote \(namespace.name)"
        #endif
        case .restorePart(let part): "restorePart \(part.offset)"
        case .restore(let order): "restore \(order.size)"
        case .restoreAbandon(let id): "restoreAbandon \(id)"
        case .autopilotConfiguration: "autopilot"
        case .serverExpel(let id): "serverExpel \(id)"
        case .collect(let garbage): "collect \(garbage.evaluations.count) \(garbage.allocations.count)"
        }
    }

    /// Placements, stops, reports and evaluations, a line each.
    package var details: [String] {
        switch self {
        case .plans(let plans):
            return plans.flatMap { plan in
                plan.stops.map { "stop \($0.id) \($0.description)" }
                    + plan.placements.flatMap { batch in
                        batch.ids.indices.map { position in
                            "place \(batch.ids[position]) \(plan.jobID).\(batch.taskGroup)"
                                + "[\(batch.nameIndexes[position])] on \(batch.nodes[position])"
                        }
                    } + plan.ending.map(\.traceLine)
            }
        case .allocationUpdates(let reports):
            return reports.reports.map { "report \($0.id) \($0.clientStatus.rawValue)" }
        case .evaluationsUpdate(let evaluations, _):
            return evaluations.map(\.traceLine)
        default: return []
        }
    }
}

extension Evaluation {
    fileprivate var traceLine: String { "evaluation \(id) \(jobID) \(status.rawValue) \(triggeredBy)" }
}
