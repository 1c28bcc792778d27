internal import Basics
internal import Consensus
internal import Gossip
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
        case .regions: return .array(regions.map { .string($0) })
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

    /// The pool as `/v1/agent/members` shows it.
    private func members(_ status: RaftStatus) -> JSON {
        let listed = pool?.members.map(ListedMember.init) ?? []
        return .object([
            ("ServerName", .string(settings.name)), ("ServerRegion", .string(settings.region)),
            ("ServerDC", .string(settings.datacenter)),
            ("Members", .array((listed.isEmpty ? greetedMembers(status) : listed).map(\.json))),
        ])
    }

    /// Without gossip: this server and those it has greeted; members of the group that it has not heard of yet appear with
    /// what the group knows.
    private func greetedMembers(_ status: RaftStatus) -> [ListedMember] {
        let now = seam.time.uptime
        var records = directory.all.map { (record: $0.record, isAlive: $0.isAlive(now)) }
        records.append((introduction(), true))
        for member in status.membership.members where !records.contains(where: { $0.record.id == member.id.name }) {
            var unknown = ServerRecord()
            (unknown.id, unknown.name, unknown.region) = (member.id.name, member.id.name, settings.region)
            unknown.address = member.address
            records.append((unknown, false))
        }
        return records.map { ListedMember($0.record, isAlive: $0.isAlive) }.sorted { $0.name < $1.name }
    }
}

/// One line of `/v1/agent/members`.
private struct ListedMember {
    let name: String
    let host: String
    let port: Int
    let tags: [String: String]
    let status: MemberStatus
    let versions: ProtocolVersions

    init(_ member: Gossip.Member) {
        (name, host, port) = (member.name, member.address.host, Int(member.address.port))
        (tags, status, versions) = (member.tags, member.status, member.versions)
    }

    init(_ record: ServerRecord, isAlive: Bool) {
        let rpc = NetworkAddress(record.address, defaultPort: 4647) ?? NetworkAddress(host: record.address, port: 0)
        (name, host, port) = (record.fullName, rpc.host, record.serfPort)
        tags = ServerTags.tags(
            id: record.id, region: record.region, datacenter: record.datacenter, rpc: rpc, expect: record.expect,
            build: record.build)
        status = isAlive ? .alive : .failed
        versions = .ours
    }

    var json: JSON {
        let tags = self.tags.sorted { $0.key < $1.key }.map { ($0.key, JSON.string($0.value)) }
        return .object([
            ("Name", .string(name)), ("Addr", .string(host)), ("Port", .integer(Int64(port))),
            ("Tags", .object(tags)), ("Status", .string("\(status)")),
            ("ProtocolMin", .integer(Int64(versions.protocolMin))),
            ("ProtocolMax", .integer(Int64(versions.protocolMax))),
            ("ProtocolCur", .integer(Int64(versions.protocolCurrent))),
            ("DelegateMin", .integer(Int64(versions.delegateMin))),
            ("DelegateMax", .integer(Int64(versions.delegateMax))),
            ("DelegateCur", .integer(Int64(versions.delegateCurrent))),
        ])
    }
}

extension ServerRecord {
    /// The name in the pool.
    fileprivate var fullName: String { "\(name).\(region)" }
}
