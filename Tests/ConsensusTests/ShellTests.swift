import Basics
import Consensus
import Raft
import Synchronization
import Testing

/// The shell around one server: proposals, batches, restarts, faults.
struct ShellTests {
    @Test func proposalsAreAppliedInOrderAndAnswered() async throws {
        let world = TestWorld()
        try await world.run { consensus, machine in
            for number in 1...50 {
                let applied = try await consensus.propose(.firstApplication, Array("w\(number)".utf8))
                #expect(applied.output == "w\(number)" && applied.index == UInt64(number + 2))
            }
            #expect(machine.applied == (1...50).map { "w\($0)" })
            #expect(try await consensus.barrier() >= 52)
            #expect(consensus.isLeader)
        }
    }

    /// What was decided in one term of leadership is not logged in another.
    @Test func aProposalIsForItsTermOnly() async throws {
        let world = TestWorld()
        try await world.run { consensus, machine in
            try await consensus.barrier()
            let term = consensus.status.term
            for (wanted, text) in [(term - 1, "old"), (term, "now"), (term + 1, "new")] {
                let result: Result<String, ConsensusError> = await withCheckedContinuation { continuation in
                    consensus.submit(.firstApplication, Array(text.utf8), term: wanted) {
                        continuation.resume(returning: $0.map(\.output))
                    }
                }
                #expect(wanted == term ? result == .success("now") : (try? result.get()) == nil)
                if case .failure(let error) = result, case .notLeader = error { continue }
                #expect(wanted == term, "\(result)")
            }
            #expect(machine.applied == ["now"])
        }
    }

    /// While one sync is under way 5,000 more proposals queue; they share the next few.
    @Test func oneSyncCoversAllThatQueued() async throws {
        let gate = Gate()
        let world = TestWorld(beforeSync: { gate.pass() })
        try await world.run { consensus, machine in
            _ = try await consensus.propose(.firstApplication, [0])
            let before = world.disk.syncs
            gate.close()
            let answers = Shared(0)
            let (done, finish) = AsyncStream.makeStream(of: Void.self)
            for number in 0..<5_000 {
                consensus.submit(.firstApplication, Array("\(number)".utf8)) { result in
                    if case .success = result,
                        answers.withLock({
                            $0 += 1; return $0
                        }) == 5_000
                    {
                        finish.finish()
                    }
                }
            }
            gate.open()
            for await _ in done {}
            #expect(machine.applied.count == 5_001)
            #expect(world.disk.syncs - before < 100, "\(world.disk.syncs - before) syncs for 5,000 writes")
        }
    }

    @Test func everythingAcknowledgedIsThereAfterARestart() async throws {
        let world = TestWorld()
        for round in 0..<3 {
            try await world.run { consensus, machine in
                try await consensus.barrier()
                #expect(machine.applied.count == round * 20)
                for number in 0..<20 {
                    _ = try await consensus.propose(.firstApplication, Array("\(round)-\(number)".utf8))
                }
            }
        }
    }

