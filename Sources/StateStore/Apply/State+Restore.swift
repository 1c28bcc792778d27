package import Basics
import Model

/// How the state's index follows from an entry's place in the log.
///
/// They are the same until a state is restored that is further than the log: the indexes in it must stay below those to come,
/// so from then on the state's are ahead by a fixed number.
struct LogPosition: Sendable, Equatable {
    /// Added to an entry's index in the log.
    var lead: UInt64 = 0
    /// The state's index when it was restored last; 0 for never. What was made from an older snapshot is void.
    var restoredIndex: UInt64 = 0
}

/// A state that arrives in parts.
struct IncomingState: Sendable {
    let id: ID
    var parts: [[UInt8]] = []
    var size: UInt64 = 0
}

extension State {
    mutating func take(_ part: RestorePart, _ outcome: inout ApplyOutcome) {
        if part.offset == 0 { incoming = IncomingState(id: part.id) }
        guard incoming?.id == part.id, incoming?.size == part.offset else {
            return outcome.refuse(.conflict, "another snapshot is being restored, or this restore was given up")
        }
        incoming?.parts.append(part.bytes)
        incoming?.size += UInt64(part.bytes.count)
    }

    mutating func abandonRestore(_ id: ID) {
        if incoming?.id == id { incoming = nil }
    }
}

extension StateTables {
    /// Replaces all tables by those that came in parts; the index goes on above both the old and the new ones'.
    ///
    /// - Parameters:
    ///   - order: which parts, and how much they are.
    ///   - logIndex: the order's place in the log.
    ///   - index: the state's index of the order, were it any other entry.
    /// - Returns: an outcome that is refused, with nothing changed, when parts are missing.
    mutating func restore(_ order: RestoreOrder, logIndex: UInt64, index: UInt64) -> ApplyOutcome {
        var refusal = ApplyOutcome(index: index, time: order.time, salt: state.salt)
        state.index = index
        guard let incoming = state.incoming, incoming.id == order.id, incoming.size == order.size else {
            refusal.refuse(.conflict, "another snapshot is being restored, or this restore was given up")
            return refusal
        }
        var next: State
        do {
            var reader = SnapshotReader()
            for part in incoming.parts { try reader.read(part) }
            next = try reader.finish().state
        } catch {
            refusal.unreadable = error
            return refusal
        }
        let restored = max(index, next.index + 1)
        next.position = LogPosition(lead: restored - logIndex, restoredIndex: restored)
        next.incoming = nil
        // Which servers there are is no part of what is restored.
        next.expelledServers = state.expelledServers
        next.index = restored
        next.tableIndexes = next.tableIndexes.map { _ in restored }
        next.touched = TouchedLog(floor: restored)
        state = next
        var outcome = ApplyOutcome(index: restored, time: order.time, salt: state.salt)
        outcome.isRestored = true
        outcome.tables = Set(StateTable.allCases)
        return outcome
    }
}

extension Snapshot {
    /// The index at which the state was restored from an archive last; 0 for never. Whoever knows it only from before knows
    /// nothing of it.
    package var restoredIndex: UInt64 { state.position.restoredIndex }

    /// The restore whose parts are coming in.
    package var incomingRestore: ID? { state.incoming?.id }
}
