internal import APIClient
package import ArgumentParser
internal import Basics
internal import Model

package struct StatusCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "status", abstract: "List jobs, or show whatever an ID belongs to.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("verbose"), help: "Whole IDs and moments.")
    var verbose = false

    @Argument(
        help: ArgumentHelp("A job, allocation, evaluation or node: its ID or the beginning of one.", valueName: "id"))
    var id: String?

    package init() {}

    /// The kinds an id is looked for in, in this order, each with the command that shows it.
    private static let kinds = [
        ("jobs", ["job", "status"]), ("allocs", ["alloc", "status"]), ("evals", ["eval", "status"]),
        ("nodes", ["node", "status"]),
    ]

    package func run() async throws {
        guard let id else {
            let jobs = try await options.client().jobs()
            let shown = Shown(now: LocalEnvironment.now, verbose: verbose, paint: options.paint)
            return Console.write(JobOutput(shown: shown).list(jobs, allNamespaces: options.namespace == "*"))
        }
        let body = JSON.object([("Prefix", .string(id)), ("Context", .string("all"))])
        let matches = try await options.client().put("/v1/search", body: body).json()["Matches"]
        let found = StatusCommand.kinds.compactMap { name, words -> (words: [String], ids: [String])? in
            let ids = (matches?[name]?.array ?? []).compactMap(\.string)
            return ids.isEmpty ? nil : (words, ids)
        }
        guard let first = found.first else { throw CommandError("Unable to resolve ID: \(id)") }
        let exact = found.first { $0.ids.contains(id) }
        guard let chosen = exact ?? (found.count == 1 ? first : nil) else {
            let list = found.map { "\($0.words[0]): \($0.ids.joined(separator: ", "))" }.joined(separator: "\n")
            throw CommandError("Multiple matches found for id \"\(id)\"\n\n\(list)")
        }
        try await show(chosen.words[0], id)
    }

    /// Hands over to the command of the kind, with the same options.
    private func show(_ kind: String, _ id: String) async throws {
        let arguments = options.arguments + (verbose ? ["-verbose"] : []) + [id]
        switch kind {
        case "job": try await JobStatusCommand.parse(arguments).run()
        case "alloc": try await AllocStatusCommand.parse(arguments).run()
        case "eval": try await EvalStatusCommand.parse(arguments).run()
        default: try await NodeStatusCommand.parse(arguments).run()
        }
    }
}

extension ClientOptions {
    /// The options as they were given.
    var arguments: [String] {
        let values = [("-address", address), ("-region", region), ("-namespace", namespace), ("-token", token)]
        return values.flatMap { name, value in value.map { [name, $0] } ?? [] }
            + (noColor ? ["-no-color"] : []) + (forceColor ? ["-force-color"] : [])
    }
}
