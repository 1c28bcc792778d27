import Basics
import Linux
import Testing

@testable import TraceSimulation

/// Runs with the random baseline, and the figures they give.
@Suite struct RunTests {
    @Test func tasksComeUntilEnoughIsAskedFor() throws {
        let trace = Self.mixed
        let events = trace.shuffledArrivals(seed: 7, percent: 130)
        let asked = events.reduce(Int64(0)) { sum, event in
            guard case .arrival(let task) = event else { return sum }
            return sum + trace.shape(task).deviceMilli
        }
        #expect(asked >= trace.deviceCapacity * 130 / 100)
        #expect(asked < trace.deviceCapacity * 130 / 100 + 2_000)
        #expect(events == trace.shuffledArrivals(seed: 7, percent: 130))
        #expect(events != trace.shuffledArrivals(seed: 8, percent: 130))
    }

    @Test func equalSeedsGiveEqualPlacements() throws {
        let outcomes = try [1, 1, 2].map { try Self.random(Self.mixed, seed: $0) }
        #expect(outcomes[0].placementHash == outcomes[1].placementHash)
        #expect(outcomes[0].placementHash != outcomes[2].placementHash)
        #expect(outcomes.allSatisfy { $0.rejected == 0 && $0.placed > 0 })
    }

    @Test func whatLeavesMakesRoom() throws {
        var trace = Trace()
        trace.add(Trace.Node(name: "n", cpu: 4_000, memoryMiB: 64, deviceCount: 1, deviceModel: "T4"))
        let whole = Trace.Shape(cpu: 1_000, memoryMiB: 1, deviceCount: 1, deviceShare: 1_000, models: [])
        trace.add(name: "a", whole, arrival: 0, departure: 10)
        trace.add(name: "b", whole, arrival: 9)
        trace.add(name: "c", whole, arrival: 10)
        let run = TraceRun(trace, placer: RandomPlacer(seed: 1), time: SystemTime())
        let outcome = try run.run(.timed, seed: 1)
        #expect(outcome.placed == 2)
        #expect(outcome.failed == 1)
        #expect(outcome.utilisation.cpuPercent == 25)
        #expect(outcome.utilisation.devicePercent == 100)
    }

    @Test func aWrongPlacementIsRejected() throws {
        var trace = Trace()
        trace.add(Trace.Node(name: "n", cpu: 4_000, memoryMiB: 64, deviceCount: 2, deviceModel: "T4"))
        trace.add(name: "a", Trace.Shape(cpu: 1, memoryMiB: 1, deviceCount: 1, deviceShare: 600, models: []))
        let cluster = TraceCluster(trace)
        cluster.add(0, Placement(node: 0, devices: [0]))
        let accepted = [[0], [1], [1, 1], [0, 1], [], [-1], [7]].map {
            cluster.accepts(0, Placement(node: 0, devices: $0))
        }
        #expect(accepted == [false, true, false, false, false, false, false])
    }

    @Test func fragmentationIsWhatTheMeanTaskCannotUse() throws {
        var trace = Trace()
        trace.add(Trace.Node(name: "n", cpu: 4_000, memoryMiB: 64, deviceCount: 2, deviceModel: "T4"))
        trace.add(name: "half", Trace.Shape(cpu: 1, memoryMiB: 1, deviceCount: 1, deviceShare: 500, models: []))
        trace.add(name: "whole", Trace.Shape(cpu: 1, memoryMiB: 1, deviceCount: 1, deviceShare: 1_000, models: []))
        trace.add(name: "other", Trace.Shape(cpu: 1, memoryMiB: 1, deviceCount: 1, deviceShare: 1, models: ["G2"]))
        let cluster = TraceCluster(trace)
        cluster.add(0, Placement(node: 0, devices: [0]))
        // 1,500 are free: "half" can use all, "whole" 1,000 and "other" nothing.
        #expect(FragmentationFigure(cluster.work).percent(of: cluster.bytes) == 100 * 2_000.0 / 4_500)
    }

    @Test func curvesHaveAPointAPercent() {
        var curve = UnallocatedCurve()
        curve.add(asked: 500, used: 500, of: 1_000)
        curve.add(asked: 600, used: 500, of: 1_000)
        #expect(curve.points.count == 111)
        #expect(curve.unallocated(at: 0) == 50)
        #expect(curve.unallocated(at: 110) == 50)
        #expect(curve.unallocated(at: 111) == nil)
    }

    @Test(arguments: [(0.0, "0.00"), (4.606, "4.61"), (100, "100.00"), (-0.05, "-0.05")])
    func decimalsAreTwo(value: Double, text: String) {
        #expect(CurveTable.decimals(value) == text)
    }

    @Test func curvesAreWrittenSideBySide() throws {
        var cards = [ScoreCard(scheduler: "a<b"), ScoreCard(scheduler: "c")]
        for number in cards.indices { cards[number].add(try Self.random(Self.mixed, seed: UInt64(number))) }
        let lines = CurveTable(cards).csv.split(separator: "\n")
        #expect(lines.first == "asked_percent,a<b,c")
        #expect(lines.count >= 131)
        let picture = CurvePicture(cards).svg
        #expect(picture.contains(">a&lt;b</text>"))
        #expect(picture.split(separator: "<polyline").count == 3)
        let unallocated = try #require(cards[0].unallocated(at: 130))
        let written = cards[0].json["unallocated_gpu_percent"]?["130"]?.double
        #expect(written == (unallocated * 1_000).rounded() / 1_000)
    }

    /// Four nodes of two models; shares, whole devices, pairs and work without devices.
    static var mixed: Trace {
        var trace = Trace()
        for number in 0..<4 {
            trace.add(
                Trace.Node(
                    name: "n\(number)", cpu: 32_000, memoryMiB: 65_536, deviceCount: 4,
                    deviceModel: number == 0 ? "T4" : "G2"))
        }
        for (number, share) in [250, 500, 750, 1_000, 1_000].enumerated() {
            trace.add(
                name: "t\(number)",
                Trace.Shape(
                    cpu: 3_000, memoryMiB: 4_096, deviceCount: 1, deviceShare: share,
                    models: number == 2 ? ["T4"] : []))
        }
        trace.add(
            name: "pair", Trace.Shape(cpu: 8_000, memoryMiB: 8_192, deviceCount: 2, deviceShare: 1_000, models: []))
        trace.add(name: "cpu", Trace.Shape(cpu: 9_000, memoryMiB: 9_000, deviceCount: 0, deviceShare: 0, models: []))
        return trace
    }

    private static func random(_ trace: Trace, seed: UInt64) throws -> TraceOutcome {
        try TraceRun(trace, placer: RandomPlacer(seed: seed), time: SystemTime()).run(
            .shuffled(percent: 130), seed: seed)
    }
}
