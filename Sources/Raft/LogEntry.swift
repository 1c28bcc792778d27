/// One record of the replicated log. Its place is `index`; `index` and `term` together name its content (Raft §5.3, Log
/// Matching).
package struct LogEntry: Sendable, Hashable {
    /// Position in the log; the first entry has index 1.
    package let index: UInt64
    /// Term of the leader that made the entry.
    package let term: UInt64
    package let kind: EntryKind
    /// The payload, never looked at by the core unless `kind` is ``EntryKind/membership``.
    package let data: [UInt8]

    package init(index: UInt64, term: UInt64, kind: EntryKind, data: [UInt8]) {
        self.index = index
        self.term = term
        self.kind = kind
        self.data = data
    }
}

/// What an entry's payload is. Numbers below ``firstApplication`` belong to Raft; the rest to the state machine.
package struct EntryKind: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The empty entry each leader appends first, so that it learns what is committed (Raft §8).
    package static let noop = EntryKind(rawValue: 0)
    /// A ``Membership``; takes effect as soon as it is in the log (dissertation §4.1).
    package static let membership = EntryKind(rawValue: 1)
    /// The lowest kind a state machine may define.
    package static let firstApplication = EntryKind(rawValue: 16)
}

/// An entry without its place in the log, as handed to the leader.
package struct Proposal: Sendable, Hashable {
    package let kind: EntryKind
    package let data: [UInt8]

    package init(kind: EntryKind, data: [UInt8]) {
        self.kind = kind
        self.data = data
    }
}
