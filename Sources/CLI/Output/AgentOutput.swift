internal import APIClient
internal import Basics

/// Servers and plug-ins.
struct AgentOutput {
    let shown: Shown

    /// The table of servers; `leaders` are their leaders' RPC addresses by region.
    func members(_ members: [AgentMember], leaders: [String: String]) -> String {
        let heading = ["Name", "Address", "Port", "Status", "Leader", "Raft Version", "Build", "Datacenter", "Region"]
        let rows = members.sorted { $0.name < $1.name }.map { member in
            let host = member.tags["rpc_addr"] ?? member.addr
            let rpc = (host.contains(":") ? "[\(host)]" : host) + ":" + (member.tags["port"] ?? "")
            let leader = leaders[member.tags["region"] ?? ""]
            return [
                member.name, member.addr, String(member.port), member.status, String(rpc == leader),
                member.tags["raft_vsn"] ?? "", member.tags["build"] ?? "", member.tags["dc"] ?? "",
                member.tags["region"] ?? "",
            ]
        }
        return Table.list(heading, rows)
    }

    /// The table of servers with their tags.
    func memberTags(_ members: [AgentMember]) -> String {
        let rows = members.sorted { $0.name < $1.name }.map { member in
            let tags = member.tags.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            return [
                member.name, member.addr, String(member.port), member.status, String(member.protocolCur),
                tags.joined(separator: ","),
            ]
        }
        return Table.list(["Name", "Address", "Port", "Status", "Protocol", "Tags"], rows)
    }

    /// The table of gossip keys.
    func gossipKeys(_ answer: KeyringResponse) -> String {
        let rows = answer.keys.sorted { $0.key < $1.key }.map { [$0.key, "[\($0.value)/\(answer.members)]"] }
        return Table.list(["Key", "Servers"], rows)
    }

    /// The table of a Raft group's servers.
    func raftPeers(_ servers: [RaftServer]) -> String {
        let rows = servers.map { server in
            [
                server.node, server.id, server.address, server.leader ? "leader" : "follower", String(server.voter),
                server.raftProtocol,
            ]
        }
        return Table.list(["Node", "ID", "Address", "State", "Voter", "RaftProtocol"], rows)
    }

    func plugins(_ plugins: [PluginStatus]) -> String {
        guard !plugins.isEmpty else { return "No plug-ins found" }
        let heading = ["Name", "Kind", "Version", "ABI", "Isolation", "State", "PID", "Restarts", "File"]
        let sorted = plugins.sorted { ($0.kind, $0.name) < ($1.kind, $1.name) }
        let rows = sorted.map { plugin in
            [
                plugin.name, plugin.kind, plugin.version, plugin.abi, plugin.isolation, plugin.state,
                plugin.pid == 0 ? "-" : String(plugin.pid), String(plugin.restarts), plugin.file,
            ]
        }
        let reasons = sorted.filter { !$0.reason.isEmpty }.map { "\($0.name): \($0.reason)" }
        let table = Table.list(heading, rows)
        return reasons.isEmpty ? table : table + "\n\n" + reasons.joined(separator: "\n")
    }
}
