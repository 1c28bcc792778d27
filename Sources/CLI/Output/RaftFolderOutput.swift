internal import Basics
internal import Consensus
internal import Raft
internal import StateStore

/// What `operator raft info` and `operator raft logs` say of a server's folder.
struct RaftFolderOutput {
    func info(_ stored: StoredFolder, folder: String) -> String {
        let snapshot = stored.snapshot?.metadata
        let facts = Table.pairs([
            ("Folder", folder), ("Entries", "\(stored.entries.count)"),
            ("First Index", stored.entries.first.map { "\($0.index)" } ?? ""), ("Last Index", "\(stored.lastIndex)"),
            ("Last Term", "\(stored.lastTerm)"),
            ("Snapshot", snapshot.map { "up to entry \($0.index) of term \($0.term)" } ?? ""),
        ])
        let rows = stored.membership.members.map { [$0.id.name, $0.address, "\($0.isVoter)"] }
        return rows.isEmpty ? facts : "\(facts)\n\n\(Table.list(["ID", "Address", "Voter"], rows))"
    }

    func entry(_ entry: LogEntry) -> JSON {
        var members: [(String, JSON)] = [
            ("Index", .integer(Int64(clamping: entry.index))), ("Term", .integer(Int64(clamping: entry.term))),
            ("Bytes", .integer(Int64(entry.data.count))),
        ]
        switch entry.kind {
        case .noop: members.append(("Type", .string("noop")))
        case .membership:
            members.append(("Type", .string("membership")))
            let group = Membership(bytes: entry.data)?.members ?? []
            members.append(
                ("Members", .array(group.map { .string("\($0.id) \($0.address)\($0.isVoter ? "" : " (no voter)")") })))
        case .firstApplication:
            members.append(("Type", .string("change")))
            do {
                let change = try StateEntry(decoding: entry.data)
                members.append(("Change", .string(change.label)))
                if !change.details.isEmpty { members.append(("Details", .array(change.details.map(JSON.string)))) }
            } catch {
                members.append(("Unreadable", .string("\(error)")))
            }
        default: members.append(("Type", .string("\(entry.kind.rawValue), of a later release")))
        }
        return .object(JSONObject(members))
    }
}
