import Basics
import Raft

@testable import Consensus
@testable import Server

extension Seeds {
    private static var group: Raft.Membership {
        Raft.Membership(members: [
            .init(id: ServerID("s1"), address: "192.0.2.1:4647"), .init(id: ServerID("s2"), address: "s2:4647"),
            .init(id: ServerID("s3"), address: "[2001:db8::3]:4647", isVoter: false),
        ])
    }

    static var memberships: [[UInt8]] { [Raft.Membership(members: []).bytes, group.bytes] }

    /// One of each kind of message, and all of them.
    static var batches: [[UInt8]] {
        let entries = [
            LogEntry(index: 8, term: 3, kind: .noop, data: []),
            LogEntry(index: 9, term: 3, kind: .membership, data: group.bytes),
            LogEntry(index: 10, term: 3, kind: .firstApplication, data: [1, 2, 3]),
        ]
        let bodies: [Message.Body] = [
            .voteRequest(.init(lastIndex: 7, lastTerm: 2, isPreVote: true, isTransfer: false)),
            .voteResponse(.init(isGranted: true, isPreVote: true)),
            .append(.init(previousIndex: 7, previousTerm: 2, entries: entries, commit: 7)),
            .appendResponse(.init(index: 7, rejection: .init(hintIndex: 5, hintTerm: 1))),
            .appendResponse(.init(index: 10, rejection: nil)), .heartbeat(commit: 7, context: 300),
            .heartbeatResponse(context: 300), .timeoutNow,
        ]
        let (from, to) = (ServerID("s1"), ServerID("s2"))
        let messages = bodies.map { Message(from: from, to: to, term: 3, body: $0) }
        return (messages.map { [$0] } + [messages]).map {
            RaftBatch(cluster: ID(high: 1, low: 2), from: from, address: "192.0.2.1:4647", to: to, messages: $0).encoded
        }
    }

    static var parts: [[UInt8]] {
        [false, true].map { isLast in
            SnapshotPart(
                cluster: ID(high: 1, low: 2), from: ServerID("s1"), address: "192.0.2.1:4647", to: ServerID("s2"),
                term: 3,
                metadata: SnapshotMetadata(index: 9, term: 3, membership: group), transfer: 77, offset: 4_096,
                isLast: isLast, content: isLast ? [] : [1, 2, 3]
            ).encoded
        }
    }
}
