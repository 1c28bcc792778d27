import Basics
import Model
import Testing

@testable import StateStore

/// A random history of a small cluster: the same seed gives the same entries.
struct History {
    var fixture = Fixture()
    var nodes: [ID] = []
    var placed: [ID] = []
    var entries: [(index: UInt64, entry: StateEntry)] = []

    init(seed: UInt64) { fixture.generator = SeededGenerator(seed: seed) }

    mutating func run(_ steps: Int) {
        for _ in 0..<steps {
            guard let entry = next() else { continue }
            fixture.apply(entry)
            entries.append((fixture.index, entry))
        }
    }

    private mutating func pick(_ range: Range<Int>) -> Int { Int.random(in: range, using: &fixture.generator) }

    private mutating func next() -> StateEntry? {
        let time = fixture.time
        let job = "job\(pick(0..<5))"
        let key = JobKey(namespace: "default", id: job)
        switch pick(0..<15) {
        case 0:
            let id = ID(random: &fixture.generator)
            nodes.append(id)
            return .nodeRegister(NodeRegistration(node: fixture.node("n\(nodes.count)", id: id), time: time))
        case 1, 2:
            let types: [JobType] = [.service, .batch, .system]
            let type = types[pick(0..<3)]
            let count = pick(1..<9)
            return .jobRegister(JobRegistration(job: fixture.job(job, type: type, count: count), time: time))
        case 3:
            var request = JobDeregistration(key: key, time: time)
            request.purge = pick(0..<2) == 0
            return .jobDeregister(request)
        case 4, 5, 6: return plan(job)
        case 7, 8:
            guard !placed.isEmpty else { return nil }
            let status = AllocationClientStatus.allCases[pick(0..<6)]
            let events = pick(0..<6)
            let updates = (0..<pick(1..<5)).map { _ in
                fixture.report(placed[pick(0..<placed.count)], status, events: (0..<events).map { "Event \($0)" })
            }
            return .allocationUpdates(AllocationReports(updates: updates, time: time))
        case 9:
            guard !nodes.isEmpty else { return nil }
            let status: NodeStatus = [.ready, .down, .disconnected][pick(0..<3)]
            return .nodeStatus(
                NodeStatusChange(nodes: [nodes[pick(0..<nodes.count)]], status: status, message: "changed", time: time))
        case 10:
            var evaluations = fixture.snapshot.evaluations(ofJob: job, namespace: "default")
            guard var evaluation = evaluations.popLast() else { return nil }
            evaluation.status = EvaluationStatus.allCases[pick(0..<5)]
            return .evaluationsUpdate([evaluation], time: time)
        case 11:
            guard !placed.isEmpty else { return nil }
            var transition = DesiredTransition()
            transition.migrate = true
            let ids = [placed[pick(0..<placed.count)]]
            return .allocationTransition(
                TransitionRequest(allocations: ids, transition: transition, trigger: .allocationStop, time: time))
        case 12: return garbage(key)
        case 13: return quota()
        default:
            var configuration = SchedulerConfiguration()
            configuration.schedulerAlgorithm = pick(0..<2) == 0 ? "spread" : "binpack"
            return .schedulerConfiguration(SchedulerConfigurationChange(configuration: configuration))
        }
    }

    private mutating func plan(_ job: String) -> StateEntry? {
        guard fixture.snapshot.nodeRowLimit > 0, fixture.snapshot.job("default", job) != nil else { return nil }
        let evaluation = fixture.snapshot.evaluations(ofJob: job, namespace: "default").last
        var plan = fixture.plan(job, count: pick(0..<30), evaluation: evaluation?.id ?? .none)
        for _ in 0..<pick(0..<4) where !placed.isEmpty {
            let statuses: [AllocationClientStatus?] = [nil, .lost]
            plan.stops.append(
                PlannedStop(
                    id: placed[pick(0..<placed.count)], description: "stop \(pick(0..<9))",
                    clientStatus: statuses[pick(0..<2)]))
        }
        if !placed.isEmpty, !plan.placements[0].ids.isEmpty {
            plan.placements[0].previous = plan.placements[0].ids.map { _ in ID.none }
            plan.placements[0].previous[0] = placed[pick(0..<placed.count)]
            var tracker = RescheduleTracker()
            tracker.lastReschedule = "ok"
            plan.placements[0].rescheduleTrackers[0] = tracker
            plan.inPlaceUpdates = [placed[pick(0..<placed.count)]]
        }
        placed += plan.placements[0].ids
        return .plans([plan])
    }

    /// A quota, or the default namespace under another one or none.
    private mutating func quota() -> StateEntry {
        let names = fixture.snapshot.quotas.map(\.name)
        guard names.count == 2 else {
            var quota = QuotaSpec()
            quota.name = "quota-\(names.count)"
            return .quotaUpsert(quota)
        }
        var namespace = Namespace()
        namespace.name = "default"
        namespace.quota = (names + [""])[pick(0..<3)]
        return .namespaceUpsert(namespace)
    }

    private func garbage(_ key: JobKey) -> StateEntry {
        var garbage = Garbage()
        garbage.jobs = [key]
        garbage.nodes = nodes
        garbage.allocations = Array(placed.prefix(40))
        garbage.evaluations = fixture.snapshot.evaluations(ofJob: key.id, namespace: key.namespace).map(\.id)
        return .collect(garbage)
    }
}

