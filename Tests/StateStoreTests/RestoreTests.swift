import Basics
import Model
import Testing

@testable import StateStore

@Suite struct RestoreTests {
    /// Feeds `state` to a store in parts and has it restored.
    static func restore(_ state: [UInt8], into fixture: inout Fixture, partBytes: Int = 1_000) -> ApplyOutcome {
        let id = ID(random: &fixture.generator)
        for start in stride(from: 0, to: state.count, by: partBytes) {
            let bytes = Array(state[start..<min(start + partBytes, state.count)])
            fixture.apply(.restorePart(RestorePart(id: id, offset: UInt64(start), bytes: bytes)))
        }
        return fixture.apply(.restore(RestoreOrder(id: id, size: UInt64(state.count), time: fixture.time)))
    }

    static func archived(_ snapshot: Snapshot, isRedacted: Bool = false) -> [UInt8] {
        var bytes: [UInt8] = []
        try? snapshot.encode(for: .archive(isRedacted: isRedacted)) { bytes += $0 }
        return bytes
    }

    /// The tables as an archive has them, but for the index and the tables' own.
    static func content(_ snapshot: Snapshot) -> [UInt8] {
        var state = snapshot.state
        state.index = 0
        state.tableIndexes = state.tableIndexes.map { _ in 0 }
        return archived(Snapshot(state))
    }

