import Basics
@preconcurrency import Glibc
import Linux

/// `drover-bench NAME`: runs one benchmark against real agents in processes of their own and prints, as its last line, one JSON
/// object `{"name": ..., "setup": {...}, "figures": {...}}`. `drover-bench list` names them.
@main
struct Main {
    private static let benchmarks: [any (Benchmark & SendableMetatype).Type] = [
        StartBenchmark.self, LatencyBenchmark.self, PlaceBenchmark.self, ShimBenchmark.self, TasksBenchmark.self,
        MillionBenchmark.self, HundredThousandBenchmark.self, AffinityBenchmark.self, JobsBenchmark.self,
        SystemBenchmark.self, PreemptBenchmark.self, WritesBenchmark.self, FailoverBenchmark.self,
        MillionOnThreeBenchmark.self, RestartBenchmark.self, ClientsBenchmark.self, LogBenchmark.self,
        BlockedBenchmark.self,
    ]

    static func main() async {
        Machine.raiseOpenFilesLimit()
        let name = CommandLine.arguments.dropFirst().first ?? "help"
        let known = benchmarks.map { $0.name }
        guard name != "list" else { return print(known.joined(separator: "\n")) }
        guard let benchmark = benchmarks.first(where: { $0.name == name }) else {
            print("usage: drover-bench NAME, where NAME is one of: \(known.joined(separator: ", "))")
            exit(name == "help" ? 0 : 1)
        }
        do {
            let report = try await benchmark.run()
            let figures = report.figures.map { ($0.0, JSON.number($0.1)) }
            print(
                JSON.object([("name", .string(name)), ("setup", .object(report.setup)), ("figures", .object(figures))])
                    .text)
        } catch {
            print("\(name) failed: \(error)")
            exit(1)
        }
    }
}

/// One benchmark: what it set up and what it measured.
protocol Benchmark {
    static var name: String { get }

    static func run() async throws -> BenchmarkReport
}

struct BenchmarkReport {
    /// What was run: counts, sizes, settings.
    var setup: [(String, JSON)]
    /// Measured values; the key ends in the unit.
    var figures: [(String, Double)]
}
