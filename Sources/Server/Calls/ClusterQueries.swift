internal import Basics
internal import Consensus
internal import Model
internal import RPC
internal import Raft
internal import StateStore

extension QuerySource {
    /// What is known of the servers themselves; it is not in the log, so nobody waits for it.
    static func cluster(_ kind: QueryKind, _ server: ServerAgent) -> QuerySource {
        QuerySource(keys: [], index: { $0.index }) { _ in
            ListPage(body: server.clusterAnswer(kind).bytes, nextToken: "")
        }
    }

    /// How the schedulers do, as this server's workers have found; nobody waits for it either.
    static func schedulerStatus(_ server: ServerAgent) -> QuerySource {
        QuerySource(keys: [], index: { $0.index }) { _ in
            var status = server.journal.status(of: server.placers)
            status.shadow = server.shadow.report
            return .object(status)
        }
    }
}

extension ServerAgent {
    fileprivate func clusterAnswer(_ kind: QueryKind) -> JSON {
        let status = consensus.status
        switch kind {
        case .leader: return .string(status.leader.flatMap(address) ?? "")
        case .peers: return .array(status.membership.members.filter(\.isVoter).map { .string($0.address) })
        case .regions: return .array([.string(settings.region)])
        case .raftConfiguration: return raftConfiguration(status)
        default: return members(status)
        }
    }

    private func address(_ id: ServerID) -> String? {
        consensus.status.membership.members.first { $0.id == id }?.address
    }

    private func raftConfiguration(_ status: RaftStatus) -> JSON {
        let servers = status.membership.members.map { member in
            JSON.object([
                ("ID", .string(member.id.name)), ("Node", .string("\(settings.name).\(settings.region)")),
                ("Address", .string(member.address)), ("Leader", .bool(member.id == status.leader)),
                ("Voter", .bool(member.isVoter)), ("RaftProtocol", .string("3")),
            ])
        }
        return .object([("Servers", .array(servers)), ("Index", .integer(0))])
    }

    /// The pool as `/v1/agent/members` shows it: this server alone until gossip brings others.
    private func members(_ status: RaftStatus) -> JSON {
        let tags = [
            ("role", "nomad"), ("region", settings.region), ("dc", settings.datacenter), ("id", settings.id),
            ("build", Version.text), ("port", "\(settings.rpcAddress.port)"), ("rpc_addr", settings.rpcAddress.host),
            ("bootstrap", "1"), ("expect", "1"), ("raft_vsn", "3"), ("vsn", "1"),
        ]
        let member = JSON.object([
            ("Name", .string("\(settings.name).\(settings.region)")), ("Addr", .string(settings.rpcAddress.host)),
            ("Port", .integer(Int64(settings.serfPort))), ("Tags", .object(tags.map { ($0.0, .string($0.1)) })),
            ("Status", .string("alive")), ("ProtocolMin", .integer(1)), ("ProtocolMax", .integer(5)),
            ("ProtocolCur", .integer(2)), ("DelegateMin", .integer(2)), ("DelegateMax", .integer(5)),
            ("DelegateCur", .integer(4)),
        ])
        return .object([
            ("ServerName", .string(settings.name)), ("ServerRegion", .string(settings.region)),
            ("ServerDC", .string(settings.datacenter)), ("Members", .array([member])),
        ])
    }
}
