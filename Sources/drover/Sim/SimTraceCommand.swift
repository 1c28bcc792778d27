import ArgumentParser
import TraceSimulation

/// `drover sim trace`: a trace in Drover's own form, at its own moments.
struct SimTraceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace", abstract: "Play a trace in Drover's own form.",
        discussion: """
            The file has a JSON object a line:
              {"node":{"name":"n1","cpu":64000,"memory":262144,"devices":{"count":8,"model":"A10"}}}
              {"task":{"name":"t1","cpu":4000,"memory":8192,"devices":{"count":1,"share":500},"arrival":0,"departure":60}}
            CPU is in thousandths of a core, memory in MiB, moments in seconds. A task is placed when it comes or never.
            """)

    @OptionGroup var options: SimOptions

    @Option(name: .customLong("seed", withSingleDash: true), help: "What decides between equals.")
    var seed: UInt64 = 42

    @Argument(help: "The trace.") var file: String

    func run() async throws {
        let trace = try TraceReader.trace(SimFiles.read(file), file: file)
        try await options.play(trace, .timed, seeds: [seed])
    }
}
