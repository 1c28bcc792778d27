internal import Basics
internal import Model
internal import Scheduling

/// Sums up how a shadow's answers compare with those that were carried out.
struct ShadowRecord: Sendable {
    /// One scheduler's answer to an evaluation.
    struct Answer {
        /// An instance of a group: its number, or for jobs on each node the node.
        struct Instance: Hashable {
            let group: String
            let number: UInt32
        }

        var nodes: [Instance: NodeRow] = [:]
        var scoreSum = 0.0
        var unplaced: Int
        var duration: Duration

        init(_ outcome: EvaluationOutcome, isEachNode: Bool, duration: Duration) {
            unplaced = outcome.unplaced.values.reduce(0, +)
            self.duration = duration
            for batch in outcome.plan.placements {
                for (node, index) in zip(batch.nodes, batch.nameIndexes) {
                    nodes[Instance(group: batch.taskGroup, number: isEachNode ? node : index)] = node
                }
                scoreSum += batch.scores.reduce(0) { $0 + Double($1) }
            }
        }
    }

    private struct Side {
        var placed = 0
        var scoreSum = 0.0
        var durations = DurationWindow()

        mutating func add(_ answer: Answer) {
            placed += answer.nodes.count
            scoreSum += answer.scoreSum
            durations.add(answer.duration)
        }

        var report: ShadowSide {
            var side = ShadowSide()
            side.placed = placed
            side.meanScore = placed == 0 ? 0 : scoreSum / Double(placed)
            side.durationP50 = durations.median
            side.durationMax = durations.longest
            return side
        }
    }

    /// Faults put a shadow aside like any other scheduler.
    private(set) var health = SchedulerHealth()
    var dropped = 0
    private var target = ShadowTarget()
    private var compared = 0
    private var asked = 0
    private var agreed = 0
    private var active = Side()
    private var shadow = Side()
    private var lastFault = ""

    /// Begins anew when another plug-in is tried, or on other jobs.
    mutating func follow(_ target: ShadowTarget) {
        guard target != self.target else { return }
        self = ShadowRecord()
        self.target = target
    }

    /// Adds an evaluation that both placed; one of an earlier target says nothing of this one.
    mutating func compare(_ done: Answer, _ tried: Answer, for target: ShadowTarget) {
        guard target == self.target else { return }
        health.answered()
        compared += 1
        asked += done.nodes.count + done.unplaced
        agreed += done.nodes.count { tried.nodes[$0.key] == $0.value }
        active.add(done)
        shadow.add(tried)
    }

    mutating func failed(_ error: any Error, for target: ShadowTarget, now: Uptime) {
        guard target == self.target else { return }
        health.failed(SchedulerFaultKind(error), now: now)
        lastFault = String("\(error)".prefix(512))
    }

    var report: ShadowReport {
        var report = ShadowReport()
        report.target = target
        report.compared = compared
        report.asked = asked
        report.agreed = agreed
        report.active = active.report
        report.shadow = shadow.report
        report.faults = health.faults.values.reduce(0, +)
        report.lastFault = lastFault
        report.dropped = dropped
        return report
    }
}

/// Of many durations, the newest few for the median, and the longest.
struct DurationWindow: Sendable {
    /// Durations the median is of.
    static let size = 512

    private var newest: [Duration] = []
    private var next = 0
    private(set) var longest = Duration.zero

    mutating func add(_ duration: Duration) {
        longest = max(longest, duration)
        if newest.count < Self.size { return newest.append(duration) }
        newest[next] = duration
        next = (next + 1) % Self.size
    }

    /// Half of the newest took no longer; zero when there are none.
    var median: Duration {
        let sorted = newest.sorted()
        return sorted.isEmpty ? .zero : sorted[(sorted.count - 1) / 2]
    }
}
