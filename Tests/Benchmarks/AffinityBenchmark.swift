import Basics
import Linux
import Logging
import Model
import PluginHost
import RPC
import Scheduling
import Simulation
import StateStore
import TestSupport

/// The scheduler core alone: a service job of 1,000 instances with an affinity and a spread, every node feasible, from the
/// evaluation to the finished plan, through the same library as the agent's.
enum AffinityBenchmark: Benchmark {
    static let name = "affinity"

    private static let count = 1_000
    private static let sizes = [1_000, 2_000, 5_000, 10_000, 20_000]

    static func run() async throws -> BenchmarkReport {
        let folder = try TemporaryFolder("plugins")
        var configuration = PluginHostConfiguration(
            stockFolder: Binaries.folder, pluginFolder: nil, dataFolder: folder.path,
            hostProgram: Binaries.folder + "/drover")
        var off = PluginHostConfiguration.Plugin()
        off.isEnabled = false
        for name in ["raw_exec", "mock_driver", "host"] { configuration.plugins[name] = off }
        let seam = Seam.system(network: TCPNetwork())
        let host = PluginManager(
            seam: seam, configuration: configuration, log: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() })
        await host.start()
        guard let scheduler = host.scheduler(named: "service") else {
            throw NeverHappened(description: "no scheduler \"service\" beside the benchmark")
        }
        var figures: [(String, Double)] = []
        for size in sizes {
            let rates = try (0..<5).map { try measure(nodes: size, scheduler, seam, seed: UInt64($0 + 1)) }
            let rate = rates.max() ?? .nan
            print("\(size) nodes: \(rates.map { rounded($0, 0) }) placements/s")
            figures.append(("per_second_\(size)", rounded(rate, 0)))
        }
        await host.stop()
        return BenchmarkReport(
            setup: [("count", .integer(Int64(count))), ("rounds", .integer(5)), ("taken", .string("best"))],
            figures: figures)
    }

    /// Placements a second of one evaluation; checks that every node was scored.
    private static func measure(nodes: Int, _ scheduler: any Scheduler, _ seam: Seam, seed: UInt64) throws -> Double {
        var generator = SeededGenerator(seed: seed)
        var tables = StateTables()
        for number in 0..<nodes {
            var node = Node.simulated(number: number, random: seam.random)
            node.computedClass = ComputedClass.of(node)
            _ = tables.apply(
                .nodeRegister(NodeRegistration(node: node, time: Timestamp(seconds: 1))), index: tables.index + 1)
        }
        let registration = JobRegistration(job: job, time: Timestamp(seconds: 2))
        let outcome = tables.apply(.jobRegister(registration), index: tables.index + 1)
        guard let evaluation = outcome.evaluations.last else { throw NeverHappened(description: "no evaluation") }
        let processor = EvaluationProcessor()
        let snapshot = tables.snapshot()
        // The view of the cluster is kept between evaluations; only the first one builds it.
        _ = processor.prepare(evaluation, snapshot: snapshot, now: Timestamp(seconds: 3), generator: &generator)
        let begin = seconds()
        let prepared = processor.prepare(
            evaluation, snapshot: snapshot, now: Timestamp(seconds: 3), generator: &generator)
        let answer = try scheduler.place(
            view: block(processor.viewBytes), batch: block(processor.problemBytes), deadline: Uptime(nanoseconds: .max))
        let result = try answer.withUnsafeBytes { try processor.finish(prepared, answer: $0, generator: &generator) }
        let elapsed = seconds() - begin
        let placed = result.plan.placements.reduce(0) { $0 + $1.ids.count }
        let evaluated = result.plan.placements.first?.metric.nodesEvaluated ?? 0
        guard placed == count, evaluated == nodes else {
            throw NeverHappened(description: "\(placed) placed, \(evaluated) of \(nodes) nodes evaluated")
        }
        return Double(count) / elapsed
    }

    private static func block(_ bytes: UnsafeRawBufferPointer) -> Block {
        Block(base: bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 8).unsafelyUnwrapped, length: bytes.count)
    }

    private static var job: Job {
        var job = Job()
        job.id = "affinity"
        job.name = "affinity"
        job.namespace = "default"
        job.datacenters = ["*"]
        var affinity = Affinity()
        affinity.lTarget = "${node.class}"
        affinity.operand = "="
        affinity.rTarget = "class-1"
        affinity.weight = 50
        job.affinities = [affinity]
        var spread = Spread()
        spread.attribute = "${node.datacenter}"
        spread.weight = 50
        job.spreads = [spread]
        var task = JobTask()
        task.name = "task"
        task.driver = "mock_driver"
        var resources = Resources()
        resources.cpu = 20
        resources.memoryMB = 15
        task.resources = resources
        var group = TaskGroup()
        group.name = "group"
        group.count = count
        group.tasks = [task]
        job.taskGroups = [group]
        return job.canonicalized()
    }
}
