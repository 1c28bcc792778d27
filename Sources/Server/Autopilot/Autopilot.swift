internal import Basics
internal import Model
internal import Raft

/// Which servers of the group are well, and which of them should get or lose their vote: a value that the leader asks several
/// times a second. It reads no clock and changes nothing.
///
/// A server is healthy while it answers and keeps up, and dead once it has been silent for long, to Raft and to those who
/// greet it.
struct Autopilot: Sendable {
    /// What the leader knows of one server now.
    struct Observation: Sendable {
        var id: ServerID
        var isVoter: Bool
        /// Since it was heard of last, zero for the leader itself.
        var silence: Duration
        /// The end of its log, as far as it is known to match the leader's.
        var match: UInt64
        /// It answers greetings.
        var isAlive: Bool
    }

    struct Health: Sendable, Equatable {
        var isHealthy: Bool
        var since: Uptime
    }

    /// Of the servers of the last ``observe(_:lastIndex:configuration:now:)``.
    private(set) var health: [ServerID: Health] = [:]

    /// Takes note of how the servers are; those that are not named are forgotten.
    mutating func observe(
        _ servers: [Observation], lastIndex: UInt64, configuration: AutopilotConfiguration, now: Uptime
    ) {
        var next: [ServerID: Health] = [:]
        for server in servers {
            let isHealthy =
                server.silence <= configuration.lastContactThreshold.duration
                && server.match + configuration.maxTrailingLogs >= lastIndex
            let known = health[server.id]
            next[server.id] = known?.isHealthy == isHealthy ? known : Health(isHealthy: isHealthy, since: now)
        }
        health = next
    }

    /// The learners to make voters, best first: healthy for the stabilization time, or just healthy while there are fewer
    /// voters than the cluster was founded to have.
    func promotions(
        _ servers: [Observation], expect: Int, configuration: AutopilotConfiguration, now: Uptime
    ) -> [ServerID] {
        let isShort = servers.count(where: \.isVoter) < expect
        return servers.filter { server in
            guard !server.isVoter, server.isAlive, let health = health[server.id], health.isHealthy else {
                return false
            }
            return isShort || now - health.since >= configuration.serverStabilizationTime.duration
        }.sorted { ($0.match, $1.id) > ($1.match, $0.id) }.map(\.id)
    }

    /// The dead servers to take out of the group.
    ///
    /// Learners go at once. Voters go when the others may then lose one more of them than now: their seats only raise the
    /// majority that is needed. Without that gain a dead voter stays, as it may come back; and never are fewer voters left
    /// than `MinQuorum`, or than can decide.
    func removals(_ servers: [Observation], configuration: AutopilotConfiguration) -> [ServerID] {
        guard configuration.cleanupDeadServers else { return [] }
        let limit = max(configuration.serverStabilizationTime.duration, ServerDirectory.silenceMax)
        let dead = servers.filter { !$0.isAlive && $0.silence > limit }
        let voters = servers.filter(\.isVoter)
        let deadVoters = dead.filter(\.isVoter)
        let left = voters.count - deadVoters.count
        let gain = Autopilot.tolerance(voters: left, healthy: left) - tolerance(servers)
        let isSafe = left >= max(1, configuration.minQuorum) && left * 2 > voters.count
        return dead.filter { !$0.isVoter || (isSafe && gain > 0) }.map(\.id)
    }

    /// How many voters may fail without the loss of the majority.
    func tolerance(_ servers: [Observation]) -> Int {
        let voters = servers.filter(\.isVoter)
        let healthy = voters.count { health[$0.id]?.isHealthy ?? false }
        return Autopilot.tolerance(voters: voters.count, healthy: healthy)
    }

    private static func tolerance(voters: Int, healthy: Int) -> Int { max(0, healthy - (voters / 2 + 1)) }
}
