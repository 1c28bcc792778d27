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
                ("ID", .string(member.id.name)), ("Node", .string(record(member.id.name)?.fullName ?? member.id.name)),
                ("Address", .string(member.address)), ("Leader", .bool(member.id == status.leader)),
                ("Voter", .bool(member.isVoter)), ("RaftProtocol", .string("3")),
            ])
        }
        return .object([("Servers", .array(servers)), ("Index", .integer(Int64(clamping: snapshot.index)))])
    }

    private func record(_ id: String) -> ServerRecord? { id == settings.id ? introduction() : directory[id]?.record }

    /// The pool as `/v1/agent/members` shows it: this server and those it knows; members of the group that it has not heard
    /// of yet appear with what the group knows.
    private func members(_ status: RaftStatus) -> JSON {
        let now = seam.time.uptime
        var records = directory.all.map { (record: $0.record, isAlive: $0.isAlive(now)) }
        records.append((introduction(), true))
        for member in status.membership.members where !records.contains(where: { $0.record.id == member.id.name }) {
            var unknown = ServerRecord()
            (unknown.id, unknown.name, unknown.region) = (member.id.name, member.id.name, settings.region)
            unknown.address = member.address
            records.append((unknown, false))
        }
        records.sort { $0.record.fullName < $1.record.fullName }
        return .object([
            ("ServerName", .string(settings.name)), ("ServerRegion", .string(settings.region)),
            ("ServerDC", .string(settings.datacenter)),
            ("Members", .array(records.map { $0.record.member(isAlive: $0.isAlive) })),
        ])
    }
}

extension ServerRecord {
    /// The name in the pool.
    fileprivate var fullName: String { "\(name).\(region)" }

    /// The server as a member of the pool.
    fileprivate func member(isAlive: Bool) -> JSON {
        let rpc = NetworkAddress(address, defaultPort: 4647) ?? NetworkAddress(host: address, port: 0)
        var tags = [
            ("role", "nomad"), ("region", region), ("dc", datacenter), ("id", id), ("build", build),
            ("port", "\(rpc.port)"), ("rpc_addr", rpc.host), ("raft_vsn", "3"), ("vsn", "1"),
        ]
        if expect == 1 { tags.append(("bootstrap", "1")) }
        if expect > 0 { tags.append(("expect", "\(expect)")) }
        return .object([
            ("Name", .string(fullName)), ("Addr", .string(rpc.host)), ("Port", .integer(Int64(serfPort))),
            ("Tags", .object(tags.map { ($0.0, .string($0.1)) })), ("Status", .string(isAlive ? "alive" : "failed")),
            ("ProtocolMin", .integer(1)), ("ProtocolMax", .integer(5)), ("ProtocolCur", .integer(2)),
            ("DelegateMin", .integer(2)), ("DelegateMax", .integer(5)), ("DelegateCur", .integer(4)),
        ])
    }
}
