internal import APIClient
package import ArgumentParser
internal import Basics
internal import Model

package struct EvalCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "eval", abstract: "Look at evaluations: the requests to place a job's work.",
        subcommands: [EvalStatusCommand.self, EvalListCommand.self])

    package init() {}
}

package struct EvalStatusCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(commandName: "status", abstract: "Show an evaluation.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("monitor"), help: "Follow the evaluation until it is complete.")
    var monitor = false

    @Flag(name: .go("verbose"), help: "Whole IDs and moments, and related evaluations.")
    var verbose = false

    @Flag(name: .go("json"), help: "The API's JSON.")
    var json = false

    @Option(
        name: .go("node"),
        help: ArgumentHelp("Why this node was not chosen, and what would have to change.", valueName: "node"))
    var nodes: [String] = []

    @Argument(help: ArgumentHelp("The evaluation's ID, or the beginning of one.", valueName: "evaluation"))
    var evaluation: String

    package init() {}

    package func run() async throws {
        let client = try options.client()
        let shown = Shown(now: LocalEnvironment.now, verbose: verbose, paint: options.paint)
        let id = try await Lookup(client: client, shown: shown).evaluationID(evaluation)
        if monitor {
            let code = try await Monitor(client: client, shown: shown).follow(id)
            if code != 0 { throw ExitCode(code) }
            return
        }
        if json { return Console.write(try await client.get("/v1/evaluation/\(id)").json().prettyText) }
        let found = try await client.evaluation(id)
        let output = EvaluationOutput(shown: shown)
        var parts = [output.facts(found)]
        if let failures = output.failedPlacements(found) { parts.append(failures) }
        if verbose || !nodes.isEmpty, found.status != .canceled {
            parts.append(PlacementOutput(shown: shown).text(try await client.placement(of: id, nodes: nodes)))
        }
        let placed = try await client.evaluationAllocations(id)
        if !placed.isEmpty { parts.append(JobOutput(shown: shown).allocations(placed)) }
        Console.write(parts.joined(separator: "\n\n"))
    }
}

package struct EvalListCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(commandName: "list", abstract: "List evaluations.")

    @OptionGroup var options: ClientOptions

    @Option(name: .go("job"), help: ArgumentHelp("Only of this job.", valueName: "job"))
    var job: String?

    @Option(name: .go("status"), help: ArgumentHelp("Only with this status.", valueName: "status"))
    var status: String?

    @Option(name: .go("filter"), help: ArgumentHelp("Only those the expression holds for.", valueName: "expression"))
    var filter: String?

    @Option(name: .go("per-page"), help: ArgumentHelp("At most so many.", valueName: "count"))
    var perPage: Int?

    @Option(name: .go("page-token"), help: ArgumentHelp("Go on where the last page ended.", valueName: "token"))
    var pageToken: String?

    @Flag(name: .go("verbose"), help: "Whole IDs.")
    var verbose = false

    @Flag(name: .go("json"), help: "The API's JSON.")
    var json = false

    package init() {}

    package func run() async throws {
        let values: [(String, String?)] = [
            ("job", job), ("status", status), ("filter", filter), ("per_page", perPage.map { String($0) }),
            ("next_token", pageToken),
        ]
        let answer = try await options.client().get(
            "/v1/evaluations", query: values.compactMap { name, value in value.map { (name, $0) } })
        if json { return Console.write(try answer.json().prettyText) }
        let shown = Shown(now: LocalEnvironment.now, verbose: verbose, paint: options.paint)
        Console.write(EvaluationOutput(shown: shown).list(try answer.list()))
        if !answer.nextToken.isEmpty {
            Console.write("\nResults have been paginated; go on with -page-token \(answer.nextToken)")
        }
    }
}
