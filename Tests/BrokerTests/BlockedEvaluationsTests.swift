import Basics
import Broker
import Model
import Testing

@Suite struct BlockedEvaluationsTests {
    private func evaluation(
        _ number: UInt64, job: String, classes: [String: Bool] = [:], escaped: Bool = false, snapshot: UInt64 = 100,
        quota: String = ""
    ) -> Evaluation {
        var evaluation = Evaluation()
        evaluation.id = ID(high: 1, low: number)
        evaluation.namespace = "default"
        evaluation.jobID = job
        evaluation.classEligibility = classes
        evaluation.escapedComputedClass = escaped
        evaluation.snapshotIndex = snapshot
        evaluation.quotaLimitReached = quota
        evaluation.createIndex = number
        return evaluation
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
        #expect(blocked.block(evaluation(1, job: "web", snapshot: 149)) == .tryAgain(superseded: nil))
        #expect(blocked.block(evaluation(2, job: "web", snapshot: 150)) == .waiting(superseded: nil))
        #expect(
            blocked.block(evaluation(3, job: "db", classes: ["v1:a": false], snapshot: 1)) == .waiting(superseded: nil))
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
                ? blocked.unblock(computedClass: "v1:a", index: 101) : blocked.unblock(quota: waker, index: 101)
            #expect(woken.isEmpty != wakers.contains(waker))
        }
    }

    @Test func roomInAQuotaThatCameBetweenSnapshotAndBlockingIsNotMissed() {
        let blocked = Subject()
        _ = blocked.unblock(quota: "small", index: 150)
        #expect(blocked.block(evaluation(1, job: "web", snapshot: 149, quota: "small")) == .tryAgain(superseded: nil))
        #expect(
            blocked.block(evaluation(2, job: "web", snapshot: 150, quota: "small")) == .waiting(superseded: nil))
        #expect(blocked.block(evaluation(3, job: "db", snapshot: 1, quota: "large")) == .waiting(superseded: nil))
    }

    /// Nodes of another pool wake nobody, not even one whose constraints their class cannot answer.
    @Test(arguments: [("gpu", "gpu", true), ("gpu", "default", false), ("all", "gpu", true)])
    func poolsAreKeptApart(own: String, freed: String, woken: Bool) {
        let blocked = Subject()
        _ = blocked.block(evaluation(1, job: "web", escaped: true), nodePool: own)
        #expect(blocked.unblock(computedClass: "v1:a", nodePool: freed, index: 101).isEmpty == !woken)
        let late = Subject()
        _ = late.unblock(computedClass: "v1:a", nodePool: freed, index: 150)
        let outcome = late.block(evaluation(1, job: "web", escaped: true), nodePool: own)
        #expect((outcome == .tryAgain(superseded: nil)) == woken)
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

    func block(_ evaluation: Evaluation, nodePool: String = "default") -> BlockedEvaluations.Outcome {
        blocked.block(evaluation, nodePool: nodePool)
    }
    func unblock(computedClass: String, nodePool: String = "default", index: UInt64) -> [Evaluation] {
        blocked.unblock(computedClass: computedClass, nodePool: nodePool, index: index)
    }
    func unblock(quota: String, index: UInt64) -> [Evaluation] { blocked.unblock(quota: quota, index: index) }
    func forget(job id: String, namespace: String) -> Evaluation? { blocked.forget(job: id, namespace: namespace) }
}
