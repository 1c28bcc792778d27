internal import Basics
internal import Model

/// Makes the jobs of a simulation: small ones and large ones, of all four types, some with ports, some bound to a class
/// of nodes, some that wait for nodes out of reach.
struct JobFactory {
    let random: any RandomSource

    func job(_ id: String) -> Job {
        var job = Job()
        job.id = id
        job.name = id
        job.type = [.service, .service, .service, .batch, .batch, .system, .sysbatch][below(7)]
        job.priority = 10 + below(9) * 10
        job.datacenters = ["*"]
        if below(4) == 0 {
            var constraint = Constraint()
            constraint.lTarget = "${node.class}"
            constraint.operand = "="
            constraint.rTarget = "class-\(below(5))"
            job.constraints = [constraint]
        }
        for number in 0..<(below(3) == 0 ? 2 : 1) { job.taskGroups.append(group("group-\(number)", job.type)) }
        return job
    }

    private func group(_ name: String, _ type: JobType) -> TaskGroup {
        var group = TaskGroup()
        group.name = name
        group.count = type.isEachNode ? 1 : 1 + below(8)
        var task = JobTask()
        task.name = "main"
        task.driver = "mock_driver"
        var resources = Resources()
        resources.cpu = 100 + below(type.isEachNode ? 5 : 30) * 100
        resources.memoryMB = 100 + below(type.isEachNode ? 5 : 30) * 100
        task.resources = resources
        group.tasks = [task]
        var policy = ReschedulePolicy()
        policy.unlimited = true
        policy.attempts = 0
        policy.delay = .seconds(5)
        policy.delayFunction = "constant"
        group.reschedulePolicy = type == .service || type == .batch ? policy : nil
        group.disconnect = type.isEachNode || below(3) > 0 ? nil : disconnect()
        if below(3) == 0 {
            var network = NetworkResource()
            network.dynamicPorts = [port("http", 0)]
            if below(3) == 0 { network.reservedPorts = [port("fixed", 8_000 + below(3))] }
            group.networks = [network]
        }
        return group
    }

    /// What becomes of work whose node is out of reach; nodes are for up to a minute. `stop_on_client_after` is left out: simulated
    /// clients end nothing by themselves.
    private func disconnect() -> DisconnectStrategy {
        var strategy = DisconnectStrategy()
        strategy.replace = below(4) > 0
        if strategy.replace == true || below(2) == 0 { strategy.lostAfter = .seconds(Int64(5 + below(60))) }
        strategy.reconcile = ReconcileStrategy.allCases[below(ReconcileStrategy.allCases.count)].rawValue
        return strategy
    }

    private func port(_ label: String, _ value: Int) -> Port {
        var port = Port()
        port.label = label
        port.value = value
        return port
    }

    /// Another version that running tasks take on as they are.
    func changedInPlace(_ job: Job) -> Job {
        var job = job
        for group in job.taskGroups.indices {
            for task in job.taskGroups[group].tasks.indices {
                job.taskGroups[group].tasks[task].killTimeout = .seconds(Int64(1 + below(20)))
            }
        }
        return job
    }

    /// Another version that needs its tasks started anew.
    func changedDestructively(_ job: Job) -> Job {
        var job = job
        let group = below(job.taskGroups.count)
        job.taskGroups[group].tasks[0].env["VERSION"] = "\(random.next() % 1_000)"
        if below(2) == 0 { job.taskGroups[group].tasks[0].resources?.cpu = 100 + below(20) * 100 }
        return job
    }

    func scaled(_ job: Job) -> Job {
        var job = job
        job.taskGroups[below(job.taskGroups.count)].count = below(10)
        return job
    }

    private func below(_ limit: Int) -> Int { Int(random.next() % UInt64(max(1, limit))) }
}
