import Basics
import Model
import StateStore
import Testing

@testable import Server

/// Which plans go to the log as one entry.
@Suite struct PlanEntryTests {
    private static let most = PlanPipeline.entryBytesMax

    @Test(
        arguments: [
            (sizes: [], entries: []),
            ([10], [0..<1]),
            ([10, 20, 30], [0..<3]),
            ([most, 0], [0..<2]),
            ([most, 1], [0..<1, 1..<2]),
            ([most / 2, most / 2, 1, 1], [0..<2, 2..<4]),
            // One that alone is too large keeps nobody company.
            ([1, 3 * most, 1, 1], [0..<1, 1..<2, 2..<4]),
            ([3 * most, 3 * most], [0..<1, 1..<2]),
        ] as [(sizes: [Int], entries: [Range<Int>])])
    func plansGatherUntilAnEntryIsFull(sizes: [Int], entries: [Range<Int>]) {
        #expect(PlanPipeline.entries(sizes) == entries)
    }

    /// A plan is never taken for less than it takes in the log.
    @Test func theEstimateIsNoLessThanTheEntry() {
        var plan = Plan()
        var batch = PlacementBatch()
        batch.taskGroup = "group"
        batch.metricJSON = [UInt8](repeating: 0x20, count: 900)
        for number in 0..<1_000 as Range<UInt64> {
            batch.ids.append(ID(high: number, low: ~number))
            batch.nodes.append(UInt32(number))
            batch.nameIndexes.append(UInt32(number))
        }
        plan.placements = [batch]
        for number in 0..<500 as Range<UInt64> { plan.inPlaceUpdates.append(ID(high: ~number, low: number)) }
        let bytes = StateEntry.plans([plan]).encoded.count
        #expect(plan.roughBytes >= bytes && plan.roughBytes < 8 * bytes)
    }
}
