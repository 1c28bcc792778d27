import CDroverABI
import Testing

/// Which device instances and cores an instance gets.
@Suite struct DeviceTests {
    private typealias Device = TestCluster.TestDevice
    private typealias Ask = TestProblem.TestDeviceAsk

    /// One node with the given instances; the rows an instance with these asks gets, nil when it is not placed.
    private func rows(_ devices: [Device], _ asks: [Ask], groups: Int = 1) throws -> [Int]? {
        var cluster = TestCluster(nodes: 1)
        cluster.devices = devices
        cluster.deviceGroupCount = groups
        let answer = try TestAnswer(cluster, [TestProblem(groups: [.init(devices: asks)])])
        #expect(answer.failures.isEmpty || answer.failures[0].exhausted_devices == 1)
        return answer.placements.isEmpty ? nil : answer.assignments.map { Int($0.index) }
    }

    @Test func fractionsGoWhereTheLeastIsLeft() throws {
        let devices = [1_000, 400, 300, 600].map { Device(node: 0, free: $0) }
        #expect(try rows(devices, [Ask(shares: [350])]) == [1])
        #expect(try rows(devices, [Ask(count: 2, shares: [350])]) == [1, 3])
        #expect(try rows(devices, [Ask(shares: [350]), Ask(shares: [500])]) == [1, 3])
        #expect(try rows(devices, [Ask(count: 2, shares: [1_000])]) == nil)
    }

    @Test func wholeInstancesStayOnOneNUMANode() throws {
        let devices = [0, 0, 1, 0, 1].map { Device(node: 0, numa: $0) }
        #expect(try rows(devices, [Ask(count: 2)]) == [0, 1])
        #expect(try rows(devices, [Ask(count: 2, sameNUMA: 1)]) == [2, 4])
        #expect(try rows(devices, [Ask(count: 3, sameNUMA: 1)]) == [0, 1, 3])
        #expect(try rows(devices, [Ask(count: 4, sameNUMA: 1)]) == [0, 1, 2, 3])
    }

    @Test func oneGroupMeetsAnAskAndAffinityChoosesIt() throws {
        let devices = [0, 0, 1, 1].map { Device(node: 0, group: $0) }
        #expect(try rows(devices, [Ask(count: 3, shares: [1_000, 1_000])], groups: 2) == nil)
        #expect(try rows(devices, [Ask(shares: [0, 1_000])], groups: 2) == [2])
        #expect(try rows(devices, [Ask(shares: [1_000, 1_000], affinity: [-65_536, 65_536])], groups: 2) == [2])
    }

    @Test func affinityToADeviceIsAPartOfTheScore() throws {
        var cluster = TestCluster(nodes: 2)
        cluster.devices = [Device(node: 0, group: 0), Device(node: 1, group: 1)]
        cluster.deviceGroupCount = 2
        let ask = Ask(shares: [1_000, 1_000], affinity: [0, 65_536])
        let answer = try TestAnswer(cluster, [TestProblem(groups: [.init(count: 3, devices: [ask])])])
        #expect(answer.nodes() == [1, 0] && answer.assignments.map(\.index) == [1, 0])
        #expect(answer.failures[0].exhausted_devices == 2)
    }

    @Test func sharesAreKeptOverProblemsAndFreedByEviction() throws {
        var cluster = TestCluster(nodes: 1)
        cluster.devices = [Device(node: 0), Device(node: 0, free: 200)]
        cluster.deviceGroupCount = 1
        let group = TestProblem.TestGroup(devices: [Ask(shares: [600])])
        var problem = TestProblem(flags: UInt32(DROVER_MAY_PREEMPT), priority: 70, groups: [group])
        problem.candidates = [
            .init(node: 0, priority: 10, allocation: 1),
            .init(node: 0, priority: 20, allocation: 2, devices: [(1, 800)]),
        ]
        let answer = try TestAnswer(cluster, [problem, problem, problem])
        #expect(answer.assignments.map(\.index) == [0, 1] && answer.evicted == [2])
        #expect(answer.failures.map(\.problem) == [2])
    }

    @Test func coresTakeTheirCPU() throws {
        var cluster = TestCluster(nodes: 2)
        cluster.nodes[0].coreMHz = 3_000
        var problem = TestProblem(groups: [.init(count: 3, ask: [500, 1, 100, 0, 0, 0])])
        // 500 + 3,000 of 4,000 MHz once, 500 + 1,000 twice.
        #expect(try TestAnswer(cluster, [problem]).nodes().sorted() == [0, 1, 1])
        problem.groups[0].count = 4
        let answer = try TestAnswer(cluster, [problem])
        #expect(answer.placements.count == 3 && answer.failures[0].exhausted.0 == 2)
    }
}
