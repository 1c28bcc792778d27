import Basics
import Model
import PluginHost
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
        let report = try TestProgram.play(1) { try await crowd($0, names: Array(100..<400)) }
        #expect(report.violations.contains { $0.contains("is oversubscribed") }, "\(report.violations)")
    }

    @Test func doubledNamesAreFound() throws {
        let report = try TestProgram.play(1) { try await crowd($0, names: [100, 100]) }
        #expect(report.violations.contains { $0.contains("has two live allocations") }, "\(report.violations)")
    }

    /// A disk that confirms syncs without doing them loses acknowledged writes with the power.
    @Test func skippedSyncsAreFound() throws {
        let report = try TestProgram.play(2) { $0.syncsLieAfter = .seconds(60) }
        let lost = ["acknowledged", "restored state differs", "before the restart", "cannot start"]
        #expect(report.violations.contains { text in lost.contains { text.contains($0) } }, "\(report.violations)")
    }

    /// A scheduler that puts every other answer's placements on one node: nobody takes its word for it.
    @Test func aCrowdingSchedulerBreaksNothing() throws {
        let report = try TestProgram.play(4) { $0.replaceSchedulers = { CrowdingSchedulers(stock: $0) } }
        #expect(report.violations.isEmpty, "\(report.text())")
        #expect(report.placed > 0)
    }

    /// A scheduler that fails in every way there is, as the cluster's and in the shadow: the stock ones do its work.
    @Test(arguments: [2, 3, 4] as [UInt64]) func aFaultySchedulerBreaksNothing(seed: UInt64) throws {
        let report = try TestProgram.play(seed) { $0.replaceSchedulers = { FaultySchedulers(stock: $0) } }
        #expect(report.violations.isEmpty, "\(report.text())")
        #expect(report.lines.contains { $0.contains(" scheduler rival ") }, "the seed selects it")
        #expect(report.placed > 0)
    }
}
