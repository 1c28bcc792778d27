import Basics
import Broker
import Model
import Testing

@Suite struct BlockedEvaluationsTests {
    private func evaluation(
        _ number: UInt64, job: String, classes: [String: Bool] = [:], escaped: Bool = false, snapshot: UInt64 = 100,
        quota: String = "", priority: Int = 50, needs: [Int]? = nil
    ) -> Evaluation {
        var evaluation = Evaluation()
        evaluation.id = ID(high: 1, low: number)
        evaluation.namespace = "default"
        evaluation.jobID = job
        evaluation.classEligibility = classes
        evaluation.escapedComputedClass = escaped
        evaluation.snapshotIndex = snapshot
        evaluation.quotaLimitReached = quota
        evaluation.priority = priority
        evaluation.quotaNeed = needs.map { needs in
            var need = QuotaNeed()
            need.any = needs.map { cpu in
                var amounts = QuotaResources()
                amounts.cpu = cpu
                return amounts
            }
            for amounts in need.any { need.all += amounts }
            return need
        }
        evaluation.createIndex = number
        return evaluation
    }

    /// New rules of placement wake all who wait for nodes, and who was decided by the old ones does not wait.
    @Test func newRulesWakeAllButThoseOfAQuota() {
        var blocked = BlockedEvaluations()
        _ = blocked.block(evaluation(1, job: "web", classes: ["v1:a": false]), nodePool: "default")
        _ = blocked.block(evaluation(2, job: "gpu", classes: ["v1:a": true]), nodePool: "gpu")
        _ = blocked.block(evaluation(3, job: "poor", quota: "small"), nodePool: "default")
        #expect(blocked.unblockAll(index: 120).map(\.jobID) == ["web", "gpu"] && blocked.count == 1)
        let late = blocked.block(evaluation(4, job: "late", classes: ["v1:a": false]), nodePool: "default")
        #expect(late == .tryAgain(superseded: nil))
        let new = evaluation(5, job: "new", classes: ["v1:a": false], snapshot: 120)
        #expect(blocked.block(new, nodePool: "default") == .waiting(superseded: nil))
    }

