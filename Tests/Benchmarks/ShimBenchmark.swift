import Basics
import Glibc
import Linux
import TestSupport

/// Memory that a running task costs beside its own: the private pages of its `drover-shim`. A task of docker has none.
enum ShimBenchmark: Benchmark {
    static let name = "shim"

    static func run() async throws -> BenchmarkReport {
        // A disk without a system: the machine runs until it is stopped.
        let images = try TemporaryFolder("images")
        chmod(images.path, 0o755)
        try images.write("empty.raw", String(repeating: "\0", count: 1 << 20))
        chmod(images.path + "/empty.raw", 0o644)
        let agent = try TaskAgent(
            configuration: "plugin \"qemu\" {\n  config { image_paths = [\"\(images.path)\"] }\n}\n")
        var (skipped, figures): ([(String, JSON)], [(String, Double)]) = ([], [])
        for job in jobs(image: images.path + "/empty.raw") {
            if let reason = try agent.lacks(job.driver) {
                skipped.append((job.driver, .string(reason)))
                continue
            }
            let sizes = try shims(job, agent)
            print("\(job.driver): \(sizes.count) tasks, private KiB \(sizes.sorted())")
            figures.append(("\(job.driver)_private_kib", percentile(sizes, 0.5)))
        }
        figures.append(("private_kib", figures.map(\.1).max() ?? .nan))
        return BenchmarkReport(
            setup: [
                ("raw_exec_tasks", .integer(20)), ("exec_tasks", .integer(20)), ("java_tasks", .integer(3)),
                ("qemu_tasks", .integer(3)), ("skipped", .object(JSONObject(skipped))),
            ],
            figures: figures)
    }

    private static func jobs(image: String) -> [BenchmarkJob] {
        var programs = ["raw_exec", "exec"].map {
            BenchmarkJob.command("shim-\($0)", driver: $0, ["/bin/sleep", "1000"])
        }
        for index in programs.indices { programs[index].count = 20 }
        var java = BenchmarkJob(id: "shim-java", count: 3, memoryMiB: 256, driver: "java")
        // A program that is part of every Java runtime, waits for clients, and takes any free port.
        java.config = .object([
            ("class", .string("sun.rmi.registry.RegistryImpl")), ("args", .array([.string("0")])),
            ("jvm_options", .array([.string("-Xmx32m")])),
        ])
        var qemu = BenchmarkJob(id: "shim-qemu", count: 3, memoryMiB: 256, driver: "qemu")
        qemu.config = .object([
            ("image_path", .string(image)), ("accelerator", .string("tcg")), ("args", .array([.string("-snapshot")])),
        ])
        return programs + [java, qemu]
    }

    /// Runs the job; what each of its shims holds for itself, in KiB.
    private static func shims(_ job: BenchmarkJob, _ agent: TaskAgent) throws -> [Double] {
        try Field.register(job, agent.http)
        try agent.wait(job, for: "running")
        sleep(1)
        let shims = agent.agent.shims(of: job.driver)
        guard shims.count == job.count else {
            throw NeverHappened(description: "\(shims.count) shims run for \(job.count) tasks of \(job.id)")
        }
        let sizes = shims.map { pid -> Double in
            let memory = Processes.memoryKiB(pid)
            return Double((memory["Private_Clean"] ?? 0) + (memory["Private_Dirty"] ?? 0))
        }
        try agent.end(job)
        return sizes
    }
}
