import Basics
import CDroverABI
import Model
import Scheduling
import StateStore
import StockSchedulerPlugin
import Testing

/// A state, a worker and a leader without clocks or sockets: evaluation in, committed plan out.
struct Harness {
    var store = StateTables()
    var processor = EvaluationProcessor()
    var verifier = PlanVerifier()
    var generator: SeededGenerator
    var now = Timestamp(seconds: 1_000)
    private let scheduler = StockScheduler(name: "stock", types: StockJobType.allCases)

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    var snapshot: Snapshot { store.snapshot() }

    @discardableResult
    mutating func apply(_ entry: StateEntry) -> ApplyOutcome { store.apply(entry, index: store.index + 1) }

    mutating func addNode(_ change: (inout Node) -> Void = { _ in }) -> NodeRow {
        var node = Node()
        node.id = ID(random: &generator)
        node.name = "node-\(store.index)"
        node.datacenter = "dc1"
        node.status = .ready
        node.attributes = ["kernel.name": "linux"]
        node.drivers["mock_driver"] = DriverInfo.working
        node.nodeResources.cpu.cpuShares = 4_000
        node.nodeResources.memory.memoryMB = 8_192
        node.nodeResources.disk.diskMB = 100_000
        change(&node)
        node.computedClass = ComputedClass.of(node)
        apply(.nodeRegister(NodeRegistration(node: node, time: now)))
        return snapshot.nodeRow(node.id) ?? .max
    }

    mutating func setStatus(_ row: NodeRow, _ status: NodeStatus) -> [Evaluation] {
        let id = snapshot.node(row)?.id ?? .none
        return apply(.nodeStatus(NodeStatusChange(nodes: [id], status: status, message: "test", time: now))).evaluations
    }

    /// Registers the job; its evaluation.
    mutating func register(_ job: Job) throws -> Evaluation {
        let outcome = apply(.jobRegister(JobRegistration(job: job, time: now)))
        return try #require(outcome.evaluations.last)
    }

    /// What a scheduler answers to the last prepared evaluation.
    func answer() throws -> [UInt8] {
        var bytes: [UInt8] = []
        try withUnsafeMutablePointer(to: &bytes) { pointer in
            let sink = drover_sink(context: UnsafeMutableRawPointer(pointer)) { context, written in
                context?.assumingMemoryBound(to: [UInt8].self).pointee
                    .append(contentsOf: UnsafeBufferPointer(start: written.data, count: Int(written.length)))
                return 0
            }
            let view = try #require(processor.viewBytes.baseAddress)
            let batch = try #require(processor.problemBytes.baseAddress)
            try scheduler.place(view: view, batch: batch, into: sink)
        }
        return bytes
    }

    /// Takes an evaluation to its outcome without committing anything.
    mutating func decide(_ evaluation: Evaluation, job: Job? = nil) throws -> EvaluationOutcome {
        let prepared = processor.prepare(evaluation, snapshot: snapshot, now: now, job: job, generator: &generator)
        let records = prepared.problem == nil ? [] : try answer()
        let outcome = try finish(prepared, records)
        guard processor.mayPreempt(prepared, outcome), processor.offerCandidates(prepared) else { return outcome }
        return try finish(prepared, try answer())
    }

    /// Makes the outcome from given records.
    mutating func finish(_ prepared: PreparedEvaluation, _ records: [UInt8]) throws -> EvaluationOutcome {
        var generator = generator
        defer { self.generator = generator }
        return try records.withUnsafeBytes { try processor.finish(prepared, answer: $0, generator: &generator) }
    }

    /// Takes an evaluation through scheduler, verification and commit.
    @discardableResult
    mutating func process(_ evaluation: Evaluation, job: Job? = nil) throws -> (EvaluationOutcome, PlanResult) {
        let outcome = try decide(evaluation, job: job)
        return (outcome, commit(outcome))
    }

    mutating func commit(_ outcome: EvaluationOutcome) -> PlanResult {
        apply(.evaluationsUpdate(outcome.followUps, time: now))
        let verdict = verifier.verify(outcome.endingPlan, on: snapshot)
        apply(.plans([verdict.plan]))
        verifier.release(verdict.ticket)
        let result = outcome.plan.isEmpty ? nil : verdict.result
        if case .done(let evaluations) = outcome.settle(result, attempt: 1), !evaluations.isEmpty {
            apply(.evaluationsUpdate(evaluations, time: now))
        }
        return verdict.result
    }

    /// Reports the same client status for all live allocations of a job.
    mutating func report(_ job: Job, _ status: AllocationClientStatus) {
        let updates = live(job).map { row in
            var update = AllocationUpdate()
            update.id = row.id
            update.clientStatus = status
            return update
        }
        apply(.allocationUpdates(AllocationReports(updates: updates, time: now)))
    }

    func live(_ job: Job) -> [AllocationRow] {
        snapshot.allocations(ofJob: job.id, namespace: job.namespace).filter { !$0.isTerminal }
    }

    /// Invariants of any state: nobody uses more than there is, no exclusive port is held twice.
    func checkNodes(_ note: Comment) {
        let snapshot = snapshot
        for row in 0..<snapshot.nodeRowLimit {
            let allocations = snapshot.allocations(ofNode: row).filter { !$0.isTerminal }
            var sum = ResourceVector()
            for allocation in allocations { sum += snapshot.usage(of: allocation) }
            let capacity = snapshot.nodeCapacity(row)
            #expect(sum == snapshot.nodeUsage(row), note)
            #expect(sum.cpu <= capacity.cpu && sum.memory <= capacity.memory && sum.disk <= capacity.disk, note)
            let ports = snapshot.usedPorts(row)
            #expect(Set(ports).count == ports.count, note)
        }
    }
}

extension DriverInfo {
    static var working: DriverInfo {
        var info = DriverInfo()
        info.detected = true
        info.healthy = true
        return info
    }
}

extension Job {
    /// A job of one group and one task, asking for little.
    static func sample(_ id: String = "web", type: JobType = .service, count: Int = 1) -> Job {
        var job = Job()
        job.id = id
        job.name = id
        job.namespace = "default"
        job.type = type
        job.priority = 50
        job.datacenters = ["*"]
        job.nodePool = "default"
        var group = TaskGroup()
        group.name = "g"
        group.count = count
        var disk = EphemeralDisk()
        disk.sizeMB = 10
        group.ephemeralDisk = disk
        var task = JobTask()
        task.name = "t"
        task.driver = "mock_driver"
        var resources = Resources()
        resources.cpu = 500
        resources.memoryMB = 256
        task.resources = resources
        group.tasks = [task]
        job.taskGroups = [group]
        return job
    }
}

extension NetworkResource {
    /// One port of the host, by number.
    static func staticPort(_ number: Int) -> NetworkResource {
        var (port, network) = (Port(), NetworkResource())
        port.label = "http"
        port.value = number
        network.reservedPorts = [port]
        return network
    }
}

extension Constraint {
    init(_ left: String, _ operand: String, _ right: String) {
        self.init()
        lTarget = left
        self.operand = operand
        rTarget = right
    }
}
