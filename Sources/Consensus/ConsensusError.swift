package import Basics
package import Raft

/// What can go wrong in a log or with a proposal, with the facts needed to act.
package enum ConsensusError: Error, Sendable, Equatable, CustomStringConvertible {
    /// This server does not lead; `leader` does, if known. The proposal was not made.
    case notLeader(leader: Membership.Member?)
    /// Leadership went away after the proposal was logged: it may or may not be committed.
    case leadershipLost
    /// Too much waits already, or leadership is being handed over; nothing was done, try again soon.
    case overloaded
    /// The membership change cannot be made, or not now.
    case membership(ProposalRefusal)
    /// One entry exceeds ``LogFormat/entryBytesMax``.
    case tooLarge(bytes: Int)
    /// The server is stopping, or stopped for the reason given.
    case stopped(String)
    /// Another agent holds the folder.
    case folderInUse(path: String)
    /// A file that was synced does not read back as written.
    case damaged(file: String, offset: UInt64, what: String)
    /// A file written by a newer release.
    case newerVersion(file: String, version: UInt32)
    /// The disk refused; nothing is tried again, for after a failed sync the content of the file is unknown.
    case storage(DiskError)
    /// The group's promise is broken on this server.
    case fault(RaftFault)

    package var description: String {
        switch self {
        case .notLeader(let leader):
            leader.map { "not the leader; ask \($0.id) at \($0.address)" }
                ?? "no leader is known; try again in a moment"
        case .leadershipLost: "leadership was lost before the write was committed; read back before trying again"
        case .overloaded: "too many writes wait to be committed; try again in a moment"
        case .membership(let refusal): "membership change refused: \(refusal)"
        case .tooLarge(let bytes): "a write of \(bytes) bytes exceeds the limit of \(LogFormat.entryBytesMax); split it"
        case .stopped(let reason): "the server's log is stopped: \(reason)"
        case .folderInUse(let path):
            "another agent uses the data folder (\(path) is locked): stop it, or give this one another data_dir"
        case .damaged(let file, let offset, let what):
            "\(file) is damaged at byte \(offset): \(what). Synced data was changed on disk; nothing was touched. "
                + "Check the disk, then restore the file from a backup, or empty this server's raft folder and let it "
                + "join the group anew"
        case .newerVersion(let file, let version):
            "\(file) has format version \(version), newer than this program reads: start the newer release, "
                + "or restore a backup"
        case .storage(let error): "\(error)"
        case .fault(let fault): "\(fault)"
        }
    }
}
