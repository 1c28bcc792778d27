internal import Basics
internal import Model
internal import PluginHost
internal import Scheduling
internal import Synchronization

/// What the workers have found about the scheduler plug-ins of this server: counts, the newest faults, and who is put aside.
final class SchedulerJournal: Sendable {
    private struct State {
        var health: [String: SchedulerHealth] = [:]
        var faults: [SchedulerFault] = []
    }

    /// Faults kept; the oldest goes first.
    static let faultsMax = 32
    /// Characters of a fault's reason that are kept: it may hold whatever a plug-in said.
    private static let reasonMax = 512

    private let time: any TimeSource
    private let state = Mutex(State())

    init(time: any TimeSource) { self.time = time }

    /// Why a plug-in is not to be asked now; nil when it may be.
    func reasonToSpare(_ name: String) -> String? {
        let health = state.withLock { $0.health[name] }
        guard let health, !health.mayBeAsked(now: time.uptime) else { return nil }
        return "\(name) is put aside after \(health.faultsInARow) faults in a row"
    }

    func answered(_ name: String) {
        state.withLock { $0.health[name, default: SchedulerHealth()].answered() }
    }

    /// Records what was wrong with a plug-in's answer; returns the record.
    @discardableResult
    func failed(_ name: String, _ error: any Error, _ evaluation: Evaluation) -> SchedulerFault {
        var fault = SchedulerFault()
        fault.time = time.now
        fault.plugin = name
        fault.evalID = evaluation.id
        fault.namespace = evaluation.namespace
        fault.jobID = evaluation.jobID
        fault.kind = SchedulerFaultKind(error)
        fault.reason = String("\(error)".prefix(Self.reasonMax))
        state.withLock { state in
            state.health[name, default: SchedulerHealth()].failed(fault.kind, now: time.uptime)
            if state.faults.count == Self.faultsMax { state.faults.removeFirst() }
            state.faults.append(fault)
        }
        return fault
    }

    /// All of it but the shadow, with the plug-ins that are loaded.
    func status(of placers: any SchedulerRegistry) -> SchedulerStatus {
        let (health, faults) = state.withLock { ($0.health, $0.faults) }
        var status = SchedulerStatus()
        status.faults = faults
        status.schedulers = Set(placers.schedulerNames).union(health.keys).sorted().map { name in
            var record = SchedulerRecord()
            record.name = name
            record.kinds = placers.scheduler(named: name)?.kinds ?? []
            guard let health = health[name] else { return record }
            record.answers = health.answers
            record.faults = Dictionary(uniqueKeysWithValues: health.faults.map { ($0.key.rawValue, $0.value) })
            record.faultsInARow = health.faultsInARow
            if let until = health.asideUntil { record.asideUntil = time.now + (until - time.uptime) }
            return record
        }
        return status
    }
}

extension SchedulerFaultKind {
    /// What an error of a plug-in, or of the check of its answer, comes to.
    init(_ error: any Error) {
        guard let error = error as? PluginError else {
            self = error is PlacementFault ? .infeasible : .failed
            return
        }
        self =
            switch error.code {
            case .deadline: .late
            case .crashed: .crashed
            case .garbage: .malformed
            case .unavailable: .unavailable
            default: .failed
            }
    }
}
