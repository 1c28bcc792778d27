/// The servers of a Raft group. One voter is added or removed at a time, so any two successive majorities overlap
/// (dissertation §4.1); learners get the log but have no vote.
package struct Membership: Sendable, Hashable {
    /// Sorted by id, ids unique.
    package let members: [Member]

    package struct Member: Sendable, Hashable {
        package let id: ServerID
        /// Where other servers reach it: `host:port`; opaque to the core.
        package let address: String
        package let isVoter: Bool

        package init(id: ServerID, address: String, isVoter: Bool = true) {
            self.id = id
            self.address = address
            self.isVoter = isVoter
        }
    }

    package init(members: [Member]) {
        var unique: [Member] = []
        for member in members.sorted(by: { $0.id < $1.id }) where unique.last?.id != member.id { unique.append(member) }
        self.members = unique
    }

    package var voters: [ServerID] { members.filter(\.isVoter).map(\.id) }

    package func isVoter(_ id: ServerID) -> Bool { members.contains { $0.id == id && $0.isVoter } }

    package func contains(_ id: ServerID) -> Bool { members.contains { $0.id == id } }

    /// Whether the servers in `ids` are a majority of the voters.
    package func isQuorum(_ ids: [ServerID]) -> Bool {
        let voters = voters
        return voters.count(where: ids.contains) * 2 > voters.count
    }

    /// How many servers are voters in only one of the two; a safe change has at most one.
    package func votersChanged(from other: Membership) -> Int {
        Set(voters).symmetricDifference(other.voters).count
    }
}

// MARK: - Bytes

extension Membership {
    /// The most members a membership can hold; more are refused when proposed and when read.
    package static let membersMax = 255

    /// Layout: count u8, then for each member: flags u8 (bit 0: voter), id length u8, id, address length u8, address.
    package var bytes: [UInt8] {
        var out: [UInt8] = [UInt8(truncatingIfNeeded: members.count)]
        for member in members {
            out.append(member.isVoter ? 1 : 0)
            for text in [member.id.name, member.address] {
                out.append(UInt8(truncatingIfNeeded: text.utf8.count))
                out.append(contentsOf: text.utf8)
            }
        }
        return out
    }

    /// False when it could not be written and read back: too many members, an empty id, or an id or address beyond 255
    /// bytes.
    package var isEncodable: Bool {
        members.count <= Membership.membersMax
            && members.allSatisfy {
                $0.id.name.utf8.count <= 255 && $0.address.utf8.count <= 255 && !$0.id.name.isEmpty
            }
    }

    /// Reads what ``bytes`` wrote; nil for anything else.
    package init?(bytes: [UInt8]) {
        var rest = bytes[...]
        guard let count = rest.popFirst() else { return nil }
        var members: [Member] = []
        for _ in 0..<count {
            guard let flags = rest.popFirst(), let id = Membership.text(&rest), let address = Membership.text(&rest)
            else { return nil }
            members.append(Member(id: ServerID(id), address: address, isVoter: flags & 1 == 1))
        }
        guard rest.isEmpty else { return nil }
        self.init(members: members)
        guard self.members.count == members.count else { return nil }
    }

    private static func text(_ rest: inout ArraySlice<UInt8>) -> String? {
        guard let count = rest.popFirst(), rest.count >= Int(count) else { return nil }
        defer { rest = rest.dropFirst(Int(count)) }
        return String(validating: rest.prefix(Int(count)), as: UTF8.self)
    }
}
