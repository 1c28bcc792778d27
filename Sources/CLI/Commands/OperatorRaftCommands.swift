internal import APIClient
package import ArgumentParser
internal import Basics

package struct OperatorRaftCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "raft", abstract: "The servers' Raft group: who is in it, and who leads.",
        subcommands: [
            RaftListPeersCommand.self, RaftRemovePeerCommand.self, RaftTransferLeadershipCommand.self,
            RaftRecoverCommand.self, RaftInfoCommand.self, RaftLogsCommand.self, RaftStateCommand.self,
        ])

    package init() {}
}

package struct RaftListPeersCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "list-peers", abstract: "List the servers of the Raft group.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("stale"), help: "Let any server answer, also without a leader.")
    var stale = false

    package init() {}

    package func run() async throws {
        let servers = try await options.client().raftConfiguration(stale: stale).servers
        Console.write(AgentOutput(shown: Shown(now: LocalEnvironment.now)).raftPeers(servers))
    }
}

package struct RaftRemovePeerCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "remove-peer", abstract: "Take a server out of the Raft group.",
        discussion: """
            For a server that is gone for good. One that still runs must be stopped first; with an empty data folder it \
            may join again.
            """)

    @OptionGroup var options: ClientOptions
    @OptionGroup var peer: RaftPeerOptions

    package init() {}

    package func run() async throws {
        let peer = try peer.server
        try await options.client().removeRaftPeer(id: peer.id, address: peer.address)
        Console.write("Removed peer \(peer.title)")
    }
}

package struct RaftTransferLeadershipCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "transfer-leadership", abstract: "Let another server lead.")

    @OptionGroup var options: ClientOptions
    @OptionGroup var peer: RaftPeerOptions

    package init() {}

    package func run() async throws {
        let peer = try peer.server
        try await options.client().transferLeadership(id: peer.id, address: peer.address)
        Console.write("Transferred leadership to \(peer.title)")
    }
}

/// Names one server of the Raft group.
struct RaftPeerOptions: ParsableArguments {
    @Option(name: .go("peer-id"), help: ArgumentHelp("The server's ID, as list-peers shows it.", valueName: "id"))
    var id: String?

    @Option(name: .go("peer-address"), help: ArgumentHelp("Or its address.", valueName: "host:port"))
    var address: String?

    /// The server, named by exactly one of id and address; the other one is empty.
    var server: (id: String, address: String, title: String) {
        get throws {
            guard let title = id ?? address, id == nil || address == nil else {
                throw CommandError("give either -peer-id or -peer-address; see drover operator raft list-peers")
            }
            return (id ?? "", address ?? "", title)
        }
    }
}
