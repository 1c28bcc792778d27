import Basics
import Client
import Model
import PluginHost
import Testing

/// Decisions without a world.
@Suite struct PureTests {
    @Test func restartsWithinThePolicyThenFails() {
        var generator = SeededGenerator(seed: 1)
        var policy = RestartPolicy()
        policy.attempts = 2
        policy.delay = .seconds(8)
        policy.interval = .seconds(100)
        policy.mode = "fail"
        var tracker = RestartTracker(policy: policy, jobType: .service, lifecycle: nil)
        func decide(_ second: Int64) -> RestartTracker.Decision {
            tracker.decide(.exited(success: false), now: Uptime(nanoseconds: second * 1_000_000_000), using: &generator)
        }
        for second in [0, 10, 150, 160] as [Int64] {
            guard case .restart(let delay, "Restart within policy") = decide(second) else {
                Issue.record("no restart at \(second)")
                continue
            }
            #expect(delay >= .seconds(8) && delay <= .seconds(10))
        }
        #expect(decide(170) == .fail(reason: "Exceeded allowed attempts 2 in interval 1m40s and mode is \"fail\""))
        #expect(
            tracker.decide(.startFailed(recoverable: false), now: Uptime(nanoseconds: 0), using: &generator)
                == .fail(reason: "Error was unrecoverable"))
    }

    @Test func delayModeWaitsForTheIntervalsEnd() {
        var generator = SeededGenerator(seed: 1)
        var policy = RestartPolicy()
        policy.attempts = 1
        policy.interval = .seconds(100)
        policy.mode = "delay"
        var tracker = RestartTracker(policy: policy, jobType: .batch, lifecycle: nil)
        _ = tracker.decide(.exited(success: false), now: Uptime(nanoseconds: 0), using: &generator)
        let later = tracker.decide(
            .exited(success: false), now: Uptime(nanoseconds: 40_000_000_000), using: &generator)
        guard case .restart(let delay, _) = later else { return #expect(Bool(false)) }
        #expect(delay >= .seconds(60) && delay <= .seconds(75))
        #expect(tracker.decide(.exited(success: true), now: Uptime(nanoseconds: 0), using: &generator) == .done)
    }

    @Test(arguments: [
        (text: "plain", value: "plain"), ("${NOMAD_DC}", "dc1"), ("a-${attr.cpu.arch}-${meta.rack}", "a-amd64-r1"),
        ("${env[\"HOME\"]}", "/root"), ("${node.datacenter}", "dc1"), ("${unknown} $HOME ${", "${unknown} $HOME ${"),
        ("${NOMAD_META_OWNER}/${NOMAD_META_owner}", "ops/ops"), ("${NOMAD_PORT_http_api}", "23456"),
        ("${NOMAD_ADDR_http_api}", "127.0.0.1:23456"), ("${NOMAD_ALLOC_INDEX}", "3"), ("${MINE}", "amd64 yes"),
        ("${NOMAD_CPU_LIMIT} ${NOMAD_MEMORY_LIMIT}", "250 64"), ("${node.unique.name}", "box"),
        ("${ NOMAD_DC }", "dc1"),
    ])
    func interpolates(text: String, value: String) {
        var task = makeTask("server")
        task.env = ["MINE": "${attr.cpu.arch} yes", "PATH": "/own"]
        let allocation = makeAllocation(.service, [task])
        var node = Node()
        node.name = "box"
        node.datacenter = "dc1"
        node.attributes = ["cpu.arch": "amd64"]
        node.meta = ["rack": "r1"]
        var input = TaskEnvironment.Input(
            allocation: allocation, group: allocation.job?.taskGroups.first ?? TaskGroup(), task: task, node: node,
            region: "global", directories: TaskSpec.Directories())
        input.inherited = ["HOME": "/root", "PATH": "/bin"]
        let environment = TaskEnvironment(input)
        #expect(environment.interpolation.apply(text) == value)
        #expect(environment.variables["PATH"] == "/own")
    }

    /// Servers give `memory_max` only where memory is oversubscribed.
    @Test(arguments: [(most: Int64(0), value: String?.none), (64, nil), (128, "128")])
    func tellsOfOversubscribedMemory(most: Int64, value: String?) {
        let task = makeTask("server")
        var allocation = makeAllocation(.service, [task])
        allocation.allocatedResources.tasks["server"]?.memory.memoryMaxMB = most
        let input = TaskEnvironment.Input(
            allocation: allocation, group: allocation.job?.taskGroups.first ?? TaskGroup(), task: task, node: Node(),
            region: "global", directories: TaskSpec.Directories())
        let variables = TaskEnvironment(input).variables
        #expect(variables["NOMAD_MEMORY_LIMIT"] == "64" && variables["NOMAD_MEMORY_MAX_LIMIT"] == value)
    }

    @Test(arguments: [
        (main: TaskRunState.pending, failed: false, status: AllocationClientStatus.pending),
        (.running, false, .running), (.dead, false, .complete), (.dead, true, .failed),
    ])
    func statusFollowsTheTasks(main: TaskRunState, failed: Bool, status: AllocationClientStatus) {
        let coordinator = LifecycleCoordinator([makeTask("main")])
        var state = TaskState()
        state.state = main
        state.failed = failed
        #expect(coordinator.status(["main": state]).0 == status)
    }

    @Test func aStoppingAllocationStartsOnlyItsPoststopTasks() {
        var coordinator = LifecycleCoordinator([makeTask("main"), makeTask("last", hook: "poststop")])
        coordinator.isStopping = true
        var states = ["main": TaskState(), "last": TaskState()]
        #expect(!coordinator.mayStart("main", states))
        #expect(!coordinator.mayStart("last", states))
        #expect(coordinator.mustEnd(states).map(\.task) == ["main"])
        states["main"]?.state = .dead
        #expect(coordinator.mayStart("last", states))
        #expect(coordinator.mustEnd(states).isEmpty)
    }

    @Test func healthWantsTimeWithoutRestarts() {
        var update = UpdateStrategy()
        update.minHealthyTime = .seconds(10)
        update.healthyDeadline = .seconds(60)
        let coordinator = LifecycleCoordinator([makeTask("main")])
        var tracker = HealthTracker(update: update, start: Uptime(nanoseconds: 0))
        func look(_ second: Int64, restarts: UInt64) -> Bool? {
            var state = TaskState()
            state.state = .running
            state.restarts = restarts
            return tracker.look(["main": state], coordinator, now: Uptime(nanoseconds: second * 1_000_000_000))
        }
        #expect(look(1, restarts: 0) == nil)
        #expect(look(8, restarts: 1) == nil)
        #expect(look(15, restarts: 1) == nil)
        #expect(look(18, restarts: 1) == true)
        #expect(tracker.nextLook == nil)
        var late = HealthTracker(update: update, start: Uptime(nanoseconds: 0))
        #expect(late.look(["main": TaskState()], coordinator, now: Uptime(nanoseconds: 61_000_000_000)) == false)
    }
}
