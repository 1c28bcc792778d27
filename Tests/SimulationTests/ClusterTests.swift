import Basics
import Model
import Simulation
import StateStore
import Testing

/// Whole clusters, each from a seed: what must hold holds through everything that befalls them, and one seed gives one
/// trace.
///
/// `SIM_SEED=n swift test --filter ClusterTests` plays one seed and shows the end of its trace, `SIM_LINES=n` lines
/// of it; `SIM_EVENTS=n` makes the run longer and the cluster larger.
@Suite struct ClusterTests {
    /// The seeds of an ordinary run, or the one asked for.
    static var seeds: [UInt64] { TestProgram.seed.map { [$0] } ?? Array(1...10) }

    @Test(arguments: seeds) func promisesHold(seed: UInt64) throws {
        let report = try TestProgram.play(seed)
        #expect(report.violations.isEmpty, "\(report.text())")
        #expect(report.placed > 0, "\(report.text())")
        #expect(report.restarts > 0, "each run ends with a restart at least")
        if TestProgram.seed != nil {
            print(report.text(lineCount: TestProgram.variable("SIM_LINES").flatMap { Int($0) } ?? 40))
            print(report.summary)
        }
    }

    @Test func oneSeedGivesOneTrace() throws {
        let (first, second) = (try TestProgram.play(11), try TestProgram.play(11))
        #expect(first.hash == second.hash, "\(difference(first.lines, second.lines))")
        #expect(try TestProgram.play(12).hash != first.hash)
    }

    /// Swift seeds its hashing anew in every process, so whatever follows the order of a set or dictionary shows here.
    @Test(.enabled(if: TestProgram.seed == nil)) func anotherProcessGivesTheSameTrace() throws {
        let seed: UInt64 = 13
        let here = try TestProgram.play(seed)
        let there = try TestProgram.playElsewhere(seed).split(separator: "\n").map(String.init)
        guard !there.contains(here.summary) else { return }
        let trace = there.filter { $0.first?.isNumber ?? false }
        Issue.record("here: \(here.summary)\n\(difference(here.lines, trace))")
    }

    private func difference(_ left: [String], _ right: [String]) -> String {
        let position = zip(left, right).prefix { $0 == $1 }.count
        let before = left[max(0, position - 5)..<min(left.count, position + 1)].joined(separator: "\n")
        return "differs after \(position) lines:\n\(before)\ninstead: \(right.dropFirst(position).first ?? "nothing")"
    }
}
