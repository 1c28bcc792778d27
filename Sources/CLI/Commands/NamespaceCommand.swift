internal import APIClient
package import ArgumentParser
internal import Basics
internal import JobSpec
internal import Model

package struct NamespaceCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "namespace", abstract: "Keep sets of jobs apart.",
        subcommands: [
            NamespaceApplyCommand.self, NamespaceListCommand.self, NamespaceStatusCommand.self,
            NamespaceInspectCommand.self, NamespaceDeleteCommand.self,
        ])

    package init() {}
}

package struct NamespaceApplyCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Add a namespace, or change it.",
        discussion: "Of a namespace given by name, what is not named stays; one given by a file is replaced.")

    @OptionGroup var options: ClientOptions

    @Option(name: .go("description"), help: ArgumentHelp("What it is for.", valueName: "text"))
    var description: String?

    @Option(name: .go("quota"), help: ArgumentHelp("The quota it is under; empty for none.", valueName: "name"))
    var quota: String?

    @Flag(name: .go("json"), help: "The file is JSON, as the API takes it.")
    var json = false

    @Argument(
        help: ArgumentHelp("The namespace's name, or its file in HCL; - is standard input.", valueName: "namespace"))
    var namespace: String

    package init() {}

    package func run() async throws {
        let client = try options.client()
        var wanted = try await source(client)
        if let description { wanted.description = description }
        if let quota { wanted.quota = quota }
        try await client.setNamespace(wanted)
        Console.write("Successfully applied namespace \"\(wanted.name)\"!")
    }

    /// What the file says, or what there is of that name.
    private func source(_ client: DroverClient) async throws -> Namespace {
        if json || namespace == "-" || LocalFile.exists(namespace) {
            return try SpecSource.read(namespace, json: json, SpecFile.namespace)
        }
        if let present = try await client.namespaces(prefix: namespace).first(where: { $0.name == namespace }) {
            return present
        }
        var fresh = Namespace()
        fresh.name = namespace
        return fresh
    }
}

package struct NamespaceListCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(commandName: "list", abstract: "List namespaces.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("json"), help: "The API's JSON.")
    var json = false

    package init() {}

    package func run() async throws {
        let client = try options.client()
        if json { return Console.write(try await client.get("/v1/namespaces").json().prettyText) }
        Console.write(NamespaceOutput.list(try await client.namespaces()))
    }
}

package struct NamespaceStatusCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show a namespace and what is used of its quota.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("json"), help: "The API's JSON.")
    var json = false

    @Argument(help: ArgumentHelp("The namespace's name.", valueName: "namespace"))
    var namespace: String

    package init() {}

    package func run() async throws {
        let client = try options.client()
        if json {
            let path = "/v1/namespace/\(DroverClient.segment(namespace))"
            return Console.write(try await client.get(path).json().prettyText)
        }
        let found = try await client.namespace(namespace)
        var parts = [NamespaceOutput.facts(found)]
        if !found.quota.isEmpty {
            let (spec, usage) = (try await client.quota(found.quota), try await client.quotaUsage(found.quota))
            parts.append(NamespaceOutput.limits(spec, usage))
        }
        Console.write(parts.joined(separator: "\n\n"))
    }
}

package struct NamespaceInspectCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show a namespace as JSON.")

    @OptionGroup var options: ClientOptions

    @Argument(help: ArgumentHelp("The namespace's name.", valueName: "namespace"))
    var namespace: String

    package init() {}

    package func run() async throws {
        Console.write(try await options.client().namespace(namespace).json.prettyText)
    }
}

package struct NamespaceDeleteCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Remove a namespace without jobs.")

    @OptionGroup var options: ClientOptions

    @Argument(help: ArgumentHelp("The namespace's name.", valueName: "namespace"))
    var namespace: String

    package init() {}

    package func run() async throws {
        try await options.client().deleteNamespace(namespace)
        Console.write("Successfully deleted namespace \"\(namespace)\"!")
    }
}
