import Basics
import Model
import PluginHost
import Raft
import Server
import Simulation
import StateStore
import Testing

/// The checkers find what they are for: each test plants one fault.
@Suite struct CheckerTests {
    /// Placements that no verifier has seen: a job's first group, so many times on the first node, by those names.
    private func crowd(_ agent: ServerAgent, names: [UInt32]) async throws {
        let snapshot = agent.snapshot
        var job = Job()
        snapshot.forEachJob { record in
            if let found = record.job, !found.stop, !found.type.isEachNode { job = found }
            return job.id.isEmpty
        }
        var generator = SeededGenerator(seed: 1)
        var batch = PlacementBatch()
        batch.taskGroup = try #require(job.taskGroups.first).name
        batch.ids = names.map { _ in ID(random: &generator) }
        batch.nodes = names.map { _ in 0 }
        batch.nameIndexes = names
        batch.scores = names.map { _ in 0 }
        var plan = Plan()
        plan.namespace = job.namespace
        plan.jobID = job.id
        plan.jobVersion = job.version
        plan.placements = [batch]
        plan.createTime = Timestamp(seconds: 1_767_225_600)
        try await agent.propose(.plans([plan]))
    }

    @Test func oversubscribedNodesAreFound() throws {
        let report = try TestProgram.play(2) { try await crowd($0, names: Array(100..<400)) }
        #expect(report.violations.contains { $0.contains("is oversubscribed") }, "\(report.violations)")
    }

    @Test func doubledNamesAreFound() throws {
        let report = try TestProgram.play(2) { try await crowd($0, names: [100, 100]) }
        #expect(report.violations.contains { $0.contains("has two live allocations") }, "\(report.violations)")
    }

    /// A disk that confirms syncs without doing them loses acknowledged writes with the power.
    @Test func skippedSyncsAreFound() throws {
        let report = try TestProgram.play(2) { $0.syncsLieAfter = .seconds(60) }
        #expect(Self.tellsOfLoss(report.violations), "\(report.violations)")
    }

    /// The same on three servers, which lose power one at a time and at the end all at once.
    @Test func skippedSyncsOfServersAreFound() throws {
        var found: [String] = []
        for seed in Self.seedsOfThree where found.isEmpty {
            found = try TestProgram.play(seed) { ($0.servers, $0.syncsLieAfter) = (3, .seconds(60)) }.violations
        }
        #expect(Self.tellsOfLoss(found), "\(found)")
    }

    private static func tellsOfLoss(_ violations: [String]) -> Bool {
        let signs = [
            "acknowledged", "Leader Completeness", "Log Matching", "forgot term", "cannot start", "another entry",
            "differs at",
        ]
        return violations.contains { text in signs.contains { text.contains($0) } }
    }

    /// Played with three servers, in which order they show a bug; without it they show nothing.
    private static let seedsOfThree: [UInt64] = Array(101...110)

    /// Each bug of the Raft core shows in some seed by the promise it breaks; the same seed without it breaks none.
    @Test(arguments: [
        (bug: SeededBug.votesTwice, promise: "Election Safety"),
        (.commitsOldTerms, "by counting"),
        (.appliesOutOfOrder, "State Machine Safety"),
    ])
    func bugsOfRaftAreFound(bug: SeededBug, promise: String) throws {
        for seed in Self.seedsOfThree {
            let change: (inout ClusterSettings) -> Void = { ($0.servers, $0.appendBytesMax) = (3, 1) }
            let report = try TestProgram.play(seed) {
                change(&$0)
                $0.seededBug = bug
            }
            // Two leaders of a term may first be seen by what the second one lacks.
            guard report.violations.contains(where: { $0.contains(promise) }) else { continue }
            let sound = try TestProgram.play(seed, change)
            #expect(sound.violations.isEmpty, "\(sound.text(lineCount: TestProgram.lines))")
            return
        }
        Issue.record("no seed of \(Self.seedsOfThree) shows \(bug)")
    }

    /// A server whose pool hears nobody is held for failed while it runs; one that leaves without a goodbye, after it left.
    @Test(arguments: [
        (bug: PoolBug.isDeaf, sign: "server-3.global for failed"), (.leavesSilently, "server-3.global left, and"),
    ])
    func bugsOfThePoolAreFound(bug: PoolBug, sign: String) throws {
        // Of this seed the last of three servers leaves at the end.
        let report = try TestProgram.play(101) {
            ($0.servers, $0.events, $0.chaos) = (3, 5, .seconds(20))
            ($0.isBirthHard, $0.poolBug, $0.settlingMax) = (false, bug, .seconds(300))
        }
        #expect(report.violations.contains { $0.contains(sign) }, "\(report.text())")
    }

    /// A scheduler that puts every other answer's placements on one node: nobody takes its word for it.
    @Test func aCrowdingSchedulerBreaksNothing() throws {
        let report = try TestProgram.play(4) {
            $0.servers = 1
            $0.replaceSchedulers = { CrowdingSchedulers(stock: $0) }
        }
        #expect(report.violations.isEmpty, "\(report.text())")
        #expect(report.placed > 0)
    }

    /// A scheduler that fails in every way there is, as the cluster's and in the shadow: the stock ones do its work.
    @Test(arguments: [2, 3, 4] as [UInt64]) func aFaultySchedulerBreaksNothing(seed: UInt64) throws {
        let report = try TestProgram.play(seed) {
            ($0.servers, $0.scheduler) = (1, "rival")
            $0.replaceSchedulers = { FaultySchedulers(stock: $0) }
        }
        #expect(report.violations.isEmpty, "\(report.text())")
        #expect(report.lines.contains { $0.contains(" scheduler rival ") }, "it is the one chosen")
        #expect(report.placed > 0)
    }
}
