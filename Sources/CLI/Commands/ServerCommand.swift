internal import APIClient
package import ArgumentParser
internal import Basics

package struct ServerCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "server", abstract: "Look at the servers, and at their gossip pool.",
        subcommands: [ServerMembersCommand.self, ServerJoinCommand.self, ServerForceLeaveCommand.self])

    package init() {}
}

package struct ServerMembersCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "members", abstract: "List the servers of all regions, as the gossip pool knows them.")

    @OptionGroup var options: ClientOptions

    @Flag(
        name: [.customLong("verbose", withSingleDash: true), .customLong("detailed", withSingleDash: true)],
        help: "Each member's tags.")
    var verbose = false

    @Flag(name: .go("json"), help: "The API's JSON.")
    var json = false

    package init() {}

    package func run() async throws {
        let client = try options.client()
        if json { return Console.write(try await client.get("/v1/agent/members").json().prettyText) }
        let members = try await client.members().members
        let output = AgentOutput(shown: Shown(now: LocalEnvironment.now, paint: options.paint))
        if verbose { return Console.write(output.memberTags(members)) }
        let (leaders, failures) = await leaders(of: Set(members.compactMap { $0.tags["region"] }), client)
        Console.write(output.members(members, leaders: leaders))
        if !failures.isEmpty { Console.fail("\nError determining leaders:\n" + failures.joined(separator: "\n")) }
    }

    /// The leaders' RPC addresses by region. Without a leader the list is all the more wanted.
    private func leaders(
        of regions: Set<String>, _ client: DroverClient
    ) async -> (leaders: [String: String], failures: [String]) {
        var (leaders, failures): ([String: String], [String]) = ([:], [])
        for region in regions.sorted() {
            do {
                leaders[region] = try await client.leader(region: region)
            } catch {
                failures.append("  region \"\(region)\": \(error)")
            }
        }
        return (leaders, failures)
    }
}

package struct ServerJoinCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "join", abstract: "Have the agent's server join the gossip pool of others.",
        discussion: "One address is enough to meet all members. It is a gossip address: the port is 4648 unless given.")

    @OptionGroup var options: ClientOptions

    @Argument(help: ArgumentHelp("host or host:port of a server's gossip.", valueName: "address"))
    var addresses: [String]

    package init() {}

    package func run() async throws {
        let answer = try await options.client().joinPool(addresses)
        guard answer.joined > 0 || answer.error.isEmpty else { throw CommandError("Error joining: \(answer.error)") }
        if !answer.error.isEmpty { Console.fail("Not joined: \(answer.error)") }
        Console.write("Joined \(answer.joined) servers successfully")
    }
}

package struct ServerForceLeaveCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "force-leave", abstract: "Take a failed server for one that has left.",
        discussion: """
            For a server that is gone for good: its cluster lets go of it, and nobody tries to reach it any more. One that still \
            runs objects and stays.
            """)

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("prune"), help: "Forget it at once, instead of listing it as left for a day.")
    var prune = false

    @Argument(help: ArgumentHelp("The member, as server members shows it.", valueName: "name"))
    var name: String

    package init() {}

    package func run() async throws { try await options.client().forceLeave(name, prune: prune) }
}
