internal import APIClient
package import ArgumentParser
internal import Basics
internal import JobSpec
internal import Model

package struct NodePoolCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "pool", abstract: "Group machines into pools that jobs choose by name.",
        subcommands: [
            NodePoolApplyCommand.self, NodePoolListCommand.self, NodePoolInfoCommand.self, NodePoolNodesCommand.self,
            NodePoolJobsCommand.self, NodePoolDeleteCommand.self,
        ])

    package init() {}
}

package struct NodePoolApplyCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Add a node pool or replace it.",
        discussion: """
            A node pool file:

              node_pool "gpu" {
                description = "machines with accelerators"
                scheduler_config {
                  scheduler_algorithm = "spread"
                }
              }
            """)

    @OptionGroup var options: ClientOptions
    @OptionGroup var source: SpecSource

    package init() {}

    package func run() async throws {
        let pool: NodePool = try source.read(SpecFile.nodePool)
        try await options.client().setNodePool(pool)
        Console.write("Successfully applied node pool \"\(pool.name)\"!")
    }
}

package struct NodePoolListCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(commandName: "list", abstract: "List node pools.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("json"), help: "The API's JSON.")
    var json = false

    package init() {}

    package func run() async throws {
        let client = try options.client()
        if json { return Console.write(try await client.get("/v1/node/pools").json().prettyText) }
        Console.write(NodePoolOutput.list(try await client.nodePools()))
    }
}

package struct NodePoolInfoCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(commandName: "info", abstract: "Show a node pool.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("json"), help: "The API's JSON.")
    var json = false

    @Argument(help: ArgumentHelp("The pool's name.", valueName: "pool"))
    var pool: String

    package init() {}

    package func run() async throws {
        let found = try await options.client().nodePool(pool)
        Console.write(json ? found.json.prettyText : NodePoolOutput.facts(found))
    }
}

package struct NodePoolNodesCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "nodes", abstract: "List the nodes of a pool.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("verbose"), help: "Whole IDs.")
    var verbose = false

    @Argument(help: ArgumentHelp("The pool's name.", valueName: "pool"))
    var pool: String

    package init() {}

    package func run() async throws {
        let nodes = try await options.client().nodes(inPool: pool)
        let shown = Shown(now: LocalEnvironment.now, verbose: verbose, paint: options.paint)
        Console.write(nodes.isEmpty ? "No nodes" : NodeOutput(shown: shown).list(nodes))
    }
}

package struct NodePoolJobsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "jobs", abstract: "List the jobs that chose a pool.")

    @OptionGroup var options: ClientOptions

    @Argument(help: ArgumentHelp("The pool's name.", valueName: "pool"))
    var pool: String

    package init() {}

    package func run() async throws {
        let client = try options.client()
        let jobs = try await client.jobs(inPool: pool)
        let shown = Shown(now: LocalEnvironment.now, paint: options.paint)
        let isEverywhere = client.namespace == "*"
        Console.write(jobs.isEmpty ? "No jobs" : JobOutput(shown: shown).list(jobs, allNamespaces: isEverywhere))
    }
}

package struct NodePoolDeleteCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Remove a node pool without nodes and jobs.")

    @OptionGroup var options: ClientOptions

    @Argument(help: ArgumentHelp("The pool's name.", valueName: "pool"))
    var pool: String

    package init() {}

    package func run() async throws {
        try await options.client().deleteNodePool(pool)
        Console.write("Successfully deleted node pool \"\(pool)\"!")
    }
}
