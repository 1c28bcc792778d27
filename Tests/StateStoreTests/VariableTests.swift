import Basics
import Model
import Testing

@testable import StateStore

extension Fixture {
    static let rootKey = ID(high: 7, low: 1)

    func write(_ path: String, _ text: String = "sealed", key: ID = Fixture.rootKey) -> VariableWrite {
        VariableWrite(
            key: VariableKey(namespace: "default", path: path),
            sealed: SealedItems(keyID: key, bytes: Array(text.utf8)), time: time)
    }

    /// A store with a root key.
    static func withRootKey() -> Fixture {
        var fixture = Fixture()
        fixture.apply(.rootKeyAdd(RootKeyAddition(id: rootKey, time: fixture.time)))
        return fixture
    }

    func variable(_ path: String) -> VariableRecord? {
        snapshot.variable(VariableKey(namespace: "default", path: path))
    }

    func lock(_ number: UInt64) -> VariableLock {
        var lock = VariableLock()
        lock.id = ID(high: 9, low: number)
        return lock
    }
}

@Suite struct VariableTests {
    @Test func writesReplaceAndKeepTheirOrigin() throws {
        var fixture = Fixture.withRootKey()
        let first = fixture.apply(.variableWrite(fixture.write("a/b", "one")))
        let second = fixture.apply(.variableWrite(fixture.write("a/b", "two")))
        let record = try #require(fixture.variable("a/b"))
        #expect(record.metadata.createIndex == first.index && record.metadata.modifyIndex == second.index)
        #expect(record.metadata.createTime < record.metadata.modifyTime)
        #expect(record.sealed.bytes == Array("two".utf8) && second.variable == record)
        #expect(fixture.snapshot.tableIndex(.variables) == second.index && second.variables == [record.key])
    }

