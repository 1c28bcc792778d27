internal import APIClient
package import ArgumentParser
internal import Basics
internal import Model

package struct PluginCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "plugin", abstract: "Look at an agent's plug-ins.", subcommands: [PluginStatusCommand.self])

    package init() {}
}

package struct PluginStatusCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "status", abstract: "List the agent's plug-ins: drivers, schedulers, fingerprinters and more.")

    @OptionGroup var options: ClientOptions

    @Option(name: .go("type"), help: ArgumentHelp("Only of this kind, such as driver.", valueName: "kind"))
    var type: String?

    @Flag(name: .go("json"), help: "The API's JSON.")
    var json = false

    @Argument(help: ArgumentHelp("Only the plug-in of this name.", valueName: "name"))
    var name: String?

    package init() {}

    package func run() async throws {
        let client = try options.client()
        if json { return Console.write(try await client.get("/v1/agent/plugins").json().prettyText) }
        let wanted = try await client.plugins().filter { plugin in
            // A library may be of several kinds: "fingerprint,device".
            let kinds = plugin.kind.split(separator: ",").map(String.init)
            return (name == nil || plugin.name == name) && (type.map(kinds.contains) ?? true)
        }
        if let name, wanted.isEmpty { throw CommandError("the agent has no plug-in named \"\(name)\"") }
        let shown = Shown(now: LocalEnvironment.now, verbose: false, paint: options.paint)
        Console.write(AgentOutput(shown: shown).plugins(wanted))
    }
}

package struct SystemCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "system", abstract: "Keep the cluster's state in order.", subcommands: [SystemGCCommand.self])

    package init() {}
}

package struct SystemGCCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "gc", abstract: "Forget jobs, evaluations, allocations and nodes that have ended.")

    @OptionGroup var options: ClientOptions

    package init() {}

    package func run() async throws { try await options.client().collectGarbage() }
}

package struct VersionCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Show the program's version.")

    package init() {}

    package func run() { Console.write("Drover v\(Version.text)") }
}
