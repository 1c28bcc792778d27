internal import Basics
package import Gossip

/// The gossip pool as a server sees it: servers of all regions, and whatever else has joined.
///
/// The agent's is `GossipPool`, which runs beside the server; a simulation gives one of its own, or none.
package protocol MemberPool: Sendable {
    /// All members listed, this server included, also those that failed or left of late; empty while the pool is not entered.
    var members: [Member] { get }
}

/// A Drover server among the pool's members, read from its tags.
struct PoolServer: Sendable, Equatable {
    /// As it is listed: `<name>.<region>`.
    let name: String
    let id: String
    let region: String
    /// Where its RPC is reached.
    let address: NetworkAddress
    let status: MemberStatus

    /// Nil for a member that is something else: a stock serf agent, another product's server.
    init?(_ member: Member) {
        let tags = member.tags
        guard tags["role"] == "nomad", tags[ServerTags.drover] != nil, let id = tags["id"], let region = tags["region"],
            !id.isEmpty, !region.isEmpty, let port = tags["port"].flatMap({ Int($0) }), (1...65_535).contains(port)
        else { return nil }
        let host = tags["rpc_addr"].flatMap { $0.isEmpty ? nil : $0 } ?? member.address.host
        name = member.name
        self.id = id
        self.region = region
        address = NetworkAddress(host: host, port: port)
        status = member.status
    }
}

/// What a server tells the pool of itself, under the names that Nomad's servers use.
enum ServerTags {
    /// Drover's own: set by those who speak its RPC; the version of that.
    static let drover = "drover"

    static func tags(
        id: String, region: String, datacenter: String, rpc: NetworkAddress, expect: Int, build: String
    ) -> [String: String] {
        var tags = [
            "role": "nomad", "region": region, "dc": datacenter, "id": id, "rpc_addr": rpc.host, "port": "\(rpc.port)",
            "build": build, "vsn": "1", "raft_vsn": "3", drover: "1",
        ]
        if expect == 1 { tags["bootstrap"] = "1" }
        if expect > 0 { tags["expect"] = "\(expect)" }
        return tags
    }
}

extension ServerOptions {
    /// The server's name in the pool.
    package var poolName: String { "\(name).\(region)" }

    /// The server's tags in the pool.
    package var poolTags: [String: String] {
        ServerTags.tags(
            id: id, region: region, datacenter: datacenter, rpc: rpcAddress, expect: expect, build: Version.text)
    }
}
