import ArgumentParser
import TraceSimulation

/// `drover sim openb`: the published GPU cluster traces, by the protocol their figures were measured with.
struct SimOpenBCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "openb", abstract: "Play an openb GPU cluster trace.",
        discussion: """
            For each seed the tasks come in random order, and copies of random ones after them, until 130 % of the GPUs have \
            been asked for. Each is placed when it comes or never, and none leaves. What counts is how much GPU is unallocated then.
            """)

    @OptionGroup var options: SimOptions

    @Option(
        name: .customLong("seeds", withSingleDash: true), help: "A seed or a range of them, such as 42-51.",
        transform: SeedRange.init)
    var seeds = SeedRange(first: 42, last: 51)

    @Argument(help: "Nodes, as CSV.") var nodes: String
    @Argument(help: "Tasks, as CSV.") var tasks: String

    func run() async throws {
        let trace = try OpenBReader.trace(
            nodes: SimFiles.read(nodes), nodesFile: nodes, tasks: SimFiles.read(tasks), tasksFile: tasks)
        try await options.play(trace, .shuffled(percent: 130), seeds: Array(seeds.first...seeds.last))
    }
}

/// Seeds from the first to the last.
struct SeedRange {
    let first: UInt64
    let last: UInt64

    private static let countMax: UInt64 = 1_000

    init(first: UInt64, last: UInt64) {
        self.first = first
        self.last = last
    }

    init(_ text: String) throws {
        let numbers = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt64($0) }
        guard (1...2).contains(numbers.count), let first = numbers.first ?? nil, let last = numbers.last ?? nil,
            first <= last, last - first < Self.countMax
        else { throw ValidationError("-seeds is \"\(text)\"; a number, or two with \"-\" between them, is expected") }
        self.init(first: first, last: last)
    }
}
