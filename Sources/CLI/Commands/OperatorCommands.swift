internal import APIClient
package import ArgumentParser

package struct OperatorCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "operator", abstract: "Tools for those who run the cluster.",
        subcommands: [
            OperatorSchedulerCommand.self, OperatorRaftCommand.self, OperatorAutopilotCommand.self,
            OperatorSnapshotCommand.self, OperatorGossipCommand.self,
            OperatorRootCommand.self, OperatorAPICommand.self,
        ])

    package init() {}
}

package struct OperatorAPICommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "api", abstract: "Make a request to the HTTP API with the usual address and token.",
        discussion: "A body is read from the file named after the path, or from standard input for -.")

    @OptionGroup var options: ClientOptions

    @Option(name: .customShort("X"), help: ArgumentHelp("The method; with a body PUT, else GET.", valueName: "method"))
    var method: String?

    @Option(name: .customShort("H"), help: ArgumentHelp("A header; may be repeated.", valueName: "name: value"))
    var headers: [String] = []

    @Option(name: .go("filter"), help: ArgumentHelp("A filter expression for lists.", valueName: "expression"))
    var filter: String?

    @Flag(name: .go("dryrun"), help: "Show the request as a curl command and do not make it.")
    var dryRun = false

    @Flag(name: .go("verbose"), help: "Status and headers too, on standard error.")
    var verbose = false

    @Argument(help: ArgumentHelp("Such as /v1/jobs.", valueName: "path"))
    var path: String

    @Argument(help: ArgumentHelp("A file with the body; - is standard input.", valueName: "body"))
    var body: String?

    package init() {}

    package func run() async throws {
        let client = try options.client()
        let target = path.hasPrefix("/") ? path : "/v1/" + path
        let verb = method ?? (body == nil ? "GET" : "PUT")
        if dryRun { return Console.write(curl(client, verb, target)) }
        let fields = try headers.map { header in
            let parts = header.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { throw CommandError("-H \"\(header)\" must have the form \"Name: value\"") }
            return (String(parts[0]), String(parts[1].drop(while: { $0 == " " })))
        }
        let answer = try await client.send(
            verb, target, query: filter.map { [("filter", $0)] } ?? [], headers: fields,
            body: try body.map { try LocalFile.read($0) })
        if verbose {
            let lines = answer.headers.sorted { $0.key < $1.key }.map { "< \($0.key): \($0.value)" }
            Console.fail((["< HTTP \(answer.status)"] + lines).joined(separator: "\n"))
        }
        Console.raw(answer.body + (answer.body.last == 0x0a || answer.body.isEmpty ? [] : [0x0a]))
        if !(200..<300).contains(answer.status) { throw ExitCode(1) }
    }

    private func curl(_ client: DroverClient, _ verb: String, _ target: String) -> String {
        var words = ["curl", "-X", verb]
        if case .unix(let socket) = client.address { words += ["--unix-socket", quoted(socket)] }
        for header in headers { words += ["-H", quoted(header)] }
        if !client.token.isEmpty { words += ["-H", "\"X-Nomad-Token: ${NOMAD_TOKEN}\""] }
        if let body { words += ["--data-binary", quoted("@" + body)] }
        var base = "http://localhost"
        if case .http = client.address { base = client.address.description }
        return (words + [quoted(base + target)]).joined(separator: " ")
    }

    /// Text as one word of a POSIX shell.
    private func quoted(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
