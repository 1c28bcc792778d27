import Basics
import Raft
import Testing

/// Facts about one server that are easier to see without a network.
struct RaftNodeTests {
    private let three = Membership(members: ["a", "b", "c"].map { .init(id: ServerID($0), address: "\($0):4647") })
    private let a = ServerID("a")
    private let b = ServerID("b")

    private func node(term: UInt64, entryTerms: [UInt64], settings: RaftSettings = RaftSettings()) -> RaftNode {
        let entries = entryTerms.enumerated().map {
            LogEntry(index: UInt64($0.offset + 1), term: $0.element, kind: .firstApplication, data: [])
        }
        let snapshot = SnapshotMetadata(index: 0, term: 0, membership: three)
        let restored = RaftNode.Restored(hardState: HardState(term: term), snapshot: snapshot, entries: entries)
        return RaftNode(id: a, restored: restored, settings: settings, seed: 1)
    }

    /// Has it hear nothing for so long that no leader counts on it any more.
    private func release(_ node: inout RaftNode) { for _ in 0..<RaftSettings().electionTicks { _ = node.step(.tick) } }

    /// Makes `node` leader of the next term with b's votes; returns what it wants persisted.
    private func elect(_ node: inout RaftNode) -> Ready {
        for _ in 0..<20 { _ = node.step(.tick) }
        let next = node.term + 1
        let trial = node.step(message(term: next, .voteResponse(.init(isGranted: true, isPreVote: true))))
        if let mark = trial.mark { _ = node.step(.persisted(mark)) }
        return node.step(message(term: next, .voteResponse(.init(isGranted: true, isPreVote: false))))
    }

    private func message(term: UInt64, _ body: Message.Body) -> Event {
        .receive(Message(from: b, to: a, term: term, body: body))
    }

