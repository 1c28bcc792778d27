import Basics
import Model
import Scheduling

/// Carries out the commands of a transcript on the reconciler and prints its decisions.
///
///     job TYPE count=N version=N [parallel=N stagger=S] [attempts=N interval=S | unlimited] [delay=S function=F max=S]
///         [command=TEXT] [stop] [purged]     (a further `job` registers the next version; older ones are kept)
///     disconnect [lost_after=S | stop_after=S] [replace=BOOL] [reconcile=STRATEGY]     (of jobs registered from now on)
///     node NAME ready|down|disconnected|ineligible|unfit
///     alloc NAME[INDEX] node=NAME version=N [client=STATUS] [desired=STATUS] [ended=S] [migrate] [force] [tried=S,S]
///         [followup=NAME] [namesake] [away=S] [score=N] [since=S]
///     forget           (all allocations)
///     reconcile [now=S] [as=NAME]     (`as` names the evaluation, for follow-ups)
struct ReconcilePlayer {
    private var versions: [UInt64: Job] = [:]
    private var job: Job?
    private var nodes: [(name: String, state: String)] = []
    private var allocations: [JobAllocation] = []
    private var names: [ID: String] = [:]
    private var disconnect: DisconnectStrategy?
    private var scores: [ID: Double] = [:]
    private var starts: [ID: Timestamp] = [:]
    private var out: [String] = []

    mutating func play(_ script: String) -> String {
        var result: [String] = []
        var isOutput = false
        for line in script.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "----" {
                result.append("----")
                result += out.isEmpty ? ["nothing"] : out
                out = []
                isOutput = true
            } else if line.isEmpty {
                isOutput = false
                result.append("")
            } else if !isOutput {
                result.append(String(line))
                if !line.hasPrefix("#") { run(line.split(separator: " ").map(String.init)) }
            }
        }
        return result.joined(separator: "\n")
    }

    private mutating func run(_ words: [String]) {
        let options = Options(words.dropFirst())
        switch words[0] {
        case "job": setJob(JobType(words[1]), options)
        case "disconnect": setDisconnect(options)
        case "node": setNode(words[1], words[2])
        case "alloc": addAllocation(words[1], options)
        case "forget": allocations = []
        case "reconcile": reconcile(options)
        default: out.append("unknown command \(words[0])")
        }
    }

    // MARK: - Input

    private mutating func setJob(_ type: JobType, _ options: Options) {
        var job = Job()
        job.id = "web"
        job.namespace = "default"
        job.type = type
        job.createIndex = 10
        job.version = UInt64(options.number("version") ?? 0)
        job.stop = options.has("stop")
        var group = TaskGroup()
        group.name = "g"
        group.count = options.number("count") ?? 1
        var task = JobTask()
        task.name = "t"
        task.config = .object([("command", .string(options["command"] ?? "run"))])
        group.tasks = [task]
        group.reschedulePolicy = options.reschedulePolicy
        group.disconnect = disconnect
        if let parallel = options.number("parallel") {
            var update = UpdateStrategy()
            update.maxParallel = parallel
            update.stagger = options.seconds("stagger")
            group.update = update
        }
        job.taskGroups = [group]
        versions[job.version] = job
        self.job = options.has("purged") ? nil : job
    }

    private mutating func setDisconnect(_ options: Options) {
        var strategy = DisconnectStrategy()
        strategy.lostAfter = options.seconds("lost_after")
        strategy.stopOnClientAfter = options.seconds("stop_after")
        strategy.replace = options["replace"].map { $0 == "true" }
        strategy.reconcile = options["reconcile"]
        disconnect = strategy
    }

    private mutating func setNode(_ name: String, _ state: String) {
        if let position = nodes.firstIndex(where: { $0.name == name }) {
            nodes[position].state = state
        } else {
            nodes.append((name, state))
        }
    }

    private mutating func addAllocation(_ text: String, _ options: Options) {
        let parts = text.dropLast().split(separator: "[")
        var allocation = JobAllocation()
        allocation.id = ID(index: 1, ordinal: UInt64(names.count))
        names[allocation.id] = String(parts[0])
        allocation.nameIndex = UInt32(parts[1]) ?? 0
        allocation.group = "g"
        allocation.node = NodeRow(nodes.firstIndex { $0.name == options["node"] } ?? 99)
        allocation.jobVersion = UInt64(options.number("version") ?? 0)
        allocation.client = AllocationClientStatus(rawValue: options["client"] ?? "running") ?? .running
        allocation.desired = AllocationDesiredStatus(rawValue: options["desired"] ?? "run") ?? .run
        allocation.endedAt = Timestamp(seconds: Int64(options.number("ended") ?? 0))
        allocation.createIndex = UInt64(allocations.count)
        if let away = options.number("away") { allocation.disconnectedAt = Timestamp(seconds: Int64(away)) }
        scores[allocation.id] = Double(options.number("score") ?? 0)
        starts[allocation.id] = Timestamp(seconds: Int64(options.number("since") ?? 0))
        allocation.isOfNamesake = options.has("namesake")
        if options.has("migrate") { allocation.transition.migrate = true }
        if options.has("force") { allocation.transition.forceReschedule = true }
        if let name = options["followup"] { allocation.followupEvalID = evaluationID(name) }
        if let status = options["followed"].flatMap(EvaluationStatus.init) { allocation.followupStatus = status }
        allocation.tracker = options.tracker
        allocations.append(allocation)
    }

    private mutating func evaluationID(_ name: String) -> ID {
        if let known = names.first(where: { $0.value == name })?.key { return known }
        let id = ID(index: 2, ordinal: UInt64(names.count))
        names[id] = name
        return id
    }

    // MARK: - Decisions

    private mutating func reconcile(_ options: Options) {
        var evaluation = Evaluation()
        evaluation.id = evaluationID(options["as"] ?? "now")
        evaluation.jobID = "web"
        evaluation.priority = 50
        let nodes = nodes
        let versions = versions
        let ids = Counter()
        let known = names
        let (scores, starts) = (scores, starts)
        let result = Reconciler.reconcile(
            Reconciler.Input(
                job: job, evaluation: evaluation, allocations: allocations,
                now: Timestamp(seconds: Int64(options.number("now") ?? 1_000)),
                condition: { row in
                    guard Int(row) < nodes.count else { return .lost }
                    return nodes[Int(row)].state == "down"
                        ? .lost : nodes[Int(row)].state == "disconnected" ? .disconnected : .usable
                },
                earlierJob: { versions[$0] },
                maySuit: { _, row in Int(row) < nodes.count && nodes[Int(row)].state != "unfit" },
                mayLast: { _, row in Int(row) < nodes.count && nodes[Int(row)].state != "unfit" },
                readyNodes: { _ in nodes.indices.filter { nodes[$0].state == "ready" }.map(NodeRow.init) },
                score: { scores[$0] ?? 0 }, runningSince: { starts[$0] ?? .never },
                newID: { ID(index: 3, ordinal: UInt64(ids.next())) }))
        print(result, known)
    }

    private mutating func print(_ result: Reconciliation, _ known: [ID: String]) {
        var names = known
        for (position, evaluation) in result.followUps.enumerated() { names[evaluation.id] = "follow-up \(position)" }
        for stop in result.stops {
            let name = names[stop.id] ?? "?"
            if stop.clientStatus == .unknown {
                out.append("\(name) is unknown, until \(names[stop.followupEvalID] ?? "it is back")")
            } else if stop.desiredStatus == .run, stop.followupEvalID.isNone {
                out.append("\(name) is back")
            } else if stop.desiredStatus == .run {
                out.append("\(name) waits for \(names[stop.followupEvalID] ?? "?")")
            } else {
                out.append("stop \(name)\(stop.clientStatus.map { " as \($0)" } ?? ""): \(stop.description)")
            }
        }
        for id in result.inPlaceUpdates { out.append("update \(names[id] ?? "?") in place") }
        for group in result.groups { printPlacements(group, names) }
        for (position, evaluation) in result.followUps.enumerated() {
            out.append("follow-up \(position) at \(evaluation.waitUntil.seconds): \(evaluation.triggeredBy)")
        }
        for (_, updates) in result.desired.sorted(by: { $0.key < $1.key }) { out.append(updates.text) }
    }

    private mutating func printPlacements(_ group: GroupRequest, _ names: [ID: String]) {
        for row in group.nodes ?? [] {
            let previous = group.previousByNode[row].map { ", replaces \(names[$0] ?? "?")" } ?? ""
            out.append("place on \(nodes[Int(row)].name)\(previous)")
        }
        let fresh = group.instances.filter { $0.previous.isNone }.map { "[\($0.nameIndex)]" }
        for instance in group.instances where !instance.previous.isNone {
            let avoids = instance.avoidsPreviousNode ? ", avoids its node" : ""
            let attempts = instance.tracker.map { ", attempt \($0.events.count)" } ?? ""
            out.append("place [\(instance.nameIndex)], replaces \(names[instance.previous] ?? "?")\(avoids)\(attempts)")
        }
        if !fresh.isEmpty { out.append("place \(fresh.joined(separator: " "))") }
    }
}

