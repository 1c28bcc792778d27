import Basics
import Glibc
import TestSupport

/// From a job's registration to its allocation being `running` in the API, one job at a time; for docker beside `docker run -d`
/// of the same.
enum LatencyBenchmark: Benchmark {
    static let name = "latency"

    private static let command = ["/bin/sleep", "1000"]

    static func run() async throws -> BenchmarkReport {
        var skipped: [(String, JSON)] = []
        var figures = try programs(&skipped)
        figures += try containers(&skipped)
        return BenchmarkReport(
            setup: [
                ("program_jobs", .integer(50)), ("docker_jobs", .integer(20)),
                ("command", .string(command.joined(separator: " "))), ("exec_root", .string("default")),
                ("docker_image", .string("busybox, present")), ("skipped", .object(JSONObject(skipped))),
            ],
            figures: figures)
    }

    private static func programs(_ skipped: inout [(String, JSON)]) throws -> [(String, Double)] {
        let agent = try TaskAgent()
        var figures: [(String, Double)] = []
        for driver in ["raw_exec", "exec"] {
            if let reason = try agent.lacks(driver) {
                skipped.append((driver, .string(reason)))
                continue
            }
            let samples = try (0..<50).map {
                try agent.latency(BenchmarkJob.command("\(driver)-\($0)", driver: driver, command))
            }
            figures += summary(driver, samples)
        }
        return figures
    }

    private static func containers(_ skipped: inout [(String, JSON)]) throws -> [(String, Double)] {
        let engine = DockerEngine.shared
        if let reason = engine.reason {
            skipped.append(("docker", .string(reason)))
            return []
        }
        let docker = try engine.get()
        let agent = try TaskAgent(
            configuration: "plugin \"docker\" {\n  config { endpoint = \"\(docker.endpoint)\" }\n}\n")
        if let reason = try agent.lacks("docker") {
            skipped.append(("docker", .string(reason)))
            return []
        }
        let jobs = try (0..<20).map { round in
            var job = BenchmarkJob.command("docker-\(round)", driver: "docker", command)
            job.config = .object([
                ("image", .string("box:1")), ("network_mode", .string("none")), ("command", .string(command[0])),
                ("args", .array([.string(command[1])])),
            ])
            return try agent.latency(job)
        }
        let runs = try (0..<20).map { _ in try dockerRun(docker) }
        return summary("docker", jobs) + summary("docker_run", runs)
    }

    /// Milliseconds of `docker run -d`; the container is removed then.
    private static func dockerRun(_ docker: DockerEngine) throws -> Double {
        let begin = seconds()
        let id = docker.lines("run -d --network none box:1 \(command.joined(separator: " "))")
        let taken = (seconds() - begin) * 1000
        guard id.count == 1, docker.docker("rm -f \(id[0])") == 0 else {
            throw NeverHappened(description: "docker run: \(id.joined(separator: "\n"))")
        }
        return taken
    }

    private static func summary(_ key: String, _ samples: [Double]) -> [(String, Double)] {
        print(
            "\(key): \(samples.count) jobs, min \(rounded(samples.min() ?? 0)) ms, max \(rounded(samples.max() ?? 0)) ms"
        )
        return [
            ("\(key)_p50_ms", rounded(percentile(samples, 0.5))), ("\(key)_p99_ms", rounded(percentile(samples, 0.99))),
        ]
    }
}
