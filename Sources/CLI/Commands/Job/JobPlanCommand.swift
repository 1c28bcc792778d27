internal import APIClient
package import ArgumentParser
internal import Basics
internal import Model

package struct JobPlanCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show what running a job file would change.",
        discussion: "Exits with 0 when no allocation would be made or stopped, 1 when some would, 255 on an error.")

    @OptionGroup var options: ClientOptions
    @OptionGroup var source: JobSource

    @Flag(name: .go("diff"), inversion: .prefixedNo, help: "Whether to show how the job differs from the running one.")
    var diff = true

    @Flag(name: .go("verbose"), help: "Unchanged fields too, and how each group would be placed.")
    var verbose = false

    @Option(
        name: .go("node"),
        help: ArgumentHelp("Why this node would not be chosen, and what would have to change.", valueName: "node"))
    var nodes: [String] = []

    package init() {}

    package func run() async throws {
        do {
            let read = try source.read()
            let client = try options.client(for: read.job)
            let response = try await read.asking { try await client.plan(read.job, diff: diff, nodes: nodes) }
            let output = PlanOutput(paint: options.paint, verbose: verbose, showsPlacement: verbose || !nodes.isEmpty)
            Console.write(output.text(response, path: source.path, showsDiff: diff))
            if PlanOutput.changesAllocations(response) { throw ExitCode(1) }
        } catch let error as ExitCode {
            throw error
        } catch {
            throw CommandError("\(error)", exitCode: 255)
        }
    }
}
