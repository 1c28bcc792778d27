internal import Basics
internal import Consensus
internal import Logging
internal import Model
internal import RPC
internal import Raft
internal import StateStore
internal import Synchronization

/// The autopilot's shell: what it is told, and what is done of what it says.
extension ServerAgent {
    /// The stored configuration, or this server's own until there is one.
    var autopilotConfiguration: AutopilotConfiguration { snapshot.autopilotConfiguration ?? settings.autopilot }

    /// Stores this server's configuration if there is none yet; while a member is of a release that knows none, the next round
    /// tries again.
    func storeAutopilotConfiguration() async {
        guard snapshot.autopilotConfiguration == nil else { return }
        let change = AutopilotChange(configuration: settings.autopilot, expectedIndex: 0)
        _ = try? await propose(.autopilotConfiguration(change))
    }

    /// Looks at the servers, gives learners their vote and takes dead servers out, one change a round.
    func runAutopilot() async throws {
        let servers = try await observeServers()
        let (now, configuration) = (seam.time.uptime, autopilotConfiguration)
        let (promotion, removal) = autopilot.withLock { autopilot in
            (
                autopilot.promotions(servers, expect: settings.expect, configuration: configuration, now: now).first,
                autopilot.removals(servers, configuration: configuration).first
            )
        }
        if let promotion {
            try await promote(promotion)
        } else if let removal {
            try await changeMembership { membership in
                Membership(members: membership.members.filter { $0.id != removal })
            }
            log.warning(
                "a dead server was taken out of the raft group; if it comes back it joins anew",
                metadata: ["server.id": "\(removal)"])
        }
    }

    private func promote(_ id: ServerID) async throws {
        try await changeMembership { membership in
            guard let member = membership.members.first(where: { $0.id == id && !$0.isVoter }) else { return nil }
            let voter = Membership.Member(id: member.id, address: member.address)
            return Membership(members: membership.members.filter { $0.id != id } + [voter])
        }
        log.info("a server became a voter", metadata: ["server.id": "\(id)"])
    }

    /// What this leader knows of the group's servers now; tells the autopilot.
    private func observeServers() async throws -> [Autopilot.Observation] {
        let progress = try await consensus.progress()
        let now = seam.time.uptime
        let servers = consensus.status.membership.members.map { member in
            let isSelf = member.id.name == settings.id
            return Autopilot.Observation(
                id: member.id, isVoter: member.isVoter, silence: isSelf ? .zero : silence(of: member.id, now: now),
                match: isSelf ? progress.lastIndex : progress.matches[member.id] ?? 0,
                isAlive: isSelf || directory.isAlive(member.id.name, now: now))
        }
        let configuration = autopilotConfiguration
        autopilot.withLock {
            $0.observe(servers, lastIndex: progress.lastIndex, configuration: configuration, now: now)
        }
        return servers
    }

    /// How long a server has not been heard of, as far as this leader can say: it has not listened for longer than it leads.
    func silence(of id: ServerID, now: Uptime) -> Duration {
        contacts.withLock { contacts in now - max(contacts.last[id] ?? contacts.leadingSince, contacts.leadingSince) }
    }

    /// The answer of `/v1/operator/autopilot/health`.
    func autopilotHealth() async throws -> AutopilotHealth {
        let servers = try await observeServers()
        let status = consensus.status
        let (now, time) = (seam.time.uptime, seam.time.now)
        let configuration = autopilotConfiguration
        return autopilot.withLock { autopilot in
            var answer = AutopilotHealth()
            answer.servers = zip(servers, status.membership.members).map { server, member in
                var health = ServerHealth()
                let record = server.id.name == settings.id ? introduction() : directory[server.id.name]?.record
                let known = autopilot.health[server.id]
                health.id = server.id.name
                health.name = record.map { "\($0.name).\($0.region)" } ?? server.id.name
                health.address = member.address
                health.serfStatus = server.isAlive ? "alive" : "failed"
                health.version = record?.build ?? ""
                health.leader = server.id == status.leader
                health.lastContact = DurationText(.milliseconds(server.silence.nanosecondCount / 1_000_000))
                health.lastTerm = server.silence <= configuration.lastContactThreshold.duration ? status.term : 0
                health.lastIndex = server.match
                health.healthy = known?.isHealthy ?? false
                health.voter = server.isVoter
                health.stableSince = TimeText(time + (.zero - (now - (known?.since ?? now))))
                return health
            }
            answer.healthy = answer.servers.allSatisfy(\.healthy)
            answer.failureTolerance = autopilot.tolerance(servers)
            answer.optimisticFailureTolerance = answer.failureTolerance
            answer.leader = status.leader?.name ?? ""
            answer.voters = status.membership.voters.map(\.name)
            return answer
        }
    }
}

extension SetAutopilotConfiguration: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> UpdatedReply {
        let problems = configuration.problems
        guard problems.isEmpty else { throw CallError(.invalid, problems.joined(separator: "; ")) }
        var reply = UpdatedReply()
        let change = AutopilotChange(
            configuration: configuration, expectedIndex: checkAndSet ? modifyIndex : nil)
        do {
            reply.index = try await server.propose(.autopilotConfiguration(change)).index
            reply.updated = true
        } catch let error as CallError where error.code == .conflict {
            reply.index = server.snapshot.index
        }
        return reply
    }
}

extension GetAutopilotHealth: Served {
    var place: AnswerPlace { .confirmedLeader }

    func serve(on server: ServerAgent, context: CallContext) async throws -> AutopilotHealth {
        try await server.autopilotHealth()
    }
}
