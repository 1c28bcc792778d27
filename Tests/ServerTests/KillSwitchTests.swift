import Basics
import Model
import PluginHost
import RPC
import SimulatedSeam
import StateStore
import Testing

@testable import Server

/// A scheduler that fails costs nothing: the stock one places, and what happened is on record.
@Suite struct KillSwitchTests {
    @Test(arguments: [
        (FakeScheduler.Conduct.error(PluginError(.deadline, "bold: place did not answer by its deadline")), "late"),
        (.error(PluginError(.crashed, "bold: signal 11")), "crashed"),
        (.error(PluginError(.garbage, "bold: record at byte 0: cut off")), "malformed"),
        (.error(PluginError(.unavailable, "bold: restarting")), "unavailable"),
        (.error(PluginError(.internal, "bold: out of ideas")), "failed"),
        (.nowhere, "infeasible"), (.answer([1, 2, 3]), "infeasible"),
    ])
    func theStockSchedulerTakesOver(conduct: FakeScheduler.Conduct, kind: String) throws {
        try ServerFixture.run { fixture in
            fixture.schedulers.tell("bold", conduct)
            try await fixture.configure { $0.schedulerAlgorithm = "bold" }
            let report = try #require(try await fixture.place(ServerFixture.job("web", count: 2)))
            #expect(report.status == .complete && report.allocations.count == 2)
            #expect(report.statusDescription.hasPrefix("placed by service: "), "\(report.statusDescription)")
            let status = try await fixture.status()
            let fault = try #require(status.faults.first)
            #expect(status.faults.count == 1)
            #expect(fault.plugin == "bold" && fault.jobID == "web" && fault.evalID == report.evalID)
            #expect(fault.kind.rawValue == kind)
            #expect(report.statusDescription.hasSuffix(fault.reason))
            let records = Dictionary(uniqueKeysWithValues: status.schedulers.map { ($0.name, $0) })
            #expect(records["bold"]?.faults == [kind: 1] && records["bold"]?.answers == 0)
            #expect(records["service"]?.answers == 1 && records["service"]?.faults == [:])
        }
    }

    @Test func aFaultySchedulerIsPutAsideAndAskedAgainLater() throws {
        try ServerFixture.run { fixture in
            fixture.schedulers.tell("bold", .error(PluginError(.crashed, "bold: signal 6")))
            try await fixture.configure { $0.schedulerAlgorithm = "bold" }
            for number in 0..<5 { _ = try await fixture.place(ServerFixture.job("web\(number)")) }
            #expect(fixture.schedulers.calls(of: "bold") == 3)
            let report = try #require(try await fixture.place(ServerFixture.job("spared")))
            #expect(report.statusDescription == "placed by service: bold is put aside after 3 faults in a row")
            let record = try #require(try await fixture.status().schedulers.first { $0.name == "bold" })
            #expect(record.asideUntil > fixture.world.loop.now)

            fixture.schedulers.tell("bold", .last)
            try await fixture.sleep(.seconds(31))
            let good = try #require(try await fixture.place(ServerFixture.job("again")))
            #expect(good.statusDescription.isEmpty)
            let healed = try #require(try await fixture.status().schedulers.first { $0.name == "bold" })
            #expect(healed.asideUntil == .never && healed.answers == 1 && healed.faults == ["crashed": 3])
        }
    }

    @Test func theNewestFaultsAreKept() throws {
        try ServerFixture.run { fixture in
            let journal = SchedulerJournal(time: fixture.world.loop)
            var evaluation = Evaluation()
            for number in 1...UInt64(40) {
                evaluation.id = ID(high: 0, low: number)
                journal.failed(
                    "bold", PluginError(.internal, String(repeating: "x", count: 2_000)), evaluation)
            }
            let status = journal.status(of: fixture.schedulers)
            #expect(status.faults.map(\.evalID.low) == Array(9...40))
            #expect(status.faults.allSatisfy { $0.reason.count == 512 })
            #expect(status.schedulers.first { $0.name == "bold" }?.faults == ["failed": 40])
        }
    }

    @Test func aSchedulerThatIsGoneIsMissed() throws {
        try ServerFixture.run { fixture in
            // As it would be after a restart without the plug-in: the configuration outlives it.
            var configuration = SchedulerConfiguration()
            configuration.schedulerAlgorithm = "gone"
            try await fixture.server.propose(.schedulerConfiguration(.init(configuration: configuration)))
            let report = try #require(try await fixture.place(ServerFixture.job("web")))
            #expect(report.status == .complete)
            let record = try #require(try await fixture.status().schedulers.first { $0.name == "gone" })
            #expect(record.faults == ["unavailable": 1] && record.kinds.isEmpty)
        }
    }
}
