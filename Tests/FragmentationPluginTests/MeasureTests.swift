import Testing

@testable import FragmentationSchedulerPlugin

/// The measure against figures worked out by hand.
@Suite struct MeasureTests {
    private static let unit: Int64 = 65_536

    /// A quarter of the weight wants a whole device and 8,000 MHz, three quarters half of one and 2,000 MHz.
    private let workload = Workload(
        [shape(cpu: 8_000, share: 1_000, count: 1, weight: 1), shape(cpu: 2_000, share: 500, count: 1, weight: 9)],
        groupCount: 1)

    @Test func weightsAreRootsOfCounts() {
        #expect(workload.shapes.map(\.weight) == [Self.unit / 4, Self.unit * 3 / 4])
    }

    @Test(arguments: [
        // All of the work can use it: 1,000 / (1 + 10).
        (cpu: Int64(8_000), free: [Int64(1_000)], loss: 1_000 * unit / 11),
        // Three quarters can: 1,000 / (1 + 7.5), for lack of CPU; then 500 / 8.5, for lack of share.
        (cpu: 7_999, free: [1_000], loss: 1_000 * unit * 2 / 17),
        (cpu: 8_000, free: [500], loss: 500 * unit * 2 / 17),
        // None can: all of it is lost.
        (cpu: 8_000, free: [499], loss: 499 * unit),
        (cpu: 1_999, free: [1_000, 1_000], loss: 2_000 * unit),
        // A node's loss is the sum over its devices.
        (cpu: 8_000, free: [1_000, 499, 0], loss: 1_000 * unit / 11 + 499 * unit),
    ])
    func lossOfANode(cpu: Int64, free: [Int64], loss: Int64) {
        var measure = FragmentationMeasure(workload, dimensions: 1)
        measure.begin(free: [cpu])
        let instances = free.enumerated().map { Self.instance(free: $1, row: $0) }
        #expect(instances.withUnsafeBufferPointer { measure.loss($0) } == loss)
    }

    @Test func aShapeNeedsEnoughDevicesOfOneGroup() {
        let workload = Workload([Self.shape(cpu: 0, share: 1_000, count: 2, weight: 1, groups: 2)], groupCount: 2)
        var measure = FragmentationMeasure(workload, dimensions: 1)
        measure.begin(free: [0])
        let mixed = [Self.instance(free: 1_000, row: 0), Self.instance(free: 1_000, row: 1, group: 1)]
        #expect(mixed.withUnsafeBufferPointer { measure.loss($0) } == 2_000 * Self.unit)
        let alike = [Self.instance(free: 1_000, row: 0), Self.instance(free: 1_000, row: 1)]
        #expect(alike.withUnsafeBufferPointer { measure.loss($0) } == 1_000 * Self.unit / 11 * 2)
    }

    private static func shape(cpu: Int64, share: UInt32, count: Int, weight: Int64, groups: Int = 1) -> Workload.Shape {
        Workload.Shape(
            amounts: [cpu], shares: [UInt32](repeating: share, count: groups), count: count, weight: weight)
    }

    private static func instance(free: Int64, row: Int, group: Int = 0) -> DeviceInventory.Instance {
        DeviceInventory.Instance(free: free, group: group, numa: 0, node: 0, row: UInt32(row))
    }
}
