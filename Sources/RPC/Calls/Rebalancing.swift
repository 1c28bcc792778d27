package import Basics

/// When an agent turns from a server that answers to another one, so that the load spreads again once a server is back.
///
/// Pure. Each agent chooses anew among all servers, its own included, each as likely: once all have chosen, every server has
/// as many of them as the others, however they were spread before.
package struct Rebalancing: Sendable {
    /// How long an agent stays with a server at least; 5 min (Nomad's clients do the same).
    package var stayMin = Duration.seconds(300)
    /// What is added to that by chance at most, so that agents that came together part; 2 min, or longer where there are many.
    package var spreadMin = Duration.seconds(120)
    /// Agents that turn to one server within a second; 64, of all there are.
    package static let movesPerSecondMax = 64

    package init() {}

    /// How long an agent stays with its server, one of `agents` that know `servers` in all; `chance` is 0..<1.
    package func stay(agents: Int, servers: Int, chance: Double) -> Duration {
        let atOnce = Self.movesPerSecondMax * max(1, servers)
        let evenly = Duration.milliseconds(1_000 * max(0, agents) / atOnce)
        return max(stayMin, evenly) + max(spreadMin, evenly) * chance
    }

    /// The servers to turn to, in this order if some do not answer; none when chance has the agent stay where it is.
    package static func candidates(
        _ servers: [NetworkAddress], present: NetworkAddress, using generator: inout some RandomNumberGenerator
    ) -> [NetworkAddress] {
        Array(servers.shuffled(using: &generator).prefix { $0 != present })
    }
}