/// Numbers, counted up.
private final class Counter: @unchecked Sendable {
    private var value = 0

    func next() -> Int {
        value += 1
        return value
    }
}

/// `key=value` words and flags of a command.
private struct Options {
    private var values: [String: String] = [:]

    init(_ words: ArraySlice<String>) {
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            values[parts[0]] = parts.count > 1 ? parts[1] : ""
        }
    }

    subscript(key: String) -> String? { values[key] }

    func has(_ key: String) -> Bool { values[key] != nil }

    func number(_ key: String) -> Int? { values[key].flatMap { Int($0) } }

    func seconds(_ key: String) -> Duration? { number(key).map { .seconds($0) } }

    var reschedulePolicy: ReschedulePolicy? {
        guard has("attempts") || has("unlimited") || has("delay") else { return nil }
        var policy = ReschedulePolicy()
        policy.attempts = number("attempts") ?? 0
        policy.unlimited = has("unlimited")
        policy.interval = seconds("interval") ?? .seconds(3_600)
        policy.delay = seconds("delay") ?? .zero
        policy.delayFunction = self["function"] ?? "constant"
        policy.maxDelay = seconds("max")
        return policy
    }

    /// Earlier attempts: the seconds at which they were made, each with the delay the policy's doubling gives.
    var tracker: RescheduleTracker? {
        guard let tried = self["tried"] else { return nil }
        var tracker = RescheduleTracker()
        for (position, text) in tried.split(separator: ",").enumerated() {
            var event = RescheduleEvent()
            event.rescheduleTime = Timestamp(seconds: Int64(text) ?? 0)
            event.delay = .seconds(10 << position)
            tracker.events.append(event)
        }
        return tracker
    }
}

extension DesiredUpdates {
    fileprivate var text: String {
        let counts = [
            ("place", place), ("stop", stop), ("migrate", migrate), ("in-place", inPlaceUpdate),
            ("destructive", destructiveUpdate), ("now", rescheduleNow), ("later", rescheduleLater),
            ("disconnect", disconnect),
            ("reconnect", reconnect), ("ignore", ignore),
        ]
        return "= " + counts.filter { $0.1 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
    }
}
