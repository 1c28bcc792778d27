internal import APIClient
package import ArgumentParser
internal import Basics
internal import Model

package struct OperatorSchedulerCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "scheduler", abstract: "How the cluster schedules, and how its schedulers do.",
        subcommands: [
            SchedulerGetConfigCommand.self, SchedulerSetConfigCommand.self, SchedulerStatusCommand.self,
        ])

    package init() {}
}

package struct SchedulerGetConfigCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "get-config", abstract: "Show the scheduler configuration.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("json"), help: "The API's JSON.")
    var json = false

    package init() {}

    package func run() async throws {
        let client = try options.client()
        if json {
            return Console.write(try await client.get("/v1/operator/scheduler/configuration").json().prettyText)
        }
        let configuration = try await client.schedulerConfiguration().schedulerConfig
        Console.write(SchedulerOutput(shown: Shown(now: LocalEnvironment.now)).configuration(configuration))
    }
}

package struct SchedulerStatusCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show how the scheduler plug-ins do: answers, faults, and the shadow.",
        discussion: "Counted by the leading server since it began to lead.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("json"), help: "The API's JSON.")
    var json = false

    @Flag(name: .go("verbose"), help: "Whole IDs and times.")
    var verbose = false

    package init() {}

    package func run() async throws {
        let client = try options.client()
        if json { return Console.write(try await client.get("/v1/operator/scheduler/status").json().prettyText) }
        let shown = Shown(now: LocalEnvironment.now, verbose: verbose, paint: options.paint)
        Console.write(SchedulerOutput(shown: shown).status(try await client.schedulerStatus()))
    }
}
