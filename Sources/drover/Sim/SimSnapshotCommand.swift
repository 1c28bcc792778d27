import ArgumentParser
import Linux
import TraceSimulation

/// `drover sim snapshot`: the state of a live cluster, placed anew.
struct SimSnapshotCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot", abstract: "Place the jobs of a live cluster anew.",
        discussion: """
            PATH is a snapshot file as a server writes it, or the data folder of an agent or its server, which may run. Its \
            nodes are emptied and its jobs placed in the order in which they were created, each as a whole. Moves are the \
            allocations that would be on another node than they are now.
            """)

    @OptionGroup var options: SimOptions

    @Argument(help: "A snapshot file or a data folder.") var path: String

    func run() async throws {
        let state = try await StoredState.read(SimFiles.absolute(path), disk: SystemDisk())
        try await options.play(try SnapshotTrace(state, file: path))
    }
}
