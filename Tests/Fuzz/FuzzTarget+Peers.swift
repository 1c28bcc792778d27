import Basics
import Raft

@testable import Consensus
@testable import Server

/// What servers of one cluster send each other beside documents.
extension FuzzTarget {
    /// A batch of Raft messages, whose checksum is made right: what a checksum guards is to be read safely all the same.
    static func raft(_ bytes: [UInt8]) {
        guard let batch = try? RaftBatch(decoding: sealed(bytes)) else { return }
        precondition((try? RaftBatch(decoding: batch.encoded)) == batch, "\(batch) cannot be read again")
    }

    /// A piece of a snapshot on its way, likewise.
    static func part(_ bytes: [UInt8]) {
        guard let part = try? SnapshotPart(decoding: sealed(bytes)) else { return }
        precondition((try? SnapshotPart(decoding: part.encoded)) == part, "\(part) cannot be read again")
    }

    /// Who is in the group, as an entry of the log has it.
    static func membership(_ bytes: [UInt8]) {
        guard let membership = Raft.Membership(bytes: bytes) else { return }
        precondition(Raft.Membership(bytes: membership.bytes) == membership, "\(membership) cannot be read again")
        precondition(membership.voters.count <= membership.members.count)
    }

    /// The bytes with a fitting checksum in place of their last eight.
    private static func sealed(_ bytes: [UInt8]) -> [UInt8] {
        let content = Array(bytes.dropLast(8))
        let checksum = UInt64(CRC32C.checksum(content))
        return content + (0..<8).map { UInt8(truncatingIfNeeded: checksum >> UInt64(8 * $0)) }
    }
}
