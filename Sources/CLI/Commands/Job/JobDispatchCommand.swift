internal import APIClient
package import ArgumentParser
internal import Basics
internal import Model

package struct JobDispatchCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "dispatch", abstract: "Run an instance of a parameterized job.",
        discussion: """
            Follows the instance's evaluation until it is complete, unless told to -detach. The payload is a file of at most \
            16 KiB; the job says whether it takes one, and which meta keys. \
            Exits with 2 when something could not be placed; it is placed later, once there is room.
            """)

    @OptionGroup var options: ClientOptions

    @Option(
        name: .go("meta"),
        help: ArgumentHelp("A meta value of the instance; may be repeated.", valueName: "key=value"))
    var meta: [String] = []

    @Flag(name: .go("detach"), help: "Return at once instead of following the evaluation.")
    var detach = false

    @Flag(
        name: .go("immediate"),
        help: "Place it ahead of all that waits, and print where it was placed instead of following the evaluation.")
    var immediate = false

    @Option(
        name: .go("idempotency-token"),
        help: ArgumentHelp(
            "A dispatch with the token of an earlier one makes no second instance.", valueName: "token"))
    var idempotencyToken = ""

    @Option(
        name: .go("id-prefix-template"),
        help: ArgumentHelp("Text for the instance's ID, in front of its time.", valueName: "text"))
    var idPrefixTemplate = ""

    @Option(
        name: .go("priority"),
        help: ArgumentHelp("Priority of the instance; 0 is the job's.", valueName: "number"))
    var priority = 0

    @Flag(name: .go("verbose"), help: "Whole IDs.")
    var verbose = false

    @Argument(help: ArgumentHelp("The parameterized job's ID.", valueName: "job"))
    var job: String

    @Argument(help: ArgumentHelp("The payload's file; - is standard input.", valueName: "path"))
    var input: String?

    package init() {}

    package func run() async throws {
        var dispatch = JobDispatch()
        dispatch.meta = try metaValues()
        dispatch.idPrefixTemplate = idPrefixTemplate
        dispatch.priority = priority
        if let input { dispatch.payload = Base64.encode(try LocalFile.read(input)) }
        let client = try options.client()
        let shown = Shown(now: LocalEnvironment.now, verbose: verbose, paint: options.paint)
        let response = try await client.dispatch(
            job, dispatch, idempotencyToken: idempotencyToken, placement: immediate ? .immediate : .queued)
        var facts = [("Dispatched Job ID", response.dispatchedJobID)]
        // An instance that was dispatched before has no evaluation of its own now.
        if !response.evalID.isNone { facts.append(("Evaluation ID", shown.id(response.evalID))) }
        Console.write(Table.pairs(facts))
        if let placement = response.placement {
            Console.write("\n" + SchedulerOutput(shown: shown).placement(placement))
            guard placement.status == .complete, placement.failed.isEmpty else { throw ExitCode(2) }
            return
        }
        guard !detach, !response.evalID.isNone else { return }
        Console.write("")
        let code = try await Monitor(client: client, shown: shown).follow(response.evalID)
        if code != 0 { throw ExitCode(code) }
    }

    private func metaValues() throws -> [String: String] {
        try meta.reduce(into: [:]) { values, text in
            guard let sign = text.firstIndex(of: "="), sign != text.startIndex else {
                throw CommandError("-meta \(text): write it as key=value")
            }
            values[String(text[..<sign])] = String(text[text.index(after: sign)...])
        }
    }
}
