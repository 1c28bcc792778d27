import Basics
import Raft
import Testing

/// Random networks from one seed each: drop, duplicate, reorder, delay, crash with unsynced data lost, snapshots,
/// membership churn.
struct SafetyTests {
    @Test(arguments: 1...50)
    func threeServersKeepRaftsPromises(seed: Int) { run(seed: UInt64(seed), voters: ["a", "b", "c"], spares: []) }

    @Test(arguments: 101...150)
    func fiveServersWithChurnKeepRaftsPromises(seed: Int) {
        run(seed: UInt64(seed), voters: ["a", "b", "c", "d"], spares: ["e"])
    }

    /// One of three servers goes to an earlier release and back, again and again, each time after a crash.
    @Test(arguments: 201...240)
    func anEarlierReleaseKeepsRaftsPromises(seed: Int) {
        run(seed: UInt64(seed), voters: ["a", "b", "c"], spares: [], isMixed: true)
    }

    /// The checks must see a disk that lies about syncing, or they prove nothing.
    @Test func aLyingDiskIsNoticed() {
        let caught = (1...30).contains { seed in
            var storm = Storm(seed: UInt64(seed), voters: ["a", "b", "c"], spares: [])
            storm.cluster.isSyncALie = true
            for _ in 0..<3_000 where storm.cluster.violations.isEmpty { storm.blow() }
            return !storm.cluster.violations.isEmpty
        }
        #expect(caught)
    }

    /// A leader that is cut off and whose own ticks stand still, as a stopped process's do: its lease ends before the others elect
    /// somebody else. With one that outlives their promises it would read what is not so any more, and the checks see it.
    @Test(arguments: [(lease: 9, isStale: false), (lease: 40, isStale: true)])
    func aLeaderThatIsStoppedServesNothingStale(lease: Int, isStale: Bool) throws {
        var settings = RaftSettings()
        settings.lease = .seconds(lease)
        var cluster = Cluster(voters: ["a", "b", "c"], seed: 1, settings: settings)
        let old = ServerID("a")
        pass(40, &cluster) { $0 == old }
        #expect(cluster.servers[old]?.node?.isLeader == true)
        cluster.read(1, at: old)
        #expect(cluster.readsByLease == 1)
        pass(30, &cluster, without: old) { $0 != old }
        #expect(cluster.leaders.count == 2, "another one leads")
        cluster.read(2, at: old)
        #expect(cluster.violations.isEmpty != isStale, "\(cluster.violations)")
    }

    /// Lets time pass, with a tick at each moment for those that `ticks` names, and all messages delivered but those of `lonely`.
    private func pass(
        _ count: Int, _ cluster: inout Cluster, without lonely: ServerID? = nil, ticks: (ServerID) -> Bool
    ) {
        for _ in 0..<count {
            cluster.passTime()
            for id in cluster.ids where ticks(id) { cluster.tick(id) }
            for id in cluster.ids { cluster.sync(id) }
            while let message = cluster.network.first {
                if message.from == lonely || message.to == lonely {
                    cluster.network.removeFirst()
                } else {
                    cluster.deliver(at: 0)
                }
                for id in cluster.ids { cluster.sync(id) }
            }
        }
    }

    /// And the storms must get somewhere: commits, elections, snapshots, reads, changes of membership.
    @Test func stormsReachEverything() {
        var (commits, elections, snapshots, reads, leases, changes) = (0, 0, 0, 0, 0, 0)
        let stranded = (UInt64(201)...220).reduce(0) { sum, seed in
            var storm = Storm(seed: seed, voters: ["a", "b", "c"], spares: [], isMixed: true)
            for _ in 0..<3_000 { storm.blow() }
            return sum + storm.cluster.strandedStarts
        }
        #expect(stranded > 10, "\(stranded) starts with entries of a later release in the log")
        for seed in UInt64(1)...20 {
            var storm = Storm(seed: seed, voters: ["a", "b", "c", "d"], spares: ["e"])
            for _ in 0..<6_000 { storm.blow() }
            commits += storm.cluster.canon.count
            elections += storm.cluster.leaders.count
            snapshots += storm.cluster.snapshotsInstalled
            reads += storm.cluster.readsServed
            leases += storm.cluster.readsByLease
            changes += storm.cluster.canon.values.count { $0.kind == .membership }
        }
        #expect(
            commits > 1_000 && elections > 40 && snapshots > 10 && reads > 50 && leases > 20 && changes > 20,
            "\(commits) commits, \(elections) elections, \(snapshots) snapshots, \(reads) reads, \(leases) of them by a lease, \(changes) changes"
        )
    }

    private func run(seed: UInt64, voters: [String], spares: [String], isMixed: Bool = false) {
        var storm = Storm(seed: seed, voters: voters, spares: spares, isMixed: isMixed)
        for _ in 0..<3_000 { storm.blow() }
        storm.calm()
        #expect(storm.cluster.violations == [], "replay: seed \(seed)")
        let applied = Set(storm.members.map { storm.cluster.servers[$0]?.appliedIndex })
        #expect(applied.count == 1, "members did not converge: \(applied); replay: seed \(seed)")
        #expect(storm.cluster.canon.count > 2, "nothing was committed; replay: seed \(seed)")
    }
}