@Suite struct SnapshotTests {
    /// Found by the fuzzer: five bytes announced four thousand million rows, and all were made.
    @Test func rowsAnnouncedBeyondReasonAreRefused() throws {
        var content = ByteWriter()
        content.number(1 as UInt64)
        content.column([UInt64]())
        content.column([UInt32]())
        content.number(UInt32.max)
        content.number(0 as UInt32)
        var record = ByteWriter()
        record.number(1 as UInt64)
        record.number(content.bytes.count)
        var reader = SnapshotReader()
        #expect(throws: CodecError.self) { try reader.read(record.bytes + content.bytes) }
    }

    private func restored(_ bytes: [UInt8], pieces: Int = 1000) throws -> StateTables {
        var reader = SnapshotReader()
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            try reader.read(Array(bytes[start..<min(bytes.count, start + pieces)]))
        }
        return try reader.finish()
    }

    /// Restored state is the same state: written again it gives the same bytes, and it goes on alike.
    @Test(arguments: 1...12) func restoredStateGoesOnAlike(seed: UInt64) throws {
        var history = History(seed: seed)
        history.run(300)
        let bytes = history.fixture.snapshot.encoded
        var copy = try restored(bytes)
        #expect(copy.snapshot().encoded == bytes)
        let (old, new) = (history.fixture.snapshot, copy.snapshot())
        #expect(new.held(namespace: "default") == old.held(namespace: "default"))
        #expect(new.quotas.map { new.held(quota: $0.name) } == old.quotas.map { old.held(quota: $0.name) })
        history.entries = []
        history.run(100)
        for (index, entry) in history.entries { _ = copy.apply(entry, index: index) }
        #expect(copy.snapshot().encoded == history.fixture.snapshot.encoded)
    }

    /// Entries survive their binary form, and applying decoded ones gives the same state.
    @Test(arguments: 1...6) func replicasAgree(seed: UInt64) throws {
        var history = History(seed: seed)
        history.run(300)
        var replica = StateTables()
        for (index, entry) in history.entries {
            let decoded = try StateEntry(decoding: entry.encoded)
            #expect(decoded == entry)
            _ = replica.apply(decoded, index: index)
        }
        #expect(replica.snapshot().encoded == history.fixture.snapshot.encoded)
    }

    /// Counts kept step by step are what counting everything gives.
    @Test(arguments: 1...12) func countsAreWhatCountingGives(seed: UInt64) throws {
        var history = History(seed: seed)
        history.run(400)
        let snapshot = history.fixture.snapshot
        var usage: [NodeRow: ResourceVector] = [:]
        var live: [JobKey: Int] = [:]
        var held = ResourceVector()
        var total = 0
        for row in 0..<UInt32(snapshot.state.allocations.count) {
            guard !snapshot.state.allocations.hot[Int(row)].has(HotRow.isDead) else { continue }
            total += 1
            let view = snapshot.state.allocationRow(row)
            guard !view.isTerminal else { continue }
            usage[view.node, default: ResourceVector()] += snapshot.usage(of: view)
            live[snapshot.jobVersion(of: view).key, default: 0] += 1
            held += snapshot.jobVersion(of: view).groups[view.groupIndex].resources
        }
        #expect(total == snapshot.allocationCount)
        let quota = snapshot.namespace("default")?.quota ?? ""
        #expect(snapshot.held(namespace: "default") == held)
        for name in snapshot.quotas.map(\.name) {
            #expect(snapshot.held(quota: name) == (name == quota ? held : ResourceVector()))
        }
        for row in 0..<snapshot.nodeRowLimit { #expect(snapshot.nodeUsage(row) == usage[row] ?? ResourceVector()) }
        snapshot.state.jobs.scan { key, record in
            #expect(record.body.liveCount == live[key] ?? 0)
            let open = snapshot.evaluations(ofJob: key.id, namespace: key.namespace).filter { !$0.status.isTerminal }
            #expect(record.openEvaluationCount == open.count)
            return true
        }
        var listed = 0
        for row in 0..<snapshot.nodeRowLimit { listed += snapshot.allocations(ofNode: row).count }
        #expect(listed == total)
    }

    @Test func unknownRecordsAreKept() throws {
        var history = History(seed: 3)
        history.run(50)
        history.fixture.store.state.unknownRecords = [UnknownRecord(kind: 999, content: [1, 2, 3])]
        let bytes = history.fixture.snapshot.encoded
        #expect(try restored(bytes).snapshot().encoded == bytes)
    }

    @Test func damageIsFound() throws {
        var history = History(seed: 4)
        history.run(200)
        let bytes = history.fixture.snapshot.encoded
        #expect(throws: CodecError.self) { try restored(Array(bytes.dropLast(5))) }
        #expect(throws: CodecError.self) { try restored(bytes + [1]) }
        #expect(throws: CodecError.self) { try restored([]) }
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<200 {
            var damaged = bytes
            damaged[Int.random(in: 0..<damaged.count, using: &generator)] ^=
                1 << UInt8.random(in: 0..<8, using: &generator)
            _ = try? restored(damaged, pieces: 4096)
        }
    }

    @Test func damagedEntriesAreErrorsNotCrashes() throws {
        var history = History(seed: 5)
        history.run(120)
        var generator = SeededGenerator(seed: 2)
        for (_, entry) in history.entries {
            let bytes = entry.encoded
            for _ in 0..<20 {
                var damaged = bytes
                damaged[Int.random(in: 0..<damaged.count, using: &generator)] = UInt8.random(
                    in: 0...255, using: &generator)
                _ = try? StateEntry(decoding: damaged.prefix(Int.random(in: 0...damaged.count, using: &generator)))
            }
        }
        #expect(throws: CodecError.self) { try StateEntry(decoding: [200]) }
    }
}
