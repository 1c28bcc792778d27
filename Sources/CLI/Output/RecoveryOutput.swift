internal import Basics
internal import Raft
internal import Recovery

/// What `operator raft recover` says.
struct RecoveryOutput {
    let situation: QuorumRecovery.Situation
    let folder: String

    /// The servers, and what will be done and lost.
    func plan(listening: [Membership.Member]) -> String {
        let rows = situation.membership.members.map { member in
            let isListening = listening.contains(member)
            let state = member.id == situation.server.id ? "this server" : isListening ? "answers" : "does not answer"
            return [member.id.name, member.address, "\(member.isVoter)", state]
        }
        let facts = Table.pairs([
            ("Folder", folder), ("Cluster", "\(situation.cluster)"),
            ("Log ends at", "entry \(situation.lastIndex) of term \(situation.lastTerm)"),
        ])
        return """
            \(facts)

            \(Table.list(["ID", "Address", "Voter", "State"], rows))

            This server will be the only voter of a cluster with a new identity:
              - kept is all that is in its log, also what no majority had confirmed yet;
              - lost is what the others had confirmed and this one had not received;
              - servers of the old cluster are refused from then on; with an empty data folder they join as new ones;
              - a copy of what is changed stays in the folder.
            If a server that does not answer is only cut off from here, it goes on with its own history: make sure that it
            is gone for good.
            """
    }

    /// Why nothing is done while some of the others answer; nil when none does.
    func refusal(listening: [Membership.Member]) -> String? {
        guard !listening.isEmpty else { return nil }
        let names = listening.map { "\($0.id) at \($0.address)" }.joined(separator: ", ")
        if situation.hasQuorum(with: listening.map(\.id)) {
            return "Nothing was changed: with \(names) there is a majority, so start this server's agent and it goes on"
        }
        return
            "Nothing was changed: \(names) answers. Stop it, run this command on the server whose log is furthest, and "
            + "start the others with an empty data folder afterwards"
    }

    var nothingToDo: String {
        "Server \(situation.server.id) is the only voter of its cluster already; there is nothing to do but to start it"
    }

    func done(copy: String) -> String {
        """

        Recovered. A copy of what was changed is in \(copy); remove it once all is well.
        Start the agent now, and new servers with retry_join = ["\(situation.server.address)"].
        """
    }
}
