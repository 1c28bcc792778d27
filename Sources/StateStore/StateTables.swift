package import Basics
import Model

/// The replicated state: entries of the log go in, in order, and every replica that applies the same ones holds the same tables.
///
/// A value without clock, randomness or I/O. One thread applies; readers take a ``Snapshot``.
package struct StateTables: Sendable {
    var state = State()

    package init() {}

    /// The last applied index.
    package var index: UInt64 { state.index }

    /// The state as it is now, in O(1).
    package func snapshot() -> Snapshot { Snapshot(state) }

    /// Carries out one entry of the log. `logIndex`, its place there, must be above the last one's; the outcome's index is the
    /// state's (``LogPosition``).
    package mutating func apply(_ entry: StateEntry, index logIndex: UInt64) -> ApplyOutcome {
        let index = logIndex + state.position.lead
        precondition(index > state.index, "entry \(index) after \(state.index)")
        if case .restore(let order) = entry { return restore(order, logIndex: logIndex, index: index) }
        var outcome = ApplyOutcome(index: index, time: entry.time, salt: state.salt)
        state.index = index
        switch entry {
        case .noop: break
        case .jobRegister(let registration): state.register(registration, &outcome)
        case .jobDeregister(let deregistration): state.deregister(deregistration, &outcome)
        case .nodeRegister(let registration): state.register(registration, &outcome)
        case .nodeStatus(let change): state.change(change, &outcome)
        case .nodeEligibility(let change): state.change(change, &outcome)
        case .evaluationsUpdate(let evaluations, _): state.update(evaluations, &outcome)
        case .plans(let plans): for plan in plans { state.commit(plan, &outcome) }
        case .allocationUpdates(let reports): state.update(reports, &outcome)
        case .allocationTransition(let request): state.transition(request, &outcome)
        case .schedulerConfiguration(let change): state.change(change, &outcome)
        case .namespaceUpsert(let namespace): state.upsert(namespace, &outcome)
        case .namespaceDelete(let name): state.deleteNamespace(name, &outcome)
        case .collect(let garbage): state.collect(garbage, &outcome)
        case .quotaUpsert(let quota): state.upsert(quota, &outcome)
        case .quotaDelete(let name): state.deleteQuota(name, &outcome)
        case .nodePoolUpsert(let pool): state.upsert(pool, &outcome)
        case .nodePoolDelete(let name): state.deleteNodePool(name, &outcome)
        case .clusterIdentity(let identity): state.take(identity)
        case .variableWrite(let write): state.write(write, &outcome)
        case .variableDelete(let deletion): state.delete(deletion, &outcome)
        case .variableUnlock(let unlock): state.unlock(unlock, &outcome)
        case .variableReseal(let resealing): state.reseal(resealing, &outcome)
        case .rootKeyAdd(let addition): state.add(addition, &outcome)
        case .rootKeyDelete(let deletion): state.delete(deletion, &outcome)
        #if DEBUG
            case .namespaceNote(let namespace, let note):
                state.upsert(namespace, &outcome)
                state.namespaceNotes[namespace.name] = note
        #endif
        case .restorePart(let part): state.take(part, &outcome)
        case .restore: break
        case .restoreAbandon(let id): state.abandonRestore(id)
        case .autopilotConfiguration(let change): state.change(change, &outcome)
        case .serverExpel(let id): state.expelServer(id)
        }
        state.work.tellIfDue()
        for table in outcome.tables { state.tableIndexes[table.rawValue] = index }
        return outcome
    }
}

extension StateEntry {
    /// When it was proposed; ``Timestamp/never`` for entries that need no time.
    package var time: Timestamp {
        switch self {
        case .jobRegister(let registration): registration.time
        case .jobDeregister(let deregistration): deregistration.time
        case .nodeRegister(let registration): registration.time
        case .nodeStatus(let change): change.time
        case .nodeEligibility(let change): change.time
        case .evaluationsUpdate(_, let time): time
        case .plans(let plans): plans.first?.createTime ?? .never
        case .allocationUpdates(let reports): reports.time
        case .allocationTransition(let request): request.time
        case .clusterIdentity(let identity): identity.createTime
        case .variableWrite(let write): write.time
        case .variableUnlock(let unlock): unlock.time
        case .rootKeyAdd(let addition): addition.time
        case .restore(let order): order.time
        case .noop, .schedulerConfiguration, .namespaceUpsert, .namespaceDelete, .collect, .quotaUpsert, .quotaDelete,
            .nodePoolUpsert, .nodePoolDelete, .variableDelete, .variableReseal, .rootKeyDelete, .restorePart,
            .restoreAbandon, .autopilotConfiguration, .serverExpel:
            .never
        #if DEBUG
            case .namespaceNote: .never
        #endif
        }
    }
}
