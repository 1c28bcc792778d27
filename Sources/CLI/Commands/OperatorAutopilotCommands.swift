internal import APIClient
package import ArgumentParser
internal import Basics
internal import Model

package struct OperatorAutopilotCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "autopilot", abstract: "How the leader looks after the servers.",
        subcommands: [
            AutopilotGetConfigCommand.self, AutopilotSetConfigCommand.self, AutopilotHealthCommand.self,
        ])

    package init() {}
}

package struct AutopilotGetConfigCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "get-config", abstract: "Show the autopilot configuration.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("stale"), help: "Let any server answer, also without a leader.")
    var stale = false

    @Flag(name: .go("json"), help: "The API's JSON.")
    var json = false

    package init() {}

    package func run() async throws {
        let configuration = try await options.client().autopilotConfiguration(stale: stale)
        Console.write(json ? configuration.json.prettyText : AutopilotOutput().configuration(configuration))
    }
}

package struct AutopilotSetConfigCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "set-config", abstract: "Change the autopilot configuration; what is not named stays.")

    @OptionGroup var options: ClientOptions

    @Option(
        name: .go("cleanup-dead-servers"),
        help: ArgumentHelp(
            "Whether servers that are gone leave the group once the others are safer without.", valueName: "true|false")
    )
    var cleanupDeadServers: Bool?

    @Option(
        name: .go("last-contact-threshold"),
        help: ArgumentHelp("Silence after which a server is not healthy.", valueName: "time"))
    var lastContactThreshold: String?

    @Option(
        name: .go("max-trailing-logs"),
        help: ArgumentHelp("Entries a healthy server may be behind.", valueName: "count"))
    var maxTrailingLogs: UInt64?

    @Option(
        name: .go("min-quorum"),
        help: ArgumentHelp("Voters that are left, dead or not, when dead ones are taken out.", valueName: "count"))
    var minQuorum: Int?

    @Option(
        name: .go("server-stabilization-time"),
        help: ArgumentHelp(
            "How long a new server must be healthy to get a vote, and a silent one silent to count as dead.",
            valueName: "time"))
    var serverStabilizationTime: String?

    @Option(name: .go("enable-redundancy-zones"), help: ArgumentHelp("Stored only.", valueName: "true|false"))
    var enableRedundancyZones: Bool?

    @Option(name: .go("disable-upgrade-migration"), help: ArgumentHelp("Stored only.", valueName: "true|false"))
    var disableUpgradeMigration: Bool?

    @Option(name: .go("enable-custom-upgrades"), help: ArgumentHelp("Stored only.", valueName: "true|false"))
    var enableCustomUpgrades: Bool?

    package init() {}

    package func run() async throws {
        let client = try options.client()
        var configuration = try await client.autopilotConfiguration()
        if let cleanupDeadServers { configuration.cleanupDeadServers = cleanupDeadServers }
        if let text = lastContactThreshold {
            configuration.lastContactThreshold.duration = try duration(text, "-last-contact-threshold")
        }
        if let maxTrailingLogs { configuration.maxTrailingLogs = maxTrailingLogs }
        if let minQuorum { configuration.minQuorum = minQuorum }
        if let text = serverStabilizationTime {
            configuration.serverStabilizationTime.duration = try duration(text, "-server-stabilization-time")
        }
        if let enableRedundancyZones { configuration.enableRedundancyZones = enableRedundancyZones }
        if let disableUpgradeMigration { configuration.disableUpgradeMigration = disableUpgradeMigration }
        if let enableCustomUpgrades { configuration.enableCustomUpgrades = enableCustomUpgrades }
        try await client.setAutopilotConfiguration(configuration)
        Console.write("Configuration updated!")
    }

    private func duration(_ text: String, _ option: String) throws -> Duration {
        guard let duration = Duration(goText: text) else {
            throw CommandError("\(option) \"\(text)\" is not a duration such as 200ms or 10s")
        }
        return duration
    }
}

package struct AutopilotHealthCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "health", abstract: "Show how the leader finds the servers.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("json"), help: "The API's JSON.")
    var json = false

    package init() {}

    package func run() async throws {
        let health = try await options.client().autopilotHealth()
        Console.write(json ? health.json.prettyText : AutopilotOutput().health(health))
    }
}
