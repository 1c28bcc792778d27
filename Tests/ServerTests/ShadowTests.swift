import Basics
import Model
import PluginHost
import Scheduling
import SimulatedSeam
import StateStore
import Testing

@testable import Server

/// A scheduler in the shadow is asked and compared, and changes nothing.
@Suite struct ShadowTests {
    @Test func answersAreComparedAndNotApplied() throws {
        try ServerFixture.run { fixture in
            fixture.schedulers.tell("bold", .last)
            try await fixture.configure { $0.shadow.plugin = "bold" }
            let report = try #require(try await fixture.place(ServerFixture.job("web", count: 3)))
            #expect(Set(report.allocations.map(\.nodeName)) == ["node-0"])
            try await fixture.sleep(.seconds(1))
            fixture.schedulers.tell("bold", .first)
            _ = try await fixture.place(ServerFixture.job("api", count: 2))
            try await fixture.sleep(.seconds(1))
            let shadow = try await fixture.status().shadow
            #expect(shadow.target.plugin == "bold")
            #expect(shadow.compared == 2 && shadow.asked == 5 && shadow.agreed == 2)
            #expect(shadow.active.placed == 5 && shadow.shadow.placed == 5)
            #expect(shadow.active.meanScore == 0.5 && shadow.shadow.meanScore == 0.5)
            #expect(shadow.faults == 0 && shadow.dropped == 0)
            #expect(fixture.server.snapshot.allocationCount == 5)
        }
    }

    @Test func faultsAreCountedAndTheShadowPutAside() throws {
        try ServerFixture.run { fixture in
            fixture.schedulers.tell("bold", .nowhere)
            try await fixture.configure { $0.shadow.plugin = "bold" }
            for number in 0..<5 {
                let report = try #require(try await fixture.place(ServerFixture.job("web\(number)")))
                #expect(report.status == .complete && report.statusDescription.isEmpty)
                try await fixture.sleep(.seconds(1))
            }
            let status = try await fixture.status()
            #expect(status.shadow.faults == 3 && status.shadow.dropped == 2 && status.shadow.compared == 0)
            #expect(status.shadow.lastFault.contains("must not use"), "\(status.shadow.lastFault)")
            #expect(status.faults.isEmpty, "a shadow's faults are none of the cluster's")
        }
    }

    @Test func onlyWhatItIsForIsTriedAndAnotherTargetBeginsAnew() throws {
        try ServerFixture.run { fixture in
            try await fixture.configure {
                $0.shadow.plugin = "bold"
                $0.shadow.jobType = "batch"
            }
            _ = try await fixture.place(ServerFixture.job("web"))
            _ = try await fixture.place(ServerFixture.job("sum", type: .batch))
            try await fixture.sleep(.seconds(1))
            #expect(try await fixture.status().shadow.compared == 1)
            try await fixture.configure { $0.shadow.jobType = "service" }
            _ = try await fixture.place(ServerFixture.job("api"))
            try await fixture.sleep(.seconds(1))
            let shadow = try await fixture.status().shadow
            #expect(shadow.compared == 1 && shadow.target.jobType == "service")
            try await fixture.configure { $0.shadow.plugin = "" }
            _ = try await fixture.place(ServerFixture.job("off"))
            try await fixture.sleep(.seconds(1))
            #expect(fixture.schedulers.calls(of: "bold") == 2)
        }
    }

    /// Allocations to evict are offered to the shadow where they were offered to the scheduler it shadows.
    @Test(arguments: [(preempts: false, asked: 1), (true, 2)])
    func theShadowMayEvictWhereTheSchedulerMight(preempts: Bool, asked: Int) throws {
        try ServerFixture.run { fixture in
            _ = try await fixture.place(ServerFixture.job("low", priority: 10))
            fixture.schedulers.tell("service", .answer([]))
            fixture.schedulers.tell("bold", .answer([]))
            try await fixture.configure {
                $0.shadow.plugin = "bold"
                $0.preemptionConfig.serviceSchedulerEnabled = preempts
            }
            let before = fixture.schedulers.calls(of: "service")
            _ = try await fixture.place(ServerFixture.job("high", priority: 70))
            try await fixture.sleep(.seconds(1))
            #expect(fixture.schedulers.calls(of: "service") - before == asked)
            #expect(fixture.schedulers.calls(of: "bold") == asked)
            let shadow = try await fixture.status().shadow
            #expect(shadow.compared == 1 && shadow.faults == 0)
        }
    }

    @Test func whileItIsBusyOneWaitsAndTheRestIsDropped() throws {
        try ServerFixture.run { fixture in
            try await fixture.configure { $0.shadow.plugin = "bold" }
            _ = try await fixture.place(ServerFixture.job("web"))
            var evaluation = Evaluation()
            evaluation.namespace = "default"
            evaluation.jobID = "web"
            evaluation.type = .service
            evaluation.priority = 50
            var job = ServerFixture.job("web", count: 2)
            job.namespace = "default"
            let decision = try fixture.server.decide(
                evaluation, on: fixture.server.snapshot, job: job.canonicalized(), with: EvaluationProcessor())
            let idle = ShadowPipeline(time: fixture.world.loop)
            for _ in 0..<4 { idle.offer(decision, of: evaluation) }
            #expect(idle.report.dropped == 3)
        }
    }
}
