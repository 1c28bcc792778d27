internal import APIClient
package import ArgumentParser
internal import Basics
internal import JobSpec
internal import Model

package struct QuotaCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "quota", abstract: "Bound what namespaces may hold together.",
        discussion: """
            A quota file names the quota and its limit in each region; 0 is no limit:

              name = "team"
              limit {
                region = "global"
                region_limit {
                  cpu    = 2000
                  memory = 4096
                }
              }

            A namespace is put under it by namespace apply -quota team <namespace>.
            """,
        subcommands: [
            QuotaApplyCommand.self, QuotaListCommand.self, QuotaStatusCommand.self, QuotaInspectCommand.self,
            QuotaDeleteCommand.self,
        ])

    package init() {}
}

package struct QuotaApplyCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Add a quota or replace it; what runs already goes on running.")

    @OptionGroup var options: ClientOptions
    @OptionGroup var source: SpecSource

    package init() {}

    package func run() async throws {
        let quota: QuotaSpec = try source.read(SpecFile.quota)
        try await options.client().setQuota(quota)
        Console.write("Successfully applied quota specification \"\(quota.name)\"!")
    }
}

package struct QuotaListCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(commandName: "list", abstract: "List quotas.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("json"), help: "The API's JSON.")
    var json = false

    package init() {}

    package func run() async throws {
        let client = try options.client()
        if json { return Console.write(try await client.get("/v1/quotas").json().prettyText) }
        Console.write(NamespaceOutput.list(try await client.quotas()))
    }
}

package struct QuotaStatusCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show a quota, its limits and what is used of them.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("json"), help: "The API's JSON.")
    var json = false

    @Argument(help: ArgumentHelp("The quota's name.", valueName: "quota"))
    var quota: String

    package init() {}

    package func run() async throws {
        let client = try options.client()
        let path = "/v1/quota/\(DroverClient.segment(quota))"
        if json { return Console.write(try await client.get(path).json().prettyText) }
        let (spec, usage) = (try await client.quota(quota), try await client.quotaUsage(quota))
        Console.write(NamespaceOutput.status(spec, usage))
    }
}

package struct QuotaInspectCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show a quota and what is used of it as JSON.")

    @OptionGroup var options: ClientOptions

    @Argument(help: ArgumentHelp("The quota's name.", valueName: "quota"))
    var quota: String

    package init() {}

    package func run() async throws {
        let client = try options.client()
        let (spec, usage) = (try await client.quota(quota), try await client.quotaUsage(quota))
        Console.write(JSON.object([("Spec", spec.json), ("Usage", usage.json)]).prettyText)
    }
}

package struct QuotaDeleteCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Remove a quota that no namespace is under.")

    @OptionGroup var options: ClientOptions

    @Argument(help: ArgumentHelp("The quota's name.", valueName: "quota"))
    var quota: String

    package init() {}

    package func run() async throws {
        try await options.client().deleteQuota(quota)
        Console.write("Successfully deleted quota \"\(quota)\"!")
    }
}