    /// Expected index, whether there is a variable at index 13, and whether the write goes through.
    @Test(arguments: [
        (UInt64?.none, false, true), (nil, true, true), (0, false, true), (0, true, false), (13, true, true),
        (12, true, false), (13, false, false),
    ])
    func checksAndSets(expected: UInt64?, isThere: Bool, isDone: Bool) throws {
        var fixture = Fixture.withRootKey()
        fixture.apply(.noop)
        if isThere { #expect(fixture.apply(.variableWrite(fixture.write("a", "old"))).index == 13) }
        let before = fixture.variable("a")
        var write = fixture.write("a", "new")
        write.expectedIndex = expected
        let outcome = fixture.apply(.variableWrite(write))
        #expect((outcome.refusal == nil) == isDone)
        if !isDone {
            #expect(outcome.refusal?.kind == .conflict && outcome.variable == before)
            #expect(fixture.variable("a") == before && outcome.variables.isEmpty && outcome.tables.isEmpty)
        }
        var deletion = VariableDeletion(key: write.key)
        deletion.expectedIndex = (fixture.variable("a")?.metadata.modifyIndex ?? 0) + 1
        #expect(fixture.apply(.variableDelete(deletion)).refusal?.kind == .conflict)
        deletion.expectedIndex = fixture.variable("a")?.metadata.modifyIndex
        #expect(fixture.apply(.variableDelete(deletion)).refusal == nil && fixture.variable("a") == nil)
        #expect(fixture.apply(.variableDelete(VariableDeletion(key: write.key))).variables.isEmpty)
    }

    @Test func onlyTheHolderWritesWhileItIsLocked() throws {
        var fixture = Fixture.withRootKey()
        fixture.apply(.variableWrite(fixture.write("a", "old")))
        var acquisition = fixture.write("a")
        acquisition.sealed = nil
        acquisition.lock = fixture.lock(1)
        #expect(fixture.apply(.variableWrite(acquisition)).refusal == nil)
        #expect(fixture.variable("a")?.sealed.bytes == Array("old".utf8), "items are kept")
        var other = acquisition
        other.lock = fixture.lock(2)
        let conflict = fixture.apply(.variableWrite(other))
        #expect(conflict.refusal?.kind == .conflict && conflict.variable?.metadata.lock == fixture.lock(1))
        #expect(fixture.apply(.variableWrite(fixture.write("a", "x"))).refusal?.kind == .conflict)
        #expect(fixture.apply(.variableDelete(VariableDeletion(key: other.key))).refusal?.kind == .conflict)
        var held = fixture.write("a", "new")
        held.heldLock = fixture.lock(1).id
        #expect(fixture.apply(.variableWrite(held)).refusal == nil)
        #expect(fixture.variable("a")?.metadata.lock == fixture.lock(1))
        // Acquired again by its holder it is kept, with the terms it has.
        var again = acquisition
        again.lock?.ttl = DurationText(.seconds(77))
        #expect(fixture.apply(.variableWrite(again)).refusal == nil)
        #expect(fixture.variable("a")?.metadata.lock == fixture.lock(1))
        // Without a lock nobody can say to hold one.
        var stray = fixture.write("b")
        stray.heldLock = fixture.lock(3).id
        #expect(fixture.apply(.variableWrite(stray)).refusal?.kind == .conflict)
    }

    @Test func aLapsedLockIsNobodysUntilItIsFree() throws {
        var fixture = Fixture.withRootKey()
        var acquisition = fixture.write("a")
        acquisition.lock = fixture.lock(1)
        fixture.apply(.variableWrite(acquisition))
        let lock = VariableUnlock.Lock(key: acquisition.key, id: fixture.lock(1).id)
        func unlock(_ step: VariableUnlock.Step) -> StateEntry {
            .variableUnlock(VariableUnlock(step: step, locks: [lock], time: fixture.time))
        }
        #expect(fixture.apply(unlock(.freed)).variables.isEmpty, "it has not lapsed")
        #expect(fixture.apply(unlock(.lapsed)).variables == [acquisition.key])
        #expect(fixture.apply(unlock(.lapsed)).variables.isEmpty)
        var held = fixture.write("a")
        held.heldLock = lock.id
        #expect(fixture.apply(.variableWrite(held)).refusal?.kind == .conflict)
        #expect(fixture.apply(unlock(.released)).refusal?.kind == .conflict, "its holder has lost it")
        var other = acquisition
        other.lock = fixture.lock(2)
        #expect(fixture.apply(.variableWrite(other)).refusal?.kind == .conflict)
        #expect(fixture.apply(unlock(.freed)).variables == [acquisition.key])
        #expect(fixture.apply(.variableWrite(other)).refusal == nil)
        #expect(fixture.apply(unlock(.lapsed)).variables.isEmpty, "it is locked by another holder")
        let release = VariableUnlock.Lock(key: acquisition.key, id: fixture.lock(2).id)
        fixture.apply(.variableUnlock(VariableUnlock(step: .released, locks: [release], time: fixture.time)))
        #expect(fixture.variable("a")?.metadata.lock == nil)
    }

    @Test func namespacesAndKeysMustBeThere() {
        var fixture = Fixture.withRootKey()
        let elsewhere = VariableKey(namespace: "team", path: "a")
        let write = VariableWrite(key: elsewhere, sealed: .empty, time: fixture.time)
        #expect(fixture.apply(.variableWrite(write)).refusal?.kind == .invalid)
        fixture.setNamespace("team", quota: "")
        #expect(fixture.apply(.variableWrite(write)).refusal == nil)
        let refusal = fixture.apply(.namespaceDelete(name: "team")).refusal
        #expect(refusal?.message.contains("has at least one variable, \"a\"") == true)
        let gone = fixture.write("b", key: ID(high: 1, low: 1))
        #expect(fixture.apply(.variableWrite(gone)).refusal?.kind == .outdated)
    }

    @Test func rotationAndDeletionOfKeys() {
        var fixture = Fixture.withRootKey()
        fixture.apply(.variableWrite(fixture.write("a", "old")))
        func states() -> [RootKeyMeta.State] { fixture.snapshot.rootKeys.map(\.state) }
        var addition = RootKeyAddition(id: ID(high: 7, low: 2), time: fixture.time)
        addition.publishTime = Timestamp(seconds: 1)
        fixture.apply(.rootKeyAdd(addition))
        #expect(states() == [.active, .prepublished])
        addition.publishTime = .never
        fixture.apply(.rootKeyAdd(addition))
        #expect(states() == [.inactive, .active] && fixture.snapshot.activeRootKey?.keyID == addition.id)
        #expect(fixture.apply(.rootKeyAdd(addition)).refusal?.kind == .invalid, "it is active already")
        let last = ID(high: 7, low: 3)
        addition = RootKeyAddition(id: last, time: fixture.time)
        addition.rekeys = true
        fixture.apply(.rootKeyAdd(addition))
        #expect(states() == [.rekeying, .rekeying, .active])

        fixture.apply(.variableReseal(VariableResealing(items: [])))
        #expect(states() == [.rekeying, .deprecated, .active], "one is still in use")
        #expect(fixture.apply(.rootKeyDelete(RootKeyDeletion(id: last))).refusal?.kind == .invalid)
        #expect(fixture.apply(.rootKeyDelete(RootKeyDeletion(id: Fixture.rootKey))).refusal?.kind == .invalid)
        let index = fixture.variable("a")?.metadata.modifyIndex ?? 0
        let sealed = SealedItems(keyID: last, bytes: [1])
        let key = VariableKey(namespace: "default", path: "a")
        for modifyIndex in [index + 1, index] {
            fixture.apply(
                .variableReseal(
                    VariableResealing(items: [.init(key: key, modifyIndex: modifyIndex, sealed: sealed)])))
            #expect((fixture.variable("a")?.sealed == sealed) == (modifyIndex == index))
        }
        #expect(fixture.variable("a")?.metadata.modifyIndex == index, "readers see no change")
        fixture.apply(.variableReseal(VariableResealing(items: [])))
        #expect(states() == [.deprecated, .deprecated, .active])
        #expect(fixture.apply(.rootKeyDelete(RootKeyDeletion(id: Fixture.rootKey))).refusal == nil)
        #expect(fixture.apply(.rootKeyDelete(RootKeyDeletion(id: Fixture.rootKey))).refusal?.kind == .notFound)
        fixture.apply(.variableWrite(fixture.write("b", key: ID(high: 7, low: 2))))
        #expect(fixture.apply(.rootKeyDelete(RootKeyDeletion(id: ID(high: 7, low: 2)))).refusal?.kind == .invalid)
        #expect(fixture.apply(.rootKeyDelete(RootKeyDeletion(id: ID(high: 7, low: 2), force: true))).refusal == nil)
        #expect(states() == [.active])
    }

    @Test func listsPageByPath() throws {
        var fixture = Fixture.withRootKey()
        fixture.setNamespace("team", quota: "")
        for path in ["a/1", "a/2", "b"] { fixture.apply(.variableWrite(fixture.write(path))) }
        let other = VariableKey(namespace: "team", path: "a/3")
        fixture.apply(.variableWrite(VariableWrite(key: other, sealed: .empty, time: fixture.time)))
        func paths(_ change: (inout ListRequest) -> Void) throws -> String {
            var request = ListRequest()
            change(&request)
            let page = try fixture.snapshot.listVariables(request)
            let list = try JSONParser.parse(page.body).array ?? []
            return list.compactMap { $0["Path"]?.string }.joined(separator: " ") + "|" + page.nextToken
        }
        #expect(try paths { _ in } == "a/1 a/2 b|")
        #expect(try paths { $0.prefix = "a/" } == "a/1 a/2|")
        #expect(try paths { $0.namespace = "*" } == "a/1 a/2 b a/3|")
        #expect(try paths { ($0.namespace, $0.prefix) = ("*", "a") } == "a/1 a/2 a/3|")
        #expect(try paths { $0.reverse = true } == "b a/2 a/1|")
        #expect(try paths { $0.perPage = 2 } == "a/1 a/2|default.b")
        #expect(try paths { ($0.perPage, $0.nextToken) = (2, "default.b") } == "b|")
        #expect(try paths { $0.filter = { $0["Path"]?.string == "b" } } == "b|")
        #expect(try fixture.snapshot.listVariables(ListRequest()).body.contains(Array("sealed".utf8)) == false)
    }

    /// Log and snapshot hold all of it.
    @Test func formsAreRead() throws {
        var fixture = Fixture.withRootKey()
        var write = fixture.write("a/b")
        write.expectedIndex = 0
        write.lock = fixture.lock(1)
        let key = VariableKey(namespace: "default", path: "c")
        let lock = VariableUnlock.Lock(key: write.key, id: fixture.lock(1).id)
        var held = fixture.write("c")
        (held.sealed, held.heldLock) = (nil, fixture.lock(4).id)
        var deletion = VariableDeletion(key: key)
        (deletion.expectedIndex, deletion.heldLock) = (3, fixture.lock(2).id)
        var addition = RootKeyAddition(id: ID(high: 7, low: 2), time: fixture.time)
        (addition.publishTime, addition.rekeys) = (Timestamp(seconds: 5), true)
        let item = VariableResealing.Item(
            key: key, modifyIndex: 13, sealed: SealedItems(keyID: Fixture.rootKey, bytes: [0, 255]))
        let entries: [StateEntry] = [
            .variableWrite(write), .variableWrite(fixture.write("c")), .variableWrite(held), .variableDelete(deletion),
            .variableReseal(VariableResealing(items: [item])),
            .variableUnlock(VariableUnlock(step: .lapsed, locks: [lock], time: fixture.time)),
            .rootKeyAdd(addition), .rootKeyDelete(RootKeyDeletion(id: Fixture.rootKey, force: true)),
        ]
        for entry in entries {
            #expect(try StateEntry(decoding: entry.encoded) == entry)
            for count in 0..<entry.encoded.count {
                #expect(throws: CodecError.self) { try StateEntry(decoding: entry.encoded.prefix(count)) }
            }
            fixture.apply(entry)
        }
        #expect(entries.map(\.kindNumber) == [20, 20, 20, 21, 23, 22, 24, 25])
        var reader = SnapshotReader()
        for byte in fixture.snapshot.encoded { try reader.read([byte]) }
        let restored = try reader.finish().snapshot()
        #expect(restored.encoded == fixture.snapshot.encoded && restored.rootKeys == fixture.snapshot.rootKeys)
        #expect(
            restored.variable(write.key) == fixture.variable("a/b") && restored.variable(key) == fixture.variable("c"))
        #expect(fixture.variable("a/b")?.isLapsed == true && fixture.variable("c")?.sealed.bytes == [0, 255])
    }

    /// A write as it stands in the log: kind, time (zigzag), namespace, path, sealed, check, lock held, no lock acquired.
    @Test func bytesOfAWrite() {
        var write = VariableWrite(
            key: VariableKey(namespace: "ns", path: "p"),
            sealed: SealedItems(keyID: ID(high: 1, low: 2), bytes: [5, 6]),
            time: Timestamp(nanoseconds: 3))
        write.expectedIndex = 300
        write.heldLock = ID(high: 3, low: 4)
        let number: (UInt8) -> [UInt8] = { [$0, 0, 0, 0, 0, 0, 0, 0] }
        var expected: [UInt8] = [20, 6, 2, 0x6e, 0x73, 1, 0x70, 1]
        expected += number(1) + number(2) + [2, 5, 6]  // sealed: key, bytes
        expected += [1, 0xac, 0x02] + number(3) + number(4) + [0]
        #expect(StateEntry.variableWrite(write).encoded == expected)
    }
}
