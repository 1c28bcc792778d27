package import ArgumentParser
internal import Basics
internal import Consensus
internal import Linux
internal import Raft
internal import Recovery
internal import StateStore

// What reads the folder of a server, best of one that is stopped; nothing is asked of an agent and nothing is changed.

package struct RaftInfoCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Show how far the log in a server's folder goes, and who is in its group.")

    @OptionGroup var folder: ServerFolderOptions

    package init() {}

    package func run() throws {
        let server = try folder.server()
        Console.write(RaftFolderOutput().info(server.stored, folder: server.folder))
    }
}

package struct RaftLogsCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Show the entries of the log in a server's folder, as JSON.",
        discussion: "Each on a line, from the first after the newest snapshot. The last ones may not be committed.")

    @Flag(name: .go("pretty"), help: "Indent each, over several lines.")
    var pretty = false

    @OptionGroup var folder: ServerFolderOptions

    package init() {}

    package func run() throws {
        let output = RaftFolderOutput()
        for entry in try folder.server().stored.entries {
            let json = output.entry(entry)
            Console.write(pretty ? json.prettyText : json.text)
        }
    }
}

package struct RaftStateCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "state", abstract: "Show the state in a server's folder, snapshot and log after it, as JSON.",
        discussion: """
            What a server would know with all its entries, those that are not committed included. Compare two servers of \
            a cluster at the same -last-index.
            """)

    @Option(
        name: .go("last-index"),
        help: ArgumentHelp("Leave out the entries after this one; all are taken if it is left out.", valueName: "index")
    )
    var lastIndex: UInt64?

    @OptionGroup var folder: ServerFolderOptions

    package init() {}

    package func run() async throws {
        let server = try folder.server()
        let state: Snapshot
        do {
            state = try await server.state(through: lastIndex)
        } catch {
            throw CommandError("\(error)")
        }
        Console.write(try SnapshotOutput().state(state) { _ in true }.prettyText)
    }
}

/// Names the folder of a server.
struct ServerFolderOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("The agent's data_dir, or the server's folder in it.", valueName: "folder"))
    var path: String

    func server() throws(CommandError) -> StoredServer {
        do {
            return try StoredServer(path, disk: SystemDisk())
        } catch {
            throw CommandError("\(error)")
        }
    }
}
