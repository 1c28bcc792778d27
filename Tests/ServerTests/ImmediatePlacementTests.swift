import Basics
import Model
import RPC
import SimulatedSeam
import StateStore
import Testing

@testable import Server

/// A caller that waits for its job's placement.
@Suite struct ImmediatePlacementTests {
    @Test func theAnswerSaysWhereItWent() throws {
        try ServerFixture.run { fixture in
            var job = ServerFixture.job("web", count: 2)
            var port = Port()
            port.label = "http"
            var network = NetworkResource()
            network.dynamicPorts = [port]
            job.taskGroups[0].networks = [network]
            let before = fixture.world.loop.uptime
            let report = try #require(try await fixture.place(job))
            #expect(fixture.world.loop.uptime - before < .seconds(1))
            #expect(report.status == .complete && report.failed.isEmpty)
            #expect(report.allocations.map(\.name).sorted() == ["web.group[0]", "web.group[1]"])
            for allocation in report.allocations {
                #expect(allocation.nodeName == "node-0" && allocation.taskGroup == "group" && !allocation.nodeID.isNone)
                #expect(allocation.ports.map(\.label) == ["http"])
                #expect((20_000...32_000).contains(allocation.ports.first?.value ?? 0))
            }
        }
    }

    @Test func whatFindsNoRoomSaysWhy() throws {
        try ServerFixture.run(nodes: 0) { fixture in
            let report = try #require(try await fixture.place(ServerFixture.job("web")))
            #expect(report.status == .complete && report.allocations.isEmpty)
            #expect(report.failed["group"] != nil)
        }
    }

    @Test func nobodyWaitsLongerThanTheLimit() throws {
        try ServerFixture.run { fixture in
            try await fixture.configure { $0.pauseEvalBroker = true }
            let before = fixture.world.loop.uptime
            let report = try #require(try await fixture.place(ServerFixture.job("web")))
            let waited = fixture.world.loop.uptime - before
            #expect(waited >= .seconds(5) && waited < .seconds(6))
            #expect(report.status == .pending)
            #expect(report.statusDescription.contains("not processed within 5s"))
        }
    }

    /// A hundred evaluations of the highest priority wait; the one of the lowest that somebody waits for passes them.
    @Test func itGoesAheadOfTheQueue() throws {
        try ServerFixture.run { fixture in
            try await fixture.configure { $0.pauseEvalBroker = true }
            for number in 0..<100 {
                var call = RegisterJob()
                call.job = ServerFixture.job("web\(number)", priority: 100)
                _ = try await fixture.call(call)
            }
            async let waiting = fixture.place(ServerFixture.job("now", priority: 1))
            try await fixture.sleep(.seconds(1))
            try await fixture.configure { $0.pauseEvalBroker = false }
            let report = try #require(try await waiting)
            #expect(report.status == .complete)
            let snapshot = fixture.server.snapshot
            var before = 0
            let placed = try #require(snapshot.evaluation(report.evalID)).modifyIndex
            snapshot.forEachEvaluation { evaluation in
                if evaluation.status == .complete, evaluation.modifyIndex < placed { before += 1 }
                return true
            }
            // Those that workers had taken already are not called back.
            #expect(before <= fixture.server.settings.evaluationsInFlight, "\(before) others were processed before it")
        }
    }

    /// The same call as bytes, as another agent sends it.
    @Test func aRemoteServerAnswersAlike() throws {
        try ServerFixture.run { fixture in
            var call = RegisterJob()
            call.job = ServerFixture.job("web")
            call.placement = .immediate
            let body = Envelope(context: CallContext(), call: call).jsonBytes
            let answer = try await fixture.server.handle(
                RegisterJob.method.rawValue, body, from: CallOrigin(address: "192.0.2.2"))
            let placement = try #require(try JobReply(json: answer).placement)
            #expect(placement.status == .complete && placement.allocations.map(\.name) == ["web.group[0]"])
        }
    }

    @Test func othersAreAnsweredAtOnce() throws {
        try ServerFixture.run { fixture in
            var call = RegisterJob()
            call.job = ServerFixture.job("web")
            let reply = try await fixture.call(call)
            #expect(!reply.evalID.isNone && reply.placement == nil)
        }
    }
}