    static func history(seed: UInt64, steps: Int) -> Fixture {
        var history = History(seed: seed)
        history.run(steps)
        return history.fixture
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func tablesAreReplacedWhole(seed: UInt64) {
        let old = Self.history(seed: seed, steps: 150)
        var other = Self.history(seed: seed + 100, steps: 60)
        let outcome = Self.restore(Self.archived(old.snapshot), into: &other)
        #expect(outcome.refusal == nil && outcome.isRestored && outcome.tables.count == StateTable.allCases.count)
        #expect(Self.content(other.snapshot) == Self.content(old.snapshot))
        #expect(other.snapshot.restoredIndex == outcome.index && other.snapshot.incomingRestore == nil)
        #expect(other.snapshot.touchedNodes(since: outcome.index - 1) == nil, "views are made anew")
    }

    /// Indexes only go up, whichever of the two was further: those in the restored tables are of the past too.
    @Test(arguments: [(saved: 200, present: 20), (20, 200)])
    func indexesGoOn(saved: Int, present: Int) {
        let old = Self.history(seed: 3, steps: saved)
        var other = Self.history(seed: 4, steps: present)
        let before = max(old.snapshot.index, other.snapshot.index)
        let outcome = Self.restore(Self.archived(old.snapshot), into: &other)
        #expect(outcome.index > before)
        let next = other.register(other.job("next"))
        #expect(next.index == outcome.index + 1)
        #expect(other.snapshot.job("default", "next")?.modifyIndex == next.index)
        // The same after a restart from a snapshot of the log.
        var restarted = try? SnapshotReader.whole(other.snapshot.encoded)
        #expect(restarted?.index == next.index)
        let later = restarted?.apply(.noop, index: other.index + 1)
        #expect(later?.index == next.index + 1)
    }

    /// A restart in the middle of a restore goes on where it was.
    @Test func partsAreInSnapshotsOfTheLog() throws {
        let old = Self.history(seed: 5, steps: 100)
        let state = Self.archived(old.snapshot)
        var other = Self.history(seed: 6, steps: 30)
        let id = ID(high: 7, low: 7)
        let half = state.count / 2
        other.apply(.restorePart(RestorePart(id: id, offset: 0, bytes: Array(state[..<half]))))
        other.store = try SnapshotReader.whole(other.snapshot.encoded)
        #expect(other.snapshot.incomingRestore == id)
        #expect(!Self.archived(other.snapshot).contains(state[..<64]), "an archive has no half of another one")
        other.apply(.restorePart(RestorePart(id: id, offset: UInt64(half), bytes: Array(state[half...]))))
        let order = RestoreOrder(id: id, size: UInt64(state.count), time: other.time)
        #expect(other.apply(.restore(order)).isRestored)
        #expect(Self.content(other.snapshot) == Self.content(old.snapshot))
    }

    @Test func incompleteOrForeignPartsChangeNothing() {
        let state = Self.archived(Self.history(seed: 8, steps: 50).snapshot)
        var other = Self.history(seed: 9, steps: 50)
        let before = Self.content(other.snapshot)
        let (first, second) = (ID(high: 1, low: 1), ID(high: 2, low: 2))
        func order(_ id: ID) -> StateEntry {
            .restore(RestoreOrder(id: id, size: UInt64(state.count), time: .never))
        }
        #expect(other.apply(order(first)).refusal?.kind == .conflict, "nothing has come")
        other.apply(.restorePart(RestorePart(id: first, offset: 0, bytes: Array(state.prefix(10)))))
        #expect(other.apply(order(first)).refusal?.kind == .conflict, "not all has come")
        let gap = StateEntry.restorePart(RestorePart(id: first, offset: 11, bytes: [1]))
        #expect(other.apply(gap).refusal?.kind == .conflict)
        other.apply(.restorePart(RestorePart(id: second, offset: 0, bytes: state)))
        #expect(other.apply(order(first)).refusal?.kind == .conflict, "another one has begun")
        other.apply(.restoreAbandon(id: first))
        #expect(other.snapshot.incomingRestore == second)
        other.apply(.restoreAbandon(id: second))
        #expect(other.apply(order(second)).refusal?.kind == .conflict, "it was given up")
        #expect(Self.content(other.snapshot) == before)
    }

    @Test func whatCannotBeReadIsReported() {
        var other = Self.history(seed: 9, steps: 20)
        let outcome = Self.restore([9, 9, 9, 9], into: &other)
        #expect(outcome.unreadable != nil && !outcome.isRestored)
    }

    /// A plan made before names rows of tables that are gone.
    @Test func plansMadeBeforeAreVoid() {
        var fixture = Fixture()
        _ = fixture.addNodes(2)
        fixture.register(fixture.job("web"))
        let saved = Self.archived(fixture.snapshot)
        var plan = fixture.plan("web", count: 2)
        plan.snapshotIndex = fixture.snapshot.index
        _ = Self.restore(saved, into: &fixture)
        #expect(fixture.apply(.plans([plan])).placedCount == 0)
        plan.snapshotIndex = fixture.snapshot.index
        #expect(fixture.apply(.plans([plan])).placedCount == 2)
    }

    @Test func redactedArchivesHoldNoSecrets() throws {
        var fixture = Fixture()
        var node = fixture.node("n1", id: ID(high: 3, low: 3))
        node.secretID = ID(high: 0x1234_5678_9abc_def0, low: 0x0fed_cba9_8765_4321)
        fixture.apply(.nodeRegister(NodeRegistration(node: node, time: fixture.time)))
        let redacted = try SnapshotReader.whole(Self.archived(fixture.snapshot, isRedacted: true)).snapshot()
        #expect(redacted.node(node.id)?.name == "n1" && redacted.node(node.id)?.secretID == ID.none)
        let full = try SnapshotReader.whole(Self.archived(fixture.snapshot)).snapshot()
        #expect(full.node(node.id)?.secretID == node.secretID)
    }

    @Test func entriesReadBack() throws {
        let id = ID(high: 5, low: 6)
        let entries: [StateEntry] = [
            .restorePart(RestorePart(id: id, offset: 300, bytes: [1, 2, 3])),
            .restore(RestoreOrder(id: id, size: 303, time: Timestamp(seconds: 9))), .restoreAbandon(id: id),
        ]
        for entry in entries { #expect(try StateEntry(decoding: entry.encoded) == entry) }
    }
}

extension SnapshotReader {
    fileprivate static func whole(_ bytes: [UInt8]) throws -> StateTables {
        var reader = SnapshotReader()
        try reader.read(bytes)
        return try reader.finish()
    }
}
