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

    /// A node and the parts of its loss: free shares, and of how much the loss is one part each.
    struct Row {
        var cpu: Int64
        var free: [Int64]
        var loss: [(free: Int64, halves: Int64)]
    }

    private static let rows = [
        // All of the work can use it: 1,000 / (1 + 10).
        Row(cpu: 8_000, free: [1_000], loss: [(1_000, 22)]),
        // Three quarters can: 1,000 / (1 + 7.5), for lack of CPU; then 500 / 8.5, for lack of share.
        Row(cpu: 7_999, free: [1_000], loss: [(1_000, 17)]),
        Row(cpu: 8_000, free: [500], loss: [(500, 17)]),
        // None can: all of it is lost.
        Row(cpu: 8_000, free: [499], loss: [(499, 2)]),
        Row(cpu: 1_999, free: [1_000, 1_000], loss: [(2_000, 2)]),
        // A node's loss is the sum over its devices.
        Row(cpu: 8_000, free: [1_000, 499, 0], loss: [(1_000, 22), (499, 2)]),
    ]

    @Test(arguments: rows.indices)
    func lossOfANode(number: Int) {
        let row = Self.rows[number]
        var measure = FragmentationMeasure(workload, dimensions: 1)
        measure.begin(free: [row.cpu])
        let instances = row.free.enumerated().map { Self.instance(free: $1, row: $0) }
        let expected = row.loss.reduce(0) { $0 + $1.free * Self.unit * 2 / $1.halves }
        #expect(instances.withUnsafeBufferPointer { measure.loss($0) } == expected)
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