    /// Power fails at random moments, with writes under way; what was answered is there, in order, once.
    @Test(arguments: 1...15)
    func powerFailuresLoseNothingAcknowledged(seed: Int) async throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let world = TestWorld(snapshotAfterBytes: 600)
        let answered = Shared<[String]>([])
        for round in 0..<6 {
            let machine = TestMachine()
            let consensus = try await world.open(machine)
            world.disk.failSync(at: Int.random(in: 1...40, using: &generator))
            let isStopped = try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask {
                    do { try await consensus.run() } catch { return true }; return false
                }
                for writer in 0..<4 {
                    group.addTask {
                        for number in 0..<40 {
                            let name = "\(round)/\(writer)/\(number)"
                            guard (try? await consensus.propose(.firstApplication, Array(name.utf8))) != nil else {
                                break
                            }
                            answered.withLock { $0.append(name) }
                        }
                        return false
                    }
                }
                for _ in 0..<4 { _ = try await group.next() }
                group.cancelAll()
                return try await group.reduce(false) { $0 || $1 }
            }
            _ = isStopped
            world.disk.crash(using: &generator)
        }
        try await world.run { consensus, machine in
            try await consensus.barrier()
            let found = machine.applied
            #expect(Set(found).count == found.count, "something was applied twice; replay: seed \(seed)")
            let missing = answered.withLock { Set($0) }.subtracting(found)
            #expect(missing.isEmpty, "lost: \(missing.sorted()); replay: seed \(seed)")
            for (earlier, later) in zip(found, found.dropFirst()) where earlier.hasWriter(of: later) {
                #expect(earlier.number < later.number)
            }
        }
    }

    @Test func snapshotsBoundTheLog() async throws {
        let world = TestWorld(snapshotAfterBytes: 2_000)
        try await world.run { consensus, machine in
            for number in 0..<600 { _ = try await consensus.propose(.firstApplication, Array("entry \(number)".utf8)) }
            let saved = try await consensus.saveSnapshot()
            #expect(saved.index == consensus.appliedIndex)
            _ = try await consensus.propose(.firstApplication, Array("after".utf8))
        }
        #expect(try world.disk.list("/data/snapshots").count == 1)
        try await world.run { consensus, machine in
            try await consensus.barrier()
            #expect(machine.applied.count == 601 && machine.applied.last == "after")
            #expect(machine.restores == 1)
        }
        #expect(try world.disk.list("/data/log").count <= 4, "600 entries need 13 segments; most must be gone")
    }

    @Test func aSnapshotThatCouldNotBeSavedIsNoneTheNextTime() async throws {
        let world = TestWorld()
        try await world.run { consensus, _ in
            _ = try await consensus.propose(.firstApplication, [1])
            world.disk.limit(to: 0)
            await #expect(throws: ConsensusError.self) { _ = try await consensus.saveSnapshot() }
            await #expect(throws: ConsensusError.self) { _ = try await consensus.saveSnapshot() }
            world.disk.limit(to: .max)
            let saved = try await consensus.saveSnapshot()
            #expect(try world.disk.list("/data/snapshots").count == 1)
            #expect(try await consensus.saveSnapshot() == saved, "it is there already")
        }
    }

    @Test func aSecondAgentOnTheFolderIsRefused() async throws {
        let world = TestWorld()
        try await world.run { _, _ in
            await #expect(throws: ConsensusError.folderInUse(path: "/data/lock")) {
                try await world.open(TestMachine())
            }
        }
        try await world.run { consensus, _ in try await consensus.barrier() }
    }

    /// The writer of the failed batch, all who come later, and `run()` itself get the disk's error.
    @Test func aFailedSyncStopsTheServer() async throws {
        let world = TestWorld()
        let machine = TestMachine()
        let consensus = try await world.open(machine)
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await consensus.run() }
            _ = try? await consensus.propose(.firstApplication, Array("good".utf8))
            world.disk.failSync(at: 1)
            let error = await #expect(throws: ConsensusError.self) {
                try await consensus.propose(.firstApplication, Array("bad".utf8))
            }
            #expect(error?.description.contains("Input/output error") == true)
            await #expect(throws: error ?? .overloaded) { try await group.next() }
            await #expect(throws: error ?? .overloaded) { try await consensus.propose(.firstApplication, []) }
            #expect(machine.applied == ["good"])
        }
    }

    @Test func aStateMachineThatRefusesStopsTheServer() async throws {
        let world = TestWorld()
        let consensus = try await world.open(TestMachine())
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await consensus.run() }
            await #expect(throws: ConsensusError.stopped("unknown entry kind 99")) {
                try await consensus.propose(EntryKind(rawValue: 99), [])
            }
            await #expect(throws: TestMachine.UnknownKind.self) { try await group.next() }
        }
    }

    @Test func proposalsAtTheLimitsAreRefused() async throws {
        let world = TestWorld(waitingCountMax: 10)
        let consensus = try await world.open(TestMachine())
        await #expect(throws: ConsensusError.tooLarge(bytes: (16 << 20) + 1)) {
            try await consensus.propose(.firstApplication, [UInt8](repeating: 0, count: (16 << 20) + 1))
        }
        let refused = Shared(0)
        for _ in 0..<15 {
            consensus.submit(.firstApplication, []) { result in
                if case .failure(.overloaded) = result { refused.withLock { $0 += 1 } }
            }
        }
        #expect(refused.withLock { $0 } == 5)
        try await world.run(consensus) { try await consensus.barrier() }
    }

    @Test func aServerWithoutAGroupSaysThatThereIsNoLeader() async throws {
        let world = TestWorld(isBootstrapped: false)
        try await world.run { consensus, _ in
            await #expect(throws: ConsensusError.notLeader(leader: nil)) {
                try await consensus.propose(.firstApplication, [])
            }
            await #expect(throws: ConsensusError.notLeader(leader: nil)) { try await consensus.barrier() }
        }
    }

    @Test(arguments: [1, 5]) func ticksLastAsLongAsTheMultiplierSays(multiplier: Int) async throws {
        let slept = Shared<[Duration]>([])
        let world = TestWorld(isBootstrapped: false, tickMultiplier: multiplier, slept: slept)
        try await world.run { _, _ in
            while slept.withLock({ $0.count }) < 3 { try await Task.sleep(for: .milliseconds(1)) }
        }
        #expect(Set(slept.withLock { $0 }) == [.milliseconds(4 * multiplier)])
    }

    @Test func aReceivedSnapshotThatNobodyNeededIsRemoved() async throws {
        let world = TestWorld()
        try await world.run { consensus, _ in
            let applied = try await consensus.propose(.firstApplication, Array("x".utf8))
            let metadata = SnapshotMetadata(index: 1, term: 1, membership: consensus.status.membership)
            let incoming = try await consensus.receiveSnapshot(metadata)
            try await incoming.append(Array("old".utf8))
            try await incoming.finish()
            #expect(try world.disk.list("/data/snapshots").contains { $0.hasSuffix(".received") })
            #expect(try await consensus.saveSnapshot().index >= applied.index)
            #expect(try world.disk.list("/data/snapshots").allSatisfy { $0.hasSuffix(".snapshot") })
        }
    }

    @Test func aDamagedSnapshotIsNamed() async throws {
        let world = TestWorld()
        try await world.run { consensus, _ in
            _ = try await consensus.propose(.firstApplication, Array("x".utf8))
            _ = try await consensus.saveSnapshot()
        }
        let path = "/data/snapshots/" + (try #require(try world.disk.list("/data/snapshots").first))
        for place in [3, 20, 40, world.disk.bytes(of: path).count - 20, world.disk.bytes(of: path).count - 1] {
            world.disk.tamper(path) { $0[place] ^= 1 }
            let error = await #expect(throws: ConsensusError.self) { try await world.open(TestMachine()) }
            #expect(error?.description.contains(path) == true)
            world.disk.tamper(path) { $0[place] ^= 1 }
        }
    }

    @Test func aServerThatKnowsNothingBeginsAGroup() async throws {
        let world = TestWorld(isBootstrapped: false)
        let alone = Membership(members: [.init(id: ServerID("s1"), address: "s1")])
        try await world.run { consensus, _ in
            #expect(try await consensus.bootstrap(alone) == 1)
            _ = try await consensus.propose(.firstApplication, Array("x".utf8))
            let progress = try await consensus.progress()
            #expect(progress.lastIndex == 3 && progress.matches.isEmpty, "membership, the leader's empty entry, x")
            await #expect(throws: ConsensusError.membership(.notEmpty)) { try await consensus.bootstrap(alone) }
        }
        try await world.run { consensus, machine in
            while !consensus.isLeader { try await Task.sleep(for: .milliseconds(1)) }
            try await consensus.barrier()
            #expect(machine.applied == ["x"])
        }
    }

    /// What it missed is on no disk any more but in the snapshot.
    @Test func aFollowerThatLagsIsSentTheSnapshot() async throws {
        let group = TestGroup(["a", "b", "c"], snapshotAfterBytes: 1_000, cacheBytesMax: 100)
        try await group.run {
            let leader = await group.leader()
            let name = try #require(["a", "b", "c"].first { group.server($0) !== leader })
            group.cut(ServerID(name))
            // More than one segment of the log, so that the snapshot lets some go.
            let lines = (0..<300).map { "\($0) " + String(repeating: "x", count: 1_000) }
            for line in lines { _ = try await leader.propose(.firstApplication, Array(line.utf8)) }
            _ = try await leader.saveSnapshot()
            group.heal()
            let late = try #require(group.server(name))
            let machine = group.machine(of: late)
            while machine.applied.count < 300 { try await Task.sleep(for: .milliseconds(2)) }
            #expect(machine.applied == lines)
            #expect(machine.restores == 1)
            _ = try await leader.propose(.firstApplication, Array("after".utf8))
            while machine.applied.last != "after" { try await Task.sleep(for: .milliseconds(2)) }
        }
    }

    /// Three servers over an in-memory transport: elect, write, lose the leader, go on with all that was answered.
    @Test func threeServersSurviveTheirLeader() async throws {
        let group = TestGroup(["a", "b", "c"])
        try await group.run {
            let first = await group.leader()
            for number in 0..<30 { _ = try await first.propose(.firstApplication, Array("a\(number)".utf8)) }
            group.cut(first.status.leader)
            let second = await group.leader(otherThan: first.status.leader)
            for number in 0..<30 { _ = try await second.propose(.firstApplication, Array("b\(number)".utf8)) }
            try await second.barrier()
            let machine = group.machine(of: second)
            #expect(machine.applied == (0..<30).map { "a\($0)" } + (0..<30).map { "b\($0)" })
        }
    }
}

extension String {
    fileprivate func hasWriter(of other: String) -> Bool {
        split(separator: "/").dropLast() == other.split(separator: "/").dropLast()
    }

    fileprivate var number: Int { split(separator: "/").last.flatMap { Int($0) } ?? 0 }
}
