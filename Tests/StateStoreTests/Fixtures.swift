import Basics
import Model

@testable import StateStore

/// A store that hands out its own indexes and times, and short ways to fill it.
struct Fixture {
    var store = StateTables()
    var index: UInt64 = 10
    var generator = SeededGenerator(seed: 1)

    var snapshot: Snapshot { store.snapshot() }
    var time: Timestamp { Timestamp(seconds: 1_700_000_000 + Int64(index)) }

    @discardableResult
    mutating func apply(_ entry: StateEntry) -> ApplyOutcome {
        index += 1
        return store.apply(entry, index: index)
    }

    func job(_ id: String, type: JobType = .service, count: Int = 3, groups: [String] = ["web"]) -> Job {
        var job = Job()
        job.id = id
        job.name = id
        job.namespace = "default"
        job.region = "global"
        job.type = type
        job.priority = 50
        job.datacenters = ["dc1"]
        for name in groups {
            var group = TaskGroup()
            group.name = name
            group.count = count
            var task = JobTask()
            task.name = "main"
            task.driver = "mock_driver"
            var resources = Resources()
            resources.cpu = 100
            resources.memoryMB = 64
            task.resources = resources
            group.tasks = [task]
            job.taskGroups.append(group)
        }
        return job
    }

    @discardableResult
    mutating func register(_ job: Job) -> ApplyOutcome { apply(.jobRegister(JobRegistration(job: job, time: time))) }

    func node(_ name: String, id: ID, status: NodeStatus = .ready) -> Node {
        var node = Node()
        node.id = id
        node.name = name
        node.datacenter = "dc1"
        node.status = status
        node.attributes = ["kernel.name": "linux", "unique.hostname": name]
        node.nodeResources.cpu.cpuShares = 4000
        node.nodeResources.memory.memoryMB = 8192
        node.nodeResources.disk.diskMB = 100_000
        return node
    }

    /// Registers ready nodes and gives their ids.
    mutating func addNodes(_ count: Int) -> [ID] {
        (0..<count).map { number in
            let id = ID(random: &generator)
            apply(.nodeRegister(NodeRegistration(node: node("n\(number)", id: id), time: time)))
            return id
        }
    }

    /// A plan that places `count` of a job's first group over all nodes in turn.
    mutating func plan(_ jobID: String, count: Int, group: String = "web", evaluation: ID = .none) -> Plan {
        var plan = Plan()
        plan.namespace = "default"
        plan.jobID = jobID
        plan.jobVersion = snapshot.job("default", jobID)?.version ?? 0
        plan.evalID = evaluation
        plan.createTime = time
        var batch = PlacementBatch()
        batch.taskGroup = group
        let nodes = max(1, snapshot.nodeRowLimit)
        for position in 0..<count {
            batch.ids.append(ID(random: &generator))
            batch.nodes.append(UInt32(position) % nodes)
            batch.nameIndexes.append(UInt32(position))
            batch.scores.append(0.5)
        }
        batch.metric.nodesEvaluated = Int(nodes)
        plan.placements = [batch]
        return plan
    }

    func report(
        _ id: ID, _ status: AllocationClientStatus, events: [String] = ["Received", "Task Setup", "Started"]
    )
        -> AllocationUpdate
    {
        var update = AllocationUpdate()
        update.id = id
        update.clientStatus = status
        update.clientDescription = "Tasks are \(status.rawValue)"
        var state = TaskState()
        state.state = status.isTerminal ? .dead : .running
        state.failed = status == .failed
        for (position, type) in events.enumerated() {
            var event = TaskEvent()
            event.type = type
            event.time = Timestamp(nanoseconds: time.nanoseconds + Int64(position) * 1_000_003)
            event.displayMessage = "\(type) happened"
            state.events.append(event)
        }
        state.startedAt = TimeText(Timestamp(nanoseconds: time.nanoseconds + 2_000_006))
        update.taskStates = ["main": state]
        return update
    }

    @discardableResult
    mutating func send(_ updates: [AllocationUpdate]) -> ApplyOutcome {
        apply(.allocationUpdates(AllocationReports(updates: updates, time: time)))
    }
}
