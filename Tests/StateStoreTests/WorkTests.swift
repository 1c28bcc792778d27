import Basics
import Model
import Testing

@testable import StateStore

/// What live allocations ask for, as schedulers are told of it.
@Suite struct WorkTests {
    @Test func equalAsksOfDifferentJobsAreOneShape() {
        var fixture = Fixture()
        _ = fixture.addNodes(2)
        for (id, cpu) in [("a", 100), ("b", 100), ("c", 200)] {
            fixture.register(fixture.asking(id, cpu: cpu))
            fixture.apply(.plans([fixture.plan(id, count: 2)]))
        }
        #expect(fixture.told == [100: 4, 200: 2])
        #expect(fixture.snapshot.commonWork.counts.map(\.count) == [4, 2])
    }

    @Test func devicesMakeAShapeOfTheirOwn() {
        var fixture = Fixture()
        _ = fixture.addNodes(1)
        for share in [nil, 0.5, 0.25] as [Double?] {
            var job = fixture.asking("job\(share ?? 0)", cpu: 100)
            var device = RequestedDevice()
            device.name = "gpu"
            device.share = share
            if share != nil { job.taskGroups[0].tasks[0].resources?.devices = [device] }
            fixture.register(job)
            fixture.apply(.plans([fixture.plan(job.id, count: 1)]))
        }
        let shares = fixture.snapshot.commonWork.counts.map { $0.shape.device?.share ?? 0 }
        #expect(Set(shares) == [0, 0.25, 0.5] && shares.count == 3)
    }

    @Test func whatEndsIsNoLongerCounted() {
        var fixture = Fixture()
        _ = fixture.addNodes(1)
        fixture.register(fixture.asking("a", cpu: 100))
        let plan = fixture.plan("a", count: 3)
        fixture.apply(.plans([plan]))
        let ids = plan.placements[0].ids
        fixture.send([fixture.report(ids[0], .complete)])
        #expect(fixture.told == [100: 2])
        var stop = fixture.plan("a", count: 0)
        stop.stops = ids.map { PlannedStop(id: $0, description: "stop") }
        fixture.apply(.plans([stop]))
        #expect(fixture.told.isEmpty && fixture.snapshot.liveWork.isEmpty)
    }

    @Test func anUpdateInPlaceMovesWorkToItsNewShape() {
        var fixture = Fixture()
        _ = fixture.addNodes(1)
        fixture.register(fixture.asking("a", cpu: 100))
        let plan = fixture.plan("a", count: 2)
        fixture.apply(.plans([plan]))
        fixture.register(fixture.asking("a", cpu: 150))
        var update = fixture.plan("a", count: 0)
        update.inPlaceUpdates = plan.placements[0].ids
        fixture.apply(.plans([update]))
        #expect(fixture.told == [150: 2])
    }

    /// Schedulers forget all they know of nodes when they are told anew.
    @Test func anEighthHasToChangeBeforeItIsToldAnew() {
        var fixture = Fixture()
        _ = fixture.addNodes(1)
        fixture.register(fixture.asking("a", cpu: 100))
        fixture.apply(.plans([fixture.plan("a", count: 80)]))
        let first = fixture.snapshot.commonWork
        fixture.apply(.plans([fixture.plan("a", count: 10)]))
        #expect(fixture.snapshot.commonWork === first && fixture.snapshot.liveWork.map(\.count) == [90])
        fixture.apply(.plans([fixture.plan("a", count: 1)]))
        #expect(fixture.snapshot.commonWork !== first && fixture.told == [100: 91])
    }

    @Test func onlyTheCommonestAreTold() {
        var fixture = Fixture()
        _ = fixture.addNodes(4)
        for number in 1...300 {
            fixture.register(fixture.asking("job\(number)", cpu: number))
            fixture.apply(.plans([fixture.plan("job\(number)", count: number > 290 ? 2 : 1)]))
        }
        fixture.apply(.plans([fixture.plan("job300", count: 60)]))
        let counts = fixture.snapshot.commonWork.counts
        #expect(counts.count == CommonWork.shapeCountMax && fixture.snapshot.liveWork.count == 300)
        #expect(counts.first?.shape.resources.cpu == 300 && counts.prefix(10).allSatisfy { $0.count >= 2 })
    }

    @Test(arguments: 1...20)
    func whatIsKeptIsARecountAndSurvivesASnapshot(seed: Int) throws {
        var history = History(seed: UInt64(seed))
        history.run(200)
        let snapshot = history.fixture.snapshot
        var counted: [UInt64: Int] = [:]
        for node in 0..<snapshot.nodeRowLimit {
            for row in snapshot.allocations(ofNode: node) where !row.isTerminal {
                counted[snapshot.jobVersion(of: row).work[row.groupIndex].key, default: 0] += 1
            }
        }
        #expect(Self.byKey(snapshot.liveWork) == counted)
        var reader = SnapshotReader()
        try reader.read(snapshot.encoded)
        let restored = try reader.finish().snapshot()
        #expect(Self.byKey(restored.liveWork) == counted && Self.byKey(restored.commonWork.counts) == counted)
    }

    private static func byKey(_ counts: [WorkCount]) -> [UInt64: Int] {
        Dictionary(uniqueKeysWithValues: counts.map { ($0.shape.key, $0.count) })
    }
}

extension Fixture {
    fileprivate func asking(_ id: String, cpu: Int) -> Job {
        var job = job(id)
        job.taskGroups[0].tasks[0].resources?.cpu = cpu
        return job
    }

    /// Counts that are told, by CPU.
    fileprivate var told: [Int64: Int] {
        Dictionary(uniqueKeysWithValues: snapshot.commonWork.counts.map { ($0.shape.resources.cpu, $0.count) })
    }
}
