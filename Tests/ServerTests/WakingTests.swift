import Basics
import FragmentationSchedulerPlugin
import Model
import RPC
import SimulatedSeam
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

    /// One freed place on full nodes wakes one of many that wait for it, the oldest, though all of them might have it; each gets
    /// its turn.
    @Test func aFreedPlaceWakesOneAfterTheOther() throws {
        try ServerFixture.run(nodes: 1) { fixture in
            let fitting = FragmentationScheduler()
            fixture.schedulers.tell("service", .ask { try fitting.answer($0, $1) })
            let running = (0..<15).map { "run\($0)" }
            for name in running { _ = try await fixture.place(ServerFixture.job(name)) }
            var small = ServerFixture.job("small")
            small.taskGroups[0].tasks[0].resources?.cpu = 400
            _ = try await fixture.place(small)
            let names = (0..<8).map { "job\($0)" }
            for name in names { _ = try await fixture.place(ServerFixture.job(name)) }
            #expect(names.allSatisfy { fixture.nodes(of: $0).isEmpty })
            for (position, name) in names.enumerated() {
                let index = fixture.server.snapshot.index
                if position == 3 {
                    try await fixture.stop("small")
                    try await fixture.sleep(.seconds(1))
                    let processed = names.dropFirst(position).filter { fixture.lastChange(of: $0) > index }
                    #expect(processed == [name], "400 MHz and the 100 that were left beside it are one place")
                } else {
                    try await fixture.stop(running[position])
                    try await fixture.sleep(.seconds(1))
                    let processed = names.dropFirst(position).filter { fixture.lastChange(of: $0) > index }
                    #expect(processed == [name])
                }
                #expect(!fixture.nodes(of: name).isEmpty)
            }
        }
    }

    /// A job in the middle of an update waits for room as others do, but for its own nodes, where it may stop what it has.
    @Test func roomThatIsTooSmallWakesNoUpdate() throws {
        try ServerFixture.run(nodes: 2) { fixture in
            let fitting = FragmentationScheduler()
            fixture.schedulers.tell("service", .ask { try fitting.answer($0, $1) })
            let names = (0..<47).map { "run\($0)" }
            var web = ServerFixture.job("web")
            for job in [web] + names.map({ ServerFixture.job($0) }) { _ = try await fixture.place(job) }
            let own = fixture.nodes(of: "web")
            let mates = names.filter { fixture.nodes(of: $0) == own }
            let others = names.filter { fixture.nodes(of: $0) != own }
            web.taskGroups[0].tasks[0].resources?.cpu = 1_000
            _ = try await fixture.place(web)
            let index = fixture.server.snapshot.index
            try await fixture.stop(try #require(others.first))
            try await fixture.sleep(.seconds(1))
            #expect(fixture.lastChange(of: "web") <= index)
            try await fixture.stop(try #require(mates.first))
            try await fixture.sleep(.seconds(1))
            let live = fixture.server.snapshot.allocations(ofJob: "web", namespace: "default").filter { !$0.isTerminal }
            #expect(live.map(\.jobVersion) == [1] && live.map(\.node) == own)
        }
    }

    /// Where an instance ended, one more may go to any node of its value, though another job has the room on its own.
    @Test func anEndedInstanceMakesRoomElsewhere() throws {
        try ServerFixture.run(nodes: 2) { fixture in
            let fitting = FragmentationScheduler()
            for type in ["service", "batch"] { fixture.schedulers.tell(type, .ask { try fitting.answer($0, $1) }) }
            var job = ServerFixture.job("limited", type: .batch, count: 2)
            var constraint = Constraint()
            (constraint.lTarget, constraint.operand, constraint.rTarget) = (
                "${node.pool}", "distinct_property", "1"
            )
            job.constraints = [constraint]
            _ = try await fixture.place(job)
            let first = try #require(
                fixture.server.snapshot.allocations(ofJob: "limited", namespace: "default").first)
            let names = (0..<47).map { "run\($0)" }
            for name in names { _ = try await fixture.place(ServerFixture.job(name)) }
            for isMate in [true, false] {
                let name = names.first { (fixture.nodes(of: $0) == [first.node]) == isMate }
                try await fixture.stop(try #require(name))
            }
            var rival = ServerFixture.job("rival", priority: 90)
            rival.taskGroups[0].tasks[0].resources?.cpu = 1_000
            _ = try await fixture.place(rival)
            #expect(fixture.nodes(of: "rival").isEmpty && fixture.nodes(of: "limited") == [first.node])
            try await fixture.complete(first.id)
            try await fixture.sleep(.seconds(1))
            #expect(fixture.nodes(of: "rival") == [first.node])
            #expect(fixture.nodes(of: "limited").count == 1 && fixture.nodes(of: "limited") != [first.node])
        }
    }

    /// A job whose priority is lowered while it runs may be evicted from then on, by who waits.
    @Test func aLoweredPriorityWakesWhoMayEvict() throws {
        try ServerFixture.run(nodes: 1) { fixture in
            let fitting = FragmentationScheduler()
            fixture.schedulers.tell("service", .ask { try fitting.answer($0, $1) })
            try await fixture.configure { $0.preemptionConfig.serviceSchedulerEnabled = true }
            var low = ServerFixture.job("low", count: 16, priority: 70)
            _ = try await fixture.place(low)
            _ = try await fixture.place(ServerFixture.job("high", priority: 75))
            #expect(fixture.nodes(of: "low").count == 16 && fixture.nodes(of: "high").isEmpty)
            low.priority = 40
            _ = try await fixture.place(low)
            try await fixture.sleep(.seconds(1))
            #expect(fixture.nodes(of: "low").count == 15 && fixture.nodes(of: "high").count == 1)
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
                try await fixture.stop(name)
                try await fixture.sleep(.seconds(1))
                // Of those that wait on, none was processed.
                let processed = names.dropFirst(position + 2).filter { fixture.lastChange(of: $0) > index }
                #expect(processed.isEmpty)
            }
        }
    }
}

extension ServerFixture {
    fileprivate func stop(_ job: String) async throws {
        var stop = DeregisterJob()
        stop.jobID = job
        _ = try await call(stop)
    }

    /// An allocation has done its work.
    fileprivate func complete(_ id: ID) async throws {
        var update = AllocationUpdate()
        (update.id, update.clientStatus) = (id, .complete)
        let reports = AllocationReports(updates: [update], time: world.loop.now)
        _ = try await server.propose(.allocationUpdates(reports))
    }

    /// Where a job's live allocations are.
    fileprivate func nodes(of job: String) -> [NodeRow] {
        server.snapshot.allocations(ofJob: job, namespace: "default").filter { !$0.isTerminal }.map(\.node)
    }

    /// When one of the job's evaluations last changed.
    fileprivate func lastChange(of job: String) -> UInt64 {
        server.snapshot.evaluations(ofJob: job, namespace: "default").map(\.modifyIndex).max() ?? 0
    }
}
