internal import Basics
internal import Model

/// The autopilot's configuration and what it finds.
struct AutopilotOutput {
    func configuration(_ configuration: AutopilotConfiguration) -> String {
        [
            "CleanupDeadServers = \(configuration.cleanupDeadServers)",
            "LastContactThreshold = \(configuration.lastContactThreshold.duration.goText)",
            "MaxTrailingLogs = \(configuration.maxTrailingLogs)",
            "MinQuorum = \(configuration.minQuorum)",
            "ServerStabilizationTime = \(configuration.serverStabilizationTime.duration.goText)",
            "EnableRedundancyZones = \(configuration.enableRedundancyZones)",
            "DisableUpgradeMigration = \(configuration.disableUpgradeMigration)",
            "EnableCustomUpgrades = \(configuration.enableCustomUpgrades)",
        ].joined(separator: "\n")
    }

    func health(_ health: AutopilotHealth) -> String {
        let facts = Table.pairs([
            ("Healthy", "\(health.healthy)"), ("FailureTolerance", "\(health.failureTolerance)"),
            ("Leader", health.leader), ("Voters", health.voters.joined(separator: ", ")),
        ])
        let heading = [
            "ID", "Name", "Address", "SerfStatus", "Version", "Leader", "Voter", "Healthy", "LastContact", "LastTerm",
            "LastIndex", "StableSince",
        ]
        let rows = health.servers.map { server in
            [
                server.id, server.name, server.address, server.serfStatus, server.version, "\(server.leader)",
                "\(server.voter)", "\(server.healthy)", server.lastContact.duration.goText, "\(server.lastTerm)",
                "\(server.lastIndex)", Shown.moment(server.stableSince.time),
            ]
        }
        return facts + "\n\n" + Table.list(heading, rows)
    }
}
