internal import Basics
internal import Model
internal import StateStore
internal import Synchronization

/// The leader's clock of the locks on variables: which were not renewed in time, and whose lock delay is over.
///
/// It measures with the monotonic clock of the leader alone. A new leader gives every lock its whole time again: a holder that has
/// been told so may rely on it longer, never shorter, than it was told.
final class VariableLocks: Sendable {
    private struct Watch {
        let isLapsed: Bool
        var deadline: Uptime
    }

    private let time: any TimeSource
    /// Nil while another server leads.
    private let watches = Mutex<[VariableUnlock.Lock: Watch]?>(nil)

    init(time: any TimeSource) { self.time = time }

    /// Starts anew. The newest snapshot is read under the lock, so a lock acquired meanwhile is in it or is told afterwards.
    func enable(from feed: ChangeFeed) {
        watches.withLock { watches in
            watches = [:]
            feed.snapshot.forEachVariable { record in
                add(record, &watches)
                return true
            }
        }
    }

    func disable() { watches.withLock { $0 = nil } }

    /// Takes note of what an entry changed.
    func take(_ outcome: ApplyOutcome, snapshot: Snapshot) {
        guard !outcome.variables.isEmpty else { return }
        watches.withLock { watches in
            for key in outcome.variables { if let record = snapshot.variable(key) { add(record, &watches) } }
        }
    }

    private func add(_ record: VariableRecord, _ watches: inout [VariableUnlock.Lock: Watch]?) {
        guard let held = record.metadata.lock else { return }
        let lock = VariableUnlock.Lock(key: record.key, id: held.id)
        guard watches?[lock]?.isLapsed != record.isLapsed else { return }
        let span = record.isLapsed ? held.lockDelay.duration : held.ttl.duration
        watches?[lock] = Watch(isLapsed: record.isLapsed, deadline: time.uptime + span)
    }

    /// Holds a lock for another `ttl`; false when its time is over already.
    func renew(_ lock: VariableUnlock.Lock, ttl: Duration) -> Bool {
        let now = time.uptime
        return watches.withLock { watches in
            guard let watch = watches?[lock], !watch.isLapsed, watch.deadline > now else { return false }
            watches?[lock]?.deadline = now + ttl
            return true
        }
    }

    /// Takes out the locks whose time is over, sorted by variable: those that lapse now, and those that are free now. Those that
    /// ended otherwise are among them, once.
    func expired() -> (lapsed: [VariableUnlock.Lock], freed: [VariableUnlock.Lock]) {
        let now = time.uptime
        return watches.withLock { watches in
            let due = (watches ?? [:]).filter { $0.value.deadline <= now }
            for lock in due.keys { watches?[lock] = nil }
            func locks(_ isLapsed: Bool) -> [VariableUnlock.Lock] {
                due.filter { $0.value.isLapsed == isLapsed }.keys.sorted { ($0.key, $0.id) < ($1.key, $1.id) }
            }
            return (locks(false), locks(true))
        }
    }

    /// Locks whose end could not be proposed: ``expired()`` names them again.
    func putBack(_ locks: [VariableUnlock.Lock], isLapsed: Bool) {
        let now = time.uptime
        watches.withLock { watches in
            for lock in locks { watches?[lock] = Watch(isLapsed: isLapsed, deadline: now) }
        }
    }
}

extension ServerAgent {
    /// Ends the locks whose time is over.
    func endExpiredLocks() async {
        let due = locks.expired()
        for (step, ended) in [(VariableUnlock.Step.lapsed, due.lapsed), (.freed, due.freed)] where !ended.isEmpty {
            await attempt("end locks on variables") {
                do {
                    let unlock = VariableUnlock(step: step, locks: ended, time: self.seam.time.now)
                    _ = try await self.propose(.variableUnlock(unlock))
                } catch {
                    self.locks.putBack(ended, isLapsed: step == .freed)
                    throw error
                }
            }
        }
    }
}
