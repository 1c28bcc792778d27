import Basics
import Model
import RPC
import StateStore
import Testing

@testable import Server

/// What wakes blocked evaluations on the leader, and how many of them.
@Suite struct WakingTests {
    /// A neighbour that takes room and frees none wakes the job that waits to be beside it.
    @Test func aNeighbourThatArrivesWakesWhoWaitsForIt() throws {
        try ServerFixture.run { fixture in
            var web = ServerFixture.job("web")
            var constraint = Constraint()
            (constraint.lTarget, constraint.operand, constraint.rTarget) = ("${alloc.meta.app}", "=", "cache")
            web.constraints = [constraint]
            #expect(try await fixture.place(web)?.allocations.isEmpty == true)
            _ = try await fixture.place(ServerFixture.job("plain"))
            try await fixture.sleep(.seconds(1))
            #expect(fixture.nodes(of: "web").isEmpty)
            var cache = ServerFixture.job("cache")
            cache.taskGroups[0].meta = ["app": "cache"]
            _ = try await fixture.place(cache)
            try await fixture.sleep(.seconds(1))
            #expect(!fixture.nodes(of: "web").isEmpty && fixture.nodes(of: "web") == fixture.nodes(of: "cache"))
        }
    }

    /// Room for one instance wakes one of many that wait for a quota, the oldest; each gets its turn.
    @Test func roomInAQuotaWakesOneAfterTheOther() throws {
        try ServerFixture.run { fixture in
            var quota = UpsertQuota()
            quota.quota.name = "small"
            var limit = QuotaLimit()
            limit.region = "global"
            limit.regionLimit.cpu = 500
            quota.quota.limits = [limit]
            _ = try await fixture.call(quota)
            var namespace = UpsertNamespace()
            namespace.namespace.name = "default"
            namespace.namespace.quota = "small"
            _ = try await fixture.call(namespace)
            let names = (0..<8).map { "job\($0)" }
            for name in names { _ = try await fixture.place(ServerFixture.job(name)) }
            for (position, name) in names.enumerated() {
                try await fixture.sleep(.seconds(1))
                let running = names.filter { !fixture.nodes(of: $0).isEmpty }
                #expect(running == [name])
                let index = fixture.server.snapshot.index
                var stop = DeregisterJob()
                stop.jobID = name
                _ = try await fixture.call(stop)
                try await fixture.sleep(.seconds(1))
                // Of those that wait on, none was processed.
                let processed = names.dropFirst(position + 2).filter { fixture.lastChange(of: $0) > index }
                #expect(processed.isEmpty)
            }
        }
    }
}

extension ServerFixture {
    /// Where a job's live allocations are.
    fileprivate func nodes(of job: String) -> [NodeRow] {
        server.snapshot.allocations(ofJob: job, namespace: "default").filter { !$0.isTerminal }.map(\.node)
    }

    /// When one of the job's evaluations last changed.
    fileprivate func lastChange(of job: String) -> UInt64 {
        server.snapshot.evaluations(ofJob: job, namespace: "default").map(\.modifyIndex).max() ?? 0
    }
}
