internal import APIClient
package import ArgumentParser
internal import Basics
internal import Model

package struct AllocLogsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Show what a task writes.",
        discussion: "Without -stdout and -stderr it is standard output, and with -f both.")

    @OptionGroup var options: ClientOptions
    @OptionGroup var end: TailOptions

    @Flag(name: .go("stderr"), help: "Standard error.")
    var standardError = false

    @Flag(name: .go("stdout"), help: "Standard output.")
    var standardOutput = false

    @Flag(name: .go("job"), help: "The argument is a job; show its newest running allocation.")
    var job = false

    @Option(name: .go("group"), help: ArgumentHelp("With -job: an allocation of this group.", valueName: "name"))
    var group: String?

    @Option(name: .go("task"), help: ArgumentHelp("The task; needed when there are several.", valueName: "name"))
    var task: String?

    @Argument(help: ArgumentHelp("The allocation's ID, or the beginning of one.", valueName: "allocation"))
    var allocation: String

    @Argument(help: ArgumentHelp("The task; needed when there are several.", valueName: "task"))
    var taskName: String?

    package init() {}

    package func run() async throws {
        let client = try options.client()
        let lookup = Lookup(client: client, shown: Shown(now: LocalEnvironment.now))
        let found =
            job
            ? try await lookup.newestAllocation(ofJob: allocation, group: group)
            : try await lookup.allocation(allocation)
        let name = try found.onlyTask(task ?? taskName)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for type in types {
                group.addTask { try await show(type, of: name, in: found.id, from: client) }
            }
            try await group.waitForAll()
        }
    }

    private var types: [String] {
        if standardError == standardOutput { return standardError || end.follow ? ["stdout", "stderr"] : ["stdout"] }
        return [standardError ? "stderr" : "stdout"]
    }

    private func show(_ type: String, of task: String, in allocation: ID, from client: DroverClient) async throws {
        let query = [("task", task), ("type", type)] + end.query
        try await FileEnd(client: client, path: "/v1/client/fs/logs/\(allocation)", query: query, options: end).show()
    }
}

/// A file or log written to standard output, cut to its last lines where asked.
struct FileEnd {
    let client: DroverClient
    let path: String
    let query: [(String, String)]
    let options: TailOptions

    func show() async throws {
        guard let linesMax = options.linesMax else {
            try await client.stream(path, query: query) { Console.raw($0) }
            return
        }
        let limit = LineLimit(linesMax: linesMax)
        guard options.follow else {
            let answer = try await client.get(path, query: query)
            return Console.raw(Array(limit.end(of: answer.body)))
        }
        // The present end comes in the first piece; the rest is new.
        let first = FirstPiece()
        try await client.stream(path, query: query) { piece in
            Console.raw(await first.take() ? Array(limit.end(of: piece)) : piece)
        }
    }
}

/// True once.
private actor FirstPiece {
    private var isTaken = false

    func take() -> Bool {
        defer { isTaken = true }
        return !isTaken
    }
}
