import CDroverABI
import FragmentationSchedulerPlugin
import Testing

/// What the scheduler does with small clusters.
@Suite struct PlacementTests {
    private typealias Ask = SmallCluster.Ask
    private let scheduler = FragmentationScheduler()

    @Test func aShareGoesWhereTheRestIsOfLeastUse() throws {
        // Whole devices and halves are common: the second half of a device goes before the first of another.
        let cluster = SmallCluster(
            nodes: [.init(devices: [1_000, 1_000]), .init(devices: [1_000, 500])],
            work: [.init(shares: [1_000]), .init(shares: [500])])
        let answer = try answer(cluster, [[Ask(devices: 1, shares: [500])]])
        #expect(answer == .init(nodes: [1], devices: [3], shares: [500]))
    }

    @Test func aTaskWithoutDevicesStrandsNone() throws {
        // It fits beside the devices, but then nobody could use them.
        let cluster = SmallCluster(
            nodes: [.init(cpu: 8_000, devices: [1_000]), .init(cpu: 64_000)],
            work: [.init(cpu: 4_000, shares: [1_000])])
        #expect(try answer(cluster, [[Ask(cpu: 6_000)]]).nodes == [1])
    }

    @Test func severalDevicesAreOfOneGroupAndOneNode() throws {
        let cluster = SmallCluster(
            nodes: [
                .init(devices: [1_000]), .init(devices: [1_000, 400, 1_000]),
                .init(devices: [1_000, 1_000], group: 1),
            ],
            groupCount: 2, work: [.init(shares: [1_000, 1_000])])
        let answer = try answer(cluster, [[Ask(devices: 2, shares: [1_000, 0])]])
        #expect(answer == .init(nodes: [1], devices: [1, 3], shares: [1_000, 1_000]))
    }

    @Test func devicesOfOneNUMANodeAreTakenTogether() throws {
        let cluster = SmallCluster(
            nodes: [.init(devices: [1_000, 1_000, 1_000], numa: [0, 1, 1])], work: [.init(shares: [1_000])])
        #expect(try answer(cluster, [[Ask(devices: 2, shares: [1_000])]]).devices == [0, 1])
        #expect(try answer(cluster, [[Ask(devices: 2, shares: [1_000], sameNUMA: true)]]).devices == [1, 2])
    }

    @Test func whatAGroupAsksForIsHonoured() throws {
        let cluster = SmallCluster(
            nodes: [.init(devices: [1_000]), .init(devices: [1_000]), .init(devices: [1_000])],
            work: [.init(shares: [300])])
        let feasible = try answer(cluster, [[Ask(count: 4, devices: 1, shares: [300], feasible: 0b100)]])
        #expect(feasible.nodes == [2, 2, 2])
        #expect(feasible.failures == 1)
        let apart = try answer(cluster, [[Ask(count: 3, devices: 1, shares: [300], maxPerNode: 1)]])
        #expect(Set(apart.nodes) == [0, 1, 2])
    }

    @Test func aBrokenGangGivesItsDevicesBack() throws {
        let cluster = SmallCluster(nodes: [.init(devices: [1_000])], work: [.init(shares: [1_000])])
        let one = Ask(devices: 1, shares: [1_000], gang: 1)
        let answer = try answer(cluster, [[one, one], [Ask(devices: 1, shares: [1_000])]])
        #expect(answer == .init(nodes: [0], devices: [0], shares: [1_000], failures: 2))
    }

    @Test func withoutAKnownWorkloadTheBatchIsIt() throws {
        let cluster = SmallCluster(nodes: [.init(devices: [1_000]), .init(devices: [600])])
        #expect(try answer(cluster, [[Ask(devices: 1, shares: [600])]]).devices == [1])
    }

    @Test func amountsOfAnySizeAreTaken() throws {
        let cluster = SmallCluster(
            nodes: [.init(cpu: .max - 1, devices: [1_000]), .init(cpu: .max, devices: [5_000], group: 9)],
            work: [.init(cpu: .max, shares: [.max], weight: .max)])
        #expect(try answer(cluster, [[Ask(cpu: .max - 1, devices: 1, shares: [1_000])]]).nodes == [0])
        #expect(try answer(cluster, [[Ask(cpu: .max - 1)]]).nodes.count == 1)
        #expect(try answer(cluster, [[Ask(devices: .max, shares: [1])]]).failures == 1)
    }

    @Test func whatIsRememberedChangesNoAnswer() throws {
        let wide = SmallCluster(
            nodes: (0..<8).map { .init(devices: [1_000, UInt32(100 * $0)]) },
            work: [.init(shares: [700]), .init(shares: [300])])
        var used = wide
        used.nodes[3].devices[0] = 300
        used.nodes[5].cpu = 500
        let problems = [[Ask(count: 9, devices: 1, shares: [300])], [Ask(devices: 1, shares: [700])]]
        for cluster in [wide, used, wide] {
            let fresh = try Self.answer(cluster, problems, FragmentationScheduler())
            #expect(try answer(cluster, problems) == fresh)
        }
    }

    private func answer(_ cluster: SmallCluster, _ problems: [[Ask]]) throws -> SmallCluster.Answer {
        try Self.answer(cluster, problems, scheduler)
    }

    private static func answer(
        _ cluster: SmallCluster, _ problems: [[Ask]], _ scheduler: FragmentationScheduler
    ) throws -> SmallCluster.Answer {
        var bytes: [UInt8] = []
        try withUnsafeMutablePointer(to: &bytes) { pointer in
            let sink = drover_sink(context: UnsafeMutableRawPointer(pointer)) { context, written in
                context?.assumingMemoryBound(to: [UInt8].self).pointee
                    .append(contentsOf: UnsafeBufferPointer(start: written.data, count: Int(written.length)))
                return 0
            }
            try cluster.view().withUnsafeBytes { view in
                try SmallCluster.batch(problems).withUnsafeBytes { batch in
                    let view = try #require(view.baseAddress)
                    try scheduler.place(view: view, batch: try #require(batch.baseAddress), into: sink)
                }
            }
        }
        return SmallCluster.Answer(records: bytes)
    }
}

extension SmallCluster.Answer {
    fileprivate init(records: [UInt8]) {
        var at = 0
        records.withUnsafeBytes { bytes in
            while at < bytes.count {
                switch Int32(bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)) {
                case DROVER_RECORD_PLACEMENT:
                    nodes.append(bytes.loadUnaligned(fromByteOffset: at, as: drover_placement.self).node)
                case DROVER_RECORD_ASSIGNMENT:
                    let record = bytes.loadUnaligned(fromByteOffset: at, as: drover_assignment.self)
                    devices.append(record.index)
                    shares.append(record.share_milli)
                case DROVER_RECORD_FAILURE:
                    failures += Int(bytes.loadUnaligned(fromByteOffset: at, as: drover_failure.self).count)
                default: break
                }
                at += Int(bytes.loadUnaligned(fromByteOffset: at + 4, as: UInt32.self))
            }
        }
    }
}