    @Test(arguments: [
        (classes: ["v1:a": true], escaped: false, woken: true),
        (["v1:a": false], false, false),
        ([:], false, true),  // a class never seen may serve
        (["v1:a": false], true, true),  // constraints that classes cannot answer
    ])
    func capacityWakesThoseItMayServe(classes: [String: Bool], escaped: Bool, woken: Bool) {
        let blocked = Subject()
        #expect(
            blocked.block(evaluation(1, job: "web", classes: classes, escaped: escaped)) == .waiting(superseded: nil))
        #expect(blocked.unblock(computedClass: "v1:a", index: 101).isEmpty == !woken)
        #expect(blocked.count == (woken ? 0 : 1))
    }

    @Test func capacityThatCameBetweenSnapshotAndBlockingIsNotMissed() {
        let blocked = Subject()
        _ = blocked.unblock(computedClass: "v1:a", index: 150)
        let (late, current) = (evaluation(1, job: "web", snapshot: 149), evaluation(2, job: "api", snapshot: 150))
        let other = evaluation(3, job: "db", classes: ["v1:a": false], snapshot: 1)
        for evaluation in [late, current, other] { #expect(blocked.block(evaluation) == .waiting(superseded: nil)) }
        #expect([late, current].map(blocked.unseenNodes) == [[1], []])
        #expect(blocked.serve(computedClass: "v1:a") == [late])
    }

    @Test func theNewestEvaluationOfAJobWaits() {
        let blocked = Subject()
        let old = evaluation(1, job: "web")
        let new = evaluation(2, job: "web")
        _ = blocked.block(old)
        #expect(blocked.block(new) == .waiting(superseded: old))
        #expect(blocked.block(old) == .outdated)
        #expect(blocked.forget(job: "web", namespace: "default") == new)
        #expect(blocked.count == 0)
    }

    /// Only those that wait for a quota are woken by it, and nodes wake only those of them that wait for nodes too.
    @Test(arguments: [
        (quota: "small", classes: [:], escaped: false, wakers: ["small"]),
        ("small", ["v1:a": true], false, ["small", "node"]),
        ("small", [:], true, ["small", "node"]),
        ("small", ["v1:a": false], false, ["small"]),
        ("", ["v1:a": true], false, ["node"]),
        ("large", [:], false, []),
    ])
    func quotasWakeThoseThatWaitForThem(quota: String, classes: [String: Bool], escaped: Bool, wakers: [String]) {
        for waker in ["small", "node"] {
            let blocked = Subject()
            _ = blocked.block(evaluation(1, job: "web", classes: classes, escaped: escaped, quota: quota))
            let woken =
                waker == "node"
                ? blocked.unblock(computedClass: "v1:a", index: 101) : blocked.loosen(waker, cpu: 1, index: 101)
            #expect(woken.isEmpty != wakers.contains(waker))
        }
    }

    @Test func roomInAQuotaThatCameBetweenSnapshotAndBlockingIsNotMissed() {
        let blocked = Subject()
        #expect(blocked.loosen("small", cpu: 1, index: 150).isEmpty)
        let (late, current, other) = (
            evaluation(1, job: "web", snapshot: 149, quota: "small"),
            evaluation(2, job: "api", snapshot: 150, quota: "small"),
            evaluation(3, job: "db", snapshot: 1, quota: "large")
        )
        for evaluation in [late, current, other] { #expect(blocked.block(evaluation) == .waiting(superseded: nil)) }
        #expect([late, current, other].map(blocked.hasUnseenRoom) == [true, false, false])
        #expect(blocked.serve("small", cpu: 1) == [late])
    }

    /// As many as the room may serve, by priority and age; what one leaves goes to the next, and each gets its turn.
    @Test func aQuotaIsGivenOutInTurn() {
        let blocked = Subject()
        for number in 1...6 as ClosedRange<UInt64> {
            let isUrgent = number == 5
            _ = blocked.block(
                evaluation(
                    number, job: "job\(number)", quota: "small", priority: isUrgent ? 90 : 50,
                    needs: [isUrgent ? 300 : 200]))
        }
        #expect(blocked.loosen("small", cpu: 100, index: 101).isEmpty)
        #expect(blocked.loosen("small", cpu: 600, index: 102).map(\.id.low) == [5, 1])
        // Of 600 MHz, 500 are taken by those two; what comes beside is not theirs.
        #expect(blocked.loosen("small", cpu: 750, index: 103).map(\.id.low) == [2])
        // One took its part, one found no node and waits for nodes now, one waits again and has had its turn.
        #expect(blocked.settle(5) == "small" && blocked.serve("small", cpu: 450).isEmpty)
        #expect(blocked.settle(1) == "small" && blocked.serve("small", cpu: 450).map(\.id.low) == [3])
        #expect(blocked.settle(2) == "small")
        _ = blocked.block(evaluation(2, job: "job2", snapshot: 103, quota: "small", needs: [200]))
        #expect(blocked.serve("small", cpu: 450).map(\.id.low) == [4])
        #expect(blocked.settle(3) == "small" && blocked.settle(4) == "small" && blocked.settle(4) == nil)
        #expect(blocked.serve("small", cpu: 450).map(\.id.low) == [6])
        #expect(blocked.loosen("small", cpu: 450, index: 104).map(\.id.low) == [2])
        #expect(blocked.count == 0)
    }

    /// Room for one instance of any group is enough; one that does not know what it needs has all there is to itself.
    @Test func whatIsLackingDecidesWhoIsWoken() {
        let blocked = Subject()
        _ = blocked.block(evaluation(1, job: "big", quota: "small", needs: [900, 700]))
        _ = blocked.block(evaluation(2, job: "mixed", quota: "small", needs: [900, 100]))
        _ = blocked.block(evaluation(3, job: "unknown", quota: "small"))
        #expect(blocked.loosen("small", cpu: 150, index: 101).map(\.id.low) == [2])
        #expect(blocked.settle(2) == "small" && blocked.serve("small", cpu: 150).map(\.id.low) == [3])
        #expect(blocked.loosen("small", cpu: 800, index: 102).isEmpty)
        #expect(blocked.settle(3) == "small" && blocked.serve("small", cpu: 800).map(\.id.low) == [1])
    }

    /// Who is no longer under the quota is woken whatever is left of it.
    @Test func whoLeavesAQuotaIsWoken() {
        let blocked = Subject()
        for number in 1...3 as ClosedRange<UInt64> {
            _ = blocked.block(evaluation(number, job: "job\(number)", quota: "small", needs: [500]))
        }
        #expect(blocked.loosen("small", cpu: 0, index: 101) { _ in false }.count == 3)
    }

    /// Allocations of other jobs that have a label wake those that asked for it, once, and nobody else.
    @Test func neighboursWakeThoseThatAskForTheirLabel() {
        let blocked = Subject()
        _ = blocked.block(evaluation(1, job: "web", classes: ["v1:a": false]), labels: ["app"])
        _ = blocked.block(evaluation(2, job: "api", classes: ["v1:a": false]), labels: ["tier"])
        _ = blocked.block(evaluation(3, job: "db", classes: ["v1:a": false]))
        #expect(blocked.unblock(label: "app", of: "web", index: 101).isEmpty, "its own allocations are no neighbours")
        #expect(blocked.unblock(label: "app", of: "cache", index: 102).map(\.id.low) == [1])
        #expect(blocked.unblock(label: "app", of: "cache", index: 103).isEmpty && blocked.count == 2)
        _ = blocked.forget(job: "api", namespace: "default")
        #expect(blocked.unblock(label: "tier", of: "cache", index: 104).isEmpty)
    }

    @Test(arguments: [
        (label: "app", job: "web", snapshot: UInt64(99), tried: true), ("app", "web", 100, false),
        ("tier", "web", 1, false), ("app", "cache", 1, false),
    ])
    func neighboursThatCameBetweenSnapshotAndBlockingAreNotMissed(
        label: String, job: String, snapshot: UInt64, tried: Bool
    ) {
        let blocked = Subject()
        _ = blocked.unblock(label: "app", of: "cache", index: 100)
        let late = evaluation(1, job: job, classes: ["v1:a": false], snapshot: snapshot)
        let outcome = blocked.block(late, labels: [label])
        #expect(outcome == (tried ? .tryAgain(superseded: nil) : .waiting(superseded: nil)))
    }

    /// What is remembered of labels is bounded; what is forgotten counts as changed.
    @Test func forgottenLabelsCountAsChanged() {
        let blocked = Subject()
        for number in 0...4_096 as ClosedRange<UInt64> {
            _ = blocked.unblock(label: "label\(number)", of: "cache", index: 100 + number)
        }
        let outcome = blocked.block(evaluation(1, job: "web", classes: ["v1:a": false], snapshot: 200), labels: ["app"])
        #expect(outcome == .tryAgain(superseded: nil))
    }

    /// Nodes of another pool wake nobody, not even one whose constraints their class cannot answer.
    @Test(arguments: [("gpu", "gpu", true), ("gpu", "default", false), ("all", "gpu", true)])
    func poolsAreKeptApart(own: String, freed: String, woken: Bool) {
        let blocked = Subject()
        _ = blocked.block(evaluation(1, job: "web", escaped: true), nodePool: own)
        #expect(blocked.unblock(computedClass: "v1:a", nodePool: freed, index: 101).isEmpty == !woken)
        let late = Subject()
        _ = late.unblock(computedClass: "v1:a", nodePool: freed, index: 150)
        _ = late.block(evaluation(1, job: "web", escaped: true), nodePool: own)
        #expect(late.serve(computedClass: "v1:a", nodePool: freed).isEmpty == !woken)
    }

    @Test func wokenOldestFirst() {
        let blocked = Subject()
        for number in [3, 1, 2] as [UInt64] { _ = blocked.block(evaluation(number, job: "job\(number)")) }
        #expect(blocked.unblock(computedClass: "v1:a", index: 200).map(\.id.low) == [1, 2, 3])
    }
}

/// The set behind a reference: the macros of Swift Testing call no mutating methods.
private final class Subject {
    private var blocked = BlockedEvaluations()

    var count: Int { blocked.count }

    func block(
        _ evaluation: Evaluation, nodePool: String = "default", labels: Set<String> = []
    ) -> BlockedEvaluations.Outcome {
        blocked.block(evaluation, nodePool: nodePool, labels: labels)
    }
    func unblock(computedClass: String, nodePool: String = "default", index: UInt64) -> [Evaluation] {
        blocked.free(node: 1, index: index)
        return serve(computedClass: computedClass, nodePool: nodePool)
    }
    /// A node of that class shows its room, of which there is enough for all that do not say what they lack.
    func serve(computedClass: String, nodePool: String = "default") -> [Evaluation] {
        blocked.serve(node: 1, room: NodeRoom(computedClass: computedClass, nodePool: nodePool, free: RoomAmounts()))
    }
    func unseenNodes(by evaluation: Evaluation) -> Set<UInt32> { blocked.unseenNodes(by: evaluation) }
    func unblock(label: String, of job: String, index: UInt64) -> [Evaluation] {
        blocked.unblock(label: label, of: [JobName(namespace: "default", id: job)], index: index)
    }
    /// `cpu` is what is left of the quota in MHz.
    func loosen(
        _ quota: String, cpu: Int, index: UInt64, isHeld: (Evaluation) -> Bool = { _ in true }
    ) -> [Evaluation] {
        blocked.loosen(quota: quota, index: index)
        return serve(quota, cpu: cpu, isHeld: isHeld)
    }
    func serve(_ quota: String, cpu: Int, isHeld: (Evaluation) -> Bool = { _ in true }) -> [Evaluation] {
        var left = QuotaResources()
        (left.cpu, left.cores, left.memoryMB, left.memoryMaxMB) = (cpu, 1, 1, 1)
        return blocked.serve(quota: quota, room: QuotaRoomLeft(left), isHeld: isHeld)
    }
    func settle(_ number: UInt64) -> String? {
        guard case .quota(let quota) = blocked.settle(ID(high: 1, low: number)) else { return nil }
        return quota
    }
    func hasUnseenRoom(_ evaluation: Evaluation) -> Bool { blocked.hasUnseenRoom(evaluation) }
    func forget(job id: String, namespace: String) -> Evaluation? { blocked.forget(job: id, namespace: namespace) }
}
