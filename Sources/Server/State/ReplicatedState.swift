internal import Basics
internal import Consensus
internal import Model
internal import Raft
internal import StateStore
internal import Synchronization

/// The state machine behind the log: decodes entries, applies them in batches, publishes the newest snapshot.
final class ReplicatedState: StateMachine {
    typealias Output = ApplyOutcome
    typealias Command = StateEntry

    /// The kind of log entry that carries a ``StateEntry``.
    static let entryKind = EntryKind.firstApplication

    let feed: ChangeFeed
    /// Told of each batch after it is published, with its log entries: the leader's queues live from it. A restored state
    /// comes without entries.
    typealias Observer = @Sendable (ArraySlice<LogEntry>, [ApplyOutcome], Snapshot) -> Void

    private let observer: Observer
    private let store: Mutex<StateTables>
    private let appliedLaterKinds = Atomic(false)

    init(observer: @escaping Observer) {
        let store = StateTables()
        feed = ChangeFeed(store.snapshot())
        self.store = Mutex(store)
        self.observer = observer
    }

    static func knows(_ entry: LogEntry) -> Bool {
        entry.kind != entryKind || entry.data.first ?? 0 <= StateEntry.kindMax
    }

    func apply(_ entries: ArraySlice<LogEntry>, commands: [StateEntry?]) async throws -> [ApplyOutcome] {
        let (outcomes, snapshot) = try store.withLock { store in
            let outcomes = try zip(entries, commands).map { entry, command in
                guard entry.kind == ReplicatedState.entryKind else {
                    throw UnknownEntryKind(kind: entry.kind.rawValue, index: entry.index)
                }
                // Whoever proposes hands over what is logged: other servers, and this one after a restart, read it from there.
                assert(command == nil || (try? StateEntry(decoding: entry.data)) == command)
                if let kind = entry.data.first, kind > StateEntry.commonKindMax {
                    appliedLaterKinds.store(true, ordering: .relaxed)
                }
                return store.apply(try command ?? StateEntry(decoding: entry.data), index: entry.index)
            }
            return (outcomes, store.snapshot())
        }
        if let unreadable = outcomes.compactMap(\.unreadable).first {
            throw UnreadableRestore(error: unreadable, index: snapshot.index)
        }
        if outcomes.contains(where: \.isRestored) {
            feed.replace(with: snapshot)
        } else {
            feed.publish(snapshot, outcomes)
        }
        observer(entries, outcomes, snapshot)
        return outcomes
    }

    /// Whether this server has applied entries that not every release knows since it started.
    var hasLaterKinds: Bool { appliedLaterKinds.load(ordering: .relaxed) }

    func snapshot() async throws -> any StateSnapshot { StoredSnapshot(snapshot: feed.snapshot) }

    func restore(from chunks: SnapshotChunks) async throws {
        var reader = SnapshotReader()
        while let chunk = try await chunks.next() { try reader.read(chunk) }
        let restored = try reader.finish()
        store.withLock { $0 = restored }
        let snapshot = restored.snapshot()
        feed.replace(with: snapshot)
        observer([], [], snapshot)
    }
}

/// An entry that a newer release wrote: this one must not skip it.
struct UnknownEntryKind: Error, CustomStringConvertible {
    let kind: UInt16
    let index: UInt64

    var description: String {
        "log entry \(index) is of kind \(kind), which this release does not know; run the release that wrote it, or a newer one"
    }
}

/// A state to be restored that the leader could read and this server cannot: it must not go on without.
struct UnreadableRestore: Error, CustomStringConvertible {
    let error: CodecError
    let index: UInt64

    var description: String {
        "the state restored at index \(index) cannot be read by this release (\(error)); run the release that the leader runs"
    }
}

private struct StoredSnapshot: StateSnapshot {
    let snapshot: Snapshot

    func write(to emit: ([UInt8]) throws -> Void) throws { try snapshot.encode(to: emit) }
}