/// Random events, more or less rough, on a cluster.
struct Storm {
    var cluster: Cluster
    private var generator: SeededGenerator
    private var proposals: UInt64 = 0
    /// Whether the first server changes its release, and the others write what the earlier one does not know.
    private let isMixed: Bool
    /// Cut off from the others.
    private var lonely: ServerID?

    init(seed: UInt64, voters: [String], spares: [String], isMixed: Bool = false) {
        self.isMixed = isMixed
        var settings = RaftSettings()
        // The longest that is safe.
        settings.lease = .seconds(settings.electionTicks - 1)
        settings.appendBytesMax = 40
        settings.inflightMax = 4
        cluster = Cluster(voters: voters, spares: spares, seed: seed, settings: settings)
        generator = SeededGenerator(seed: seed)
    }

    /// Who belongs to the group, as the newest leader sees it.
    var members: [ServerID] {
        let leaders = cluster.ids.compactMap { cluster.servers[$0]?.node }.filter(\.isLeader)
        return leaders.max { $0.term < $1.term }?.membership.members.map(\.id) ?? []
    }

    mutating func blow() {
        let id = cluster.ids[Int.random(in: 0..<cluster.ids.count, using: &generator)]
        switch Int.random(in: 0..<1_000, using: &generator) {
        case 0..<430: for _ in 0...pick(4) { deliverOne() }
        case 430..<460: if !cluster.network.isEmpty { cluster.network.remove(at: pick(cluster.network.count)) }
        case 460..<480:
            if !cluster.network.isEmpty { cluster.network.append(cluster.network[pick(cluster.network.count)]) }
        case 480..<540:
            cluster.passTime()
            for id in cluster.ids where pick(4) > 0 { cluster.tick(id) }
        case 540..<580: cluster.tick(id)
        case 580..<800: cluster.sync(id)
        case 800..<900: propose(at: id)
        case 900..<910: cluster.read(UInt64.random(in: 0 ... .max, using: &generator), at: id)
        case 910..<930: cluster.snapshot(id, keep: UInt64(pick(20)))
        case 930..<935: cluster.crash(id)
        case 935..<975: if cluster.servers[id]?.node == nil { restart(id) }
        // An only voter of an earlier release would lead with what it does not know, and stop.
        case 975..<985: if !isMixed { churn(at: id) }
        case 985..<990: cluster.step(id, .transferLeadership(to: cluster.ids[pick(cluster.ids.count)]))
        case 990..<994: lonely = lonely == nil ? id : nil
        default: cluster.checkLogsMatch()
        }
        if cluster.network.count > 200 { cluster.network.removeFirst(100) }
    }

    /// No more faults: everything is delivered, in order, until the group has settled.
    mutating func calm() {
        for id in cluster.ids where cluster.servers[id]?.node == nil { cluster.restart(id) }
        for round in 0..<400 {
            cluster.passTime()
            for id in cluster.ids {
                cluster.tick(id)
                cluster.sync(id)
            }
            var budget = 5_000
            while !cluster.network.isEmpty, budget > 0 {
                cluster.deliver(at: 0)
                for id in cluster.ids { cluster.sync(id) }
                budget -= 1
            }
            if round == 200 { for id in cluster.ids { propose(at: id) } }
        }
        cluster.checkLogsMatch()
    }

    private mutating func restart(_ id: ServerID) {
        if isMixed, id == cluster.ids[0] { cluster.earlier = cluster.earlier.isEmpty ? [id] : [] }
        cluster.restart(id)
    }

    private mutating func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &generator) }

    private mutating func deliverOne() {
        guard !cluster.network.isEmpty else { return }
        // Mostly near the front: reordered, but not hopelessly.
        let position = min(pick(cluster.network.count), pick(8))
        let message = cluster.network[position]
        guard message.from != lonely, message.to != lonely else {
            cluster.network.remove(at: position)
            return
        }
        cluster.deliver(at: position)
    }

    private mutating func propose(at id: ServerID) {
        let batch = (0...pick(3)).map { _ in
            proposals += 1
            let isLater = isMixed && !cluster.earlier.contains(id) && pick(4) == 0
            return Proposal(kind: .firstApplication, data: Array("\(isLater ? "n" : "p")\(proposals)".utf8))
        }
        cluster.step(id, .propose(batch))
    }

    private mutating func churn(at id: ServerID) {
        guard let membership = cluster.servers[id]?.node?.membership, cluster.servers[id]?.node?.isLeader == true else {
            return
        }
        let target = cluster.ids[pick(cluster.ids.count)]
        var others = membership.members.filter { $0.id != target }
        guard others.count >= 2 else { return }
        if !membership.isVoter(target) || pick(2) == 0 {
            others.append(Membership.Member(id: target, address: "", isVoter: pick(3) > 0))
        }
        cluster.step(id, .changeMembership(Membership(members: others)))
    }
}
