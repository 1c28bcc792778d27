internal import APIClient
package import ArgumentParser
internal import Basics

package struct OperatorRaftCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "raft", abstract: "The servers' Raft group: who is in it, and who leads.",
        subcommands: [RaftListPeersCommand.self, RaftRemovePeerCommand.self, RaftTransferLeadershipCommand.self])

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

    @Option(name: .go("peer-id"), help: ArgumentHelp("The server's ID, as list-peers shows it.", valueName: "id"))
    var id: String?

    @Option(name: .go("peer-address"), help: ArgumentHelp("Or its address.", valueName: "host:port"))
    var address: String?

    package init() {}

    package func run() async throws {
        let peer = try RaftPeer(id: id, address: address)
        try await options.client().removeRaftPeer(id: peer.id, address: peer.address)
        Console.write("Removed peer \(peer.title)")
    }
}

package struct RaftTransferLeadershipCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "transfer-leadership", abstract: "Let another server lead.")

    @OptionGroup var options: ClientOptions

    @Option(name: .go("peer-id"), help: ArgumentHelp("The server's ID, as list-peers shows it.", valueName: "id"))
    var id: String?

    @Option(name: .go("peer-address"), help: ArgumentHelp("Or its address.", valueName: "host:port"))
    var address: String?

    package init() {}

    package func run() async throws {
        let peer = try RaftPeer(id: id, address: address)
        try await options.client().transferLeadership(id: peer.id, address: peer.address)
        Console.write("Transferred leadership to \(peer.title)")
    }
}

/// A server named by exactly one of id and address.
private struct RaftPeer {
    let id: String
    let address: String

    init(id: String?, address: String?) throws {
        guard (id == nil) != (address == nil) else {
            throw CommandError("give either -peer-id or -peer-address; see drover operator raft list-peers")
        }
        self.id = id ?? ""
        self.address = address ?? ""
    }

    var title: String { id.isEmpty ? address : id }
}