    /// A leader of three whose first entry is committed, and whose heartbeat at 100 ms was answered.
    private func leaderWithLease() throws -> RaftNode {
        var settings = RaftSettings()
        settings.lease = .milliseconds(400)
        var node = node(term: 0, entryTerms: [], settings: settings)
        _ = node.step(.persisted(try #require(elect(&node).mark)))
        _ = node.step(message(term: 1, .appendResponse(.init(index: 1))))
        #expect(node.isLeader && node.commitIndex == 1)
        try answerHeartbeat(&node, milliseconds: 100)
        return node
    }

    private func answerHeartbeat(_ node: inout RaftNode, milliseconds: Int64) throws {
        var sent = node.step(.tick, at: time(milliseconds)).early
        if sent.isEmpty { sent = node.step(.tick, at: time(milliseconds)).early }
        guard case .heartbeat(_, let round) = try #require(sent.first).body else { return #expect(Bool(false)) }
        _ = node.step(message(term: node.term, .heartbeatResponse(context: round)), at: time(milliseconds + 20))
    }

    private func time(_ milliseconds: Int64) -> Uptime { Uptime(nanoseconds: milliseconds * 1_000_000) }

    /// Dissertation §6.4.1: from when the heartbeat was sent, not from when it was answered.
    @Test func aLeaseServesReadsUntilItEnds() throws {
        var node = try leaderWithLease()
        let held = node.step(.read(1), at: time(499))
        #expect(held.reads == [.ready(id: 1, index: 1)] && held.early.isEmpty)
        let ended = node.step(.read(2), at: time(500))
        #expect(ended.reads.isEmpty && ended.early.count == 2, "the others are asked")
        guard case .heartbeat(_, let round) = try #require(ended.early.first).body else { return #expect(Bool(false)) }
        let answered = node.step(message(term: 1, .heartbeatResponse(context: round)), at: time(501))
        #expect(answered.reads == [.ready(id: 2, index: 1)])
        #expect(node.step(.read(3), at: time(899)).reads == [.ready(id: 3, index: 1)], "the answer is a new lease")
    }

    /// The only voter left asks nobody for votes, so a leader that is on its way out serves nothing by a lease.
    @Test func aLeaderThatIsNoVoterHasNoLease() throws {
        var settings = RaftSettings()
        settings.lease = .milliseconds(400)
        var node = node(term: 0, entryTerms: [], settings: settings)
        _ = node.step(.persisted(try #require(elect(&node).mark)))
        _ = node.step(message(term: 1, .appendResponse(.init(index: 1))))
        let two = Membership(members: three.members.filter { $0.id.name != "c" })
        _ = node.step(.persisted(try #require(node.step(.changeMembership(two)).mark)))
        _ = node.step(message(term: 1, .appendResponse(.init(index: 2))))
        _ = node.step(.changeMembership(Membership(members: two.members.filter { $0.id == b })))
        try answerHeartbeat(&node, milliseconds: 100)
        #expect(node.isLeader && node.step(.read(1), at: time(130)).reads.isEmpty)
    }

    /// What a server said to this one as the leader of an earlier term, "nothing", is no answer to a probe of this term.
    @Test func anAnswerToAnOldLeaderIsNoAcceptance() throws {
        var node = node(term: 2, entryTerms: [1, 2, 2, 2])
        _ = node.step(.persisted(try #require(elect(&node).mark)))
        _ = node.step(message(term: 3, .appendResponse(.init(index: 0))))
        let rejection = Message.Rejection(hintIndex: 3, hintTerm: 2)
        let ready = node.step(message(term: 3, .appendResponse(.init(index: 4, rejection: rejection))))
        guard case .append(let append)? = ready.early.first?.body else { return #expect(Bool(false), "\(ready)") }
        #expect(append.previousIndex == 3 && ready.snapshots.isEmpty)
    }

    /// Whoever was invited to campaign may win before the lease ends; members of another group promised nothing.
    @Test func aTransferAndAChangeOfMembershipEndTheLease() throws {
        var transferring = try leaderWithLease()
        _ = transferring.step(.transferLeadership(to: b), at: time(130))
        #expect(transferring.step(.read(1), at: time(131)).reads.isEmpty)
        for _ in 0..<20 { _ = transferring.step(.tick, at: time(140)) }
        var changing = try leaderWithLease()
        let four = Membership(members: three.members + [.init(id: ServerID("d"), address: "d:4647")])
        _ = changing.step(.changeMembership(four), at: time(130))
        #expect(changing.step(.read(1), at: time(131)).reads.isEmpty)
    }

    /// It votes for nobody while a leader may count on that, be it restarted or told of a newer term meanwhile.
    @Test func aPromiseOutlivesRestartsAndTerms() {
        let request = Message.VoteRequest(lastIndex: 9, lastTerm: 9, isPreVote: false, isTransfer: false)
        var restarted = node(term: 2, entryTerms: [1])
        #expect(restarted.step(message(term: 9, .voteRequest(request))).messages.isEmpty)
        var told = node(term: 2, entryTerms: [1])
        release(&told)
        _ = told.step(message(term: 2, .heartbeat(commit: 0, context: 1)))
        _ = told.step(message(term: 3, .appendResponse(.init(index: 0))))
        #expect(told.step(message(term: 3, .voteRequest(request))).messages.isEmpty && told.term == 3)
        let invited = Message.VoteRequest(lastIndex: 9, lastTerm: 9, isPreVote: false, isTransfer: true)
        #expect(told.step(message(term: 4, .voteRequest(invited))).messages.count == 1, "the leader itself gave it up")
    }

    /// Raft §5.4.2, figure 8: a majority holding an entry of an older term does not commit it; an entry of its own term
    /// does, with all before.
    @Test func oldTermsAreNotCommittedByCounting() throws {
        var node = node(term: 2, entryTerms: [1, 2])
        let ready = elect(&node)
        #expect(node.isLeader && node.term == 3)
        _ = node.step(.persisted(try #require(ready.mark)))
        let old = node.step(message(term: 3, .appendResponse(.init(index: 2))))
        #expect(node.commitIndex == 0 && old.committed.isEmpty)
        let own = node.step(message(term: 3, .appendResponse(.init(index: 3))))
        #expect(own.committed.map(\.index) == [1, 2, 3])
    }

    /// A leader counts itself only for what its own disk holds.
    @Test func aLeaderIsNoMajorityBeforeItsDisk() throws {
        var node = node(term: 0, entryTerms: [])
        let ready = elect(&node)
        _ = node.step(message(term: 1, .appendResponse(.init(index: 1))))
        #expect(node.commitIndex == 0)
        _ = node.step(.persisted(try #require(ready.mark)))
        #expect(node.commitIndex == 1)
    }

    @Test func aVoteIsGivenOncePerTermAndOnlyAfterTheDisk() {
        var node = node(term: 1, entryTerms: [1])
        release(&node)
        let request = Message.VoteRequest(lastIndex: 1, lastTerm: 1, isPreVote: false, isTransfer: false)
        let first = node.step(message(term: 2, .voteRequest(request)))
        #expect(first.hardState == HardState(term: 2, vote: b))
        #expect(first.early.isEmpty && first.messages.count == 1)
        let other = Message(from: ServerID("c"), to: a, term: 2, body: .voteRequest(request))
        let second = node.step(.receive(other))
        #expect(second.messages.map(\.body) == [.voteResponse(.init(isGranted: false, isPreVote: false))])
    }

    @Test(arguments: [
        (lastIndex: UInt64(9), lastTerm: UInt64(1), granted: false), (1, 2, false), (2, 2, true), (1, 3, true),
    ])
    func votesGoToLogsThatAreUpToDate(lastIndex: UInt64, lastTerm: UInt64, granted: Bool) {
        var node = node(term: 3, entryTerms: [1, 2])
        release(&node)
        let request = Message.VoteRequest(lastIndex: lastIndex, lastTerm: lastTerm, isPreVote: false, isTransfer: false)
        let ready = node.step(message(term: 4, .voteRequest(request)))
        #expect(ready.messages.map(\.body) == [.voteResponse(.init(isGranted: granted, isPreVote: false))])
    }

    @Test func aServerThatLostSyncedDataStops() {
        var node = node(term: 1, entryTerms: [1])
        let ready = node.step(message(term: 1, .heartbeat(commit: 5, context: 0)))
        #expect(ready.fault == .lostLog(expected: 5, found: 1))
        #expect(ready.messages.isEmpty && ready.early.isEmpty)
        #expect(node.step(.tick).messages.isEmpty)
    }

    @Test func proposalsBeyondTheLimitAreRefused() {
        var settings = RaftSettings()
        settings.uncommittedBytesMax = 10
        var node = node(term: 0, entryTerms: [], settings: settings)
        _ = elect(&node)
        let big = [Proposal(kind: .firstApplication, data: [UInt8](repeating: 0, count: 10))]
        #expect(node.step(.propose(big)).proposal == .appended(first: 2, term: 1))
        #expect(node.step(.propose(big)).proposal == .refused(.overloaded))
        #expect(node.step(.propose([Proposal(kind: .membership, data: [])])).proposal == .refused(.reservedKind))
    }

    /// Whatever a broken or hostile peer sends must not trap.
    @Test(arguments: [UInt64(0), 1, 2, 3, 1 << 61, .max - 1, .max], [UInt64(0), 1, 2, 1 << 61, .max])
    func wildNumbersAreSurvived(index: UInt64, term: UInt64) {
        let entry = LogEntry(index: index, term: term, kind: .membership, data: [9, 9])
        let bodies: [Message.Body] = [
            .append(.init(previousIndex: index, previousTerm: term, entries: [entry], commit: index)),
            .append(.init(previousIndex: 0, previousTerm: 0, entries: [entry], commit: index)),
            .appendResponse(.init(index: index, rejection: .init(hintIndex: index, hintTerm: term))),
            .appendResponse(.init(index: index)), .heartbeatResponse(context: index),
            .voteRequest(.init(lastIndex: index, lastTerm: term, isPreVote: term == 1, isTransfer: false)),
            .voteResponse(.init(isGranted: true, isPreVote: index == 1)), .timeoutNow,
            .installSnapshot(SnapshotMetadata(index: index, term: term, membership: three)),
            .heartbeat(commit: index, context: term),
        ]
        for body in bodies {
            for messageTerm in [0, 1, term] {
                var follower = node(term: 1, entryTerms: [1])
                _ = follower.step(message(term: messageTerm, body))
                for _ in 0..<30 { _ = follower.step(.tick) }
                var leader = node(term: 0, entryTerms: [])
                _ = elect(&leader)
                _ = leader.step(message(term: messageTerm, body))
                for _ in 0..<30 { _ = leader.step(.tick) }
            }
        }
    }

    @Test func aGroupBeginsOnAnEmptyServerOnly() {
        let alone = Membership(members: [.init(id: ServerID("1"), address: "")])
        var node = RaftNode(id: ServerID("1"), restored: .init(), seed: 1)
        let stranger = Membership(members: [.init(id: ServerID("2"), address: "")])
        #expect(node.step(.bootstrap(stranger)).proposal == .refused(.invalidMembership))
        let ready = node.step(.bootstrap(alone))
        #expect(ready.proposal == .appended(first: 1, term: 1))
        #expect(ready.entries.first == LogEntry(index: 1, term: 1, kind: .membership, data: alone.bytes))
        if let mark = ready.mark { _ = node.step(.persisted(mark)) }
        #expect(node.isLeader && node.membership == alone)
        #expect(node.step(.bootstrap(alone)).proposal == .refused(.notEmpty))
    }

    @Test func membershipBytesAreGolden() {
        let membership = Membership(members: [
            .init(id: ServerID("s1"), address: "h:1"), .init(id: ServerID("s2"), address: "", isVoter: false),
        ])
        let expected: [UInt8] = [
            2,  // members
            1, 2, 0x73, 0x31, 3, 0x68, 0x3a, 0x31,  // voter, "s1", "h:1"
            0, 2, 0x73, 0x32, 0,  // learner, "s2", ""
        ]
        #expect(membership.bytes == expected)
        #expect(Membership(bytes: expected) == membership)
        for cut in 0..<expected.count { #expect(Membership(bytes: Array(expected[..<cut])) == nil) }
        #expect(Membership(bytes: expected + [0]) == nil)
    }
}

extension RaftNode {
    /// An event at a time that does not matter.
    fileprivate mutating func step(_ event: Event) -> Ready { step(event, at: Uptime(nanoseconds: 0)) }
}
