import ArgumentParser

/// `drover sim`: plays traces against scheduler plug-ins.
struct SimCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sim", abstract: "Play a trace of a cluster against scheduler plug-ins.",
        discussion: """
            Nothing is started: tasks of a file are placed on nodes of a file by the libraries an agent would use.

              drover sim openb nodes.csv pods.csv -plugin fragmentation -plugin batch -svg curves.svg
              drover sim trace cluster.jsonl -plugin random -json
              drover sim snapshot /var/lib/drover -plugin fragmentation -plugin batch
            """,
        subcommands: [SimOpenBCommand.self, SimTraceCommand.self, SimSnapshotCommand.self])
}
