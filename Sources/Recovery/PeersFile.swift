package import Basics
internal import Consensus
internal import Raft

/// `raft/peers.json`: the members of the group from now on, written by an operator after the quorum was lost (Nomad docs:
/// outage recovery).
///
///     [{"id": "ddc9…", "address": "10.1.0.1:4647", "non_voter": false}, …]
package struct PeersFile: Equatable {
    private struct Entry: Document {
        var id = ""
        var address = ""
        var isNonVoter = false

        mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
            try visitor.field("id", &id)
            try visitor.field("address", &address)
            try visitor.field("non_voter", &isNonVoter)
        }
    }

    private static let bytesMax = 1 << 20
    let membership: Membership

    /// Reads the file's text; throws ``RecoveryError`` for what is no such list, or one without a voter.
    init(_ text: [UInt8], path: String) throws(RecoveryError) {
        let entries: [Entry]
        do {
            entries = try [Entry].read(try JSONParser.parse(text))
        } catch {
            throw RecoveryError(
                "\(path) cannot be read (\(error)); mend it, or remove it to start with the members known")
        }
        membership = Membership(
            members: entries.map { .init(id: ServerID($0.id), address: $0.address, isVoter: !$0.isNonVoter) })
        guard membership.isEncodable, !membership.voters.isEmpty, membership.members.count == entries.count,
            entries.allSatisfy({ NetworkAddress($0.address, defaultPort: 4647) != nil })
        else {
            throw RecoveryError(
                "\(path) must list each server once, with id and address (host:port), and at least one that votes")
        }
    }

    /// Takes the file in, if there is one: its members are those of the group in `folder` from now on.
    ///
    /// - Returns: how many they are; nil when there is no file.
    package static func takeIn(_ folder: String, disk: any Disk) throws -> Int? {
        let path = folder + "/peers.json"
        guard disk.exists(path) else { return nil }
        let file = try PeersFile(try disk.read(path, limit: bytesMax), path: path)
        let opened = try FolderRecovery(folder, disk: disk)
        defer { opened.close() }
        try opened.replaceMembership(file.membership)
        try disk.remove(path)
        try disk.synchronizeDirectory(folder)
        return file.membership.members.count
    }
}
