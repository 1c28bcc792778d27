import Basics
import Consensus
import Model
import Raft
import Testing

@testable import Server

/// The bytes in which servers tell each other Raft's messages and snapshots.
struct RaftBatchTests {
    private static let cluster = ID(high: 0x0102_0304_0506_0708, low: 0x090a_0b0c_0d0e_0f10)

    private static func batch(_ bodies: Message.Body..., term: UInt64 = 5) -> RaftBatch {
        let (from, to) = (ServerID("s1"), ServerID("s2"))
        return RaftBatch(
            cluster: cluster, from: from, address: "h:1", to: to,
            messages: bodies.map { Message(from: from, to: to, term: term, body: $0) })
    }

    private static let head: [UInt8] = [
        1,  // version
        8, 7, 6, 5, 4, 3, 2, 1, 0x10, 0x0f, 0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 9,  // cluster
        2, 0x73, 0x31, 3, 0x68, 0x3a, 0x31, 2, 0x73, 0x32,  // from "s1" at "h:1" to "s2"
    ]

    private static let every: [Message.Body] = [
        .voteRequest(.init(lastIndex: 300, lastTerm: 4, isPreVote: true, isTransfer: false)),
        .voteRequest(.init(lastIndex: 3, lastTerm: 4, isPreVote: false, isTransfer: true)),
        .voteResponse(.init(isGranted: true, isPreVote: false)),
        .voteResponse(.init(isGranted: false, isPreVote: true)),
        .append(
            .init(
                previousIndex: 8, previousTerm: 4,
                entries: [
                    LogEntry(index: 9, term: 4, kind: .firstApplication, data: [1, 2, 3]),
                    LogEntry(index: 10, term: 5, kind: .noop, data: []),
                ], commit: 7)),
        .append(.init(previousIndex: 0, previousTerm: 0, entries: [], commit: 0)),
        .appendResponse(.init(index: 9)),
        .appendResponse(.init(index: 9, rejection: .init(hintIndex: 6, hintTerm: 2))),
        .heartbeat(commit: 7, context: 1 << 40), .heartbeatResponse(context: 2), .timeoutNow,
    ]

    @Test func everyMessageComesBack() throws {
        var batch = Self.batch()
        batch.messages = Self.every.map { Message(from: batch.from, to: batch.to, term: 5, body: $0) }
        #expect(try RaftBatch(decoding: batch.encoded) == batch)
    }

    @Test(
        arguments: [
            (every[0], [1, 5, 0xac, 2, 4, 1]),  // vote request, term 5, last index 300 of term 4, a trial
            (every[2], [2, 5, 1]),  // vote response, granted
            (
                every[4],
                [
                    3, 5, 8, 4, 7, 2,  // append, after entry 8 of term 4, commit 7, two entries
                    4, 16, 3, 1, 2, 3,  // term 4, kind 16, three bytes
                    5, 0, 0,  // term 5, kind 0, none
                ]
            ),
            (every[7], [4, 5, 9, 1, 6, 2]),  // append response, refused at 9, hint 6 of term 2
            (every[9], [6, 5, 2]),  // heartbeat response, context 2
            (every[10], [7, 5]),  // timeout now
        ] as [(Message.Body, [UInt8])])
    func bytesAreGolden(body: Message.Body, bytes: [UInt8]) {
        let content = Self.head + [1] + bytes
        let checksum = CRC32C.checksum(content)
        let tail = (0..<8).map { UInt8(truncatingIfNeeded: UInt64(checksum) >> ($0 * 8)) }
        #expect(Self.batch(body).encoded == content + tail)
    }

    private static func sealed(_ content: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.word(UInt64(CRC32C.checksum(content)))
        return content + writer.bytes
    }

    @Test(
        arguments: [
            ([], "too short"), ([9] + head.dropFirst() + [0], "version 9"), (head + [1, 5, 5], "unexpected end"),
            (head + [1, 8, 5], "unknown raft message 8"), (head + [0, 0], "more follows"),
            (head + [1, 2, 5, 4], "flags 4"), (head + [0xff, 0xff, 0xff, 0xff, 0x0f], "elements announced"),
            (head + [1, 5, 5] + [UInt8](repeating: 0xff, count: 8) + [0x7f, 0], "no index or term"),
            (head + [1, 3, 5, 8, 4, 7, 0xff, 0x7f], "elements announced"),
        ] as [([UInt8], String)])
    func nonsenseIsRefused(content: [UInt8], message: String) {
        let error = #expect(throws: CodecError.self) {
            try RaftBatch(decoding: content.isEmpty ? [1] : Self.sealed(content))
        }
        #expect(error?.message.contains(message) == true, "\(String(describing: error))")
    }

    /// A changed byte is found by the checksum; and with the checksum made right nothing traps or takes memory.
    @Test(arguments: 1...20) func changedBytesDoNoHarm(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        var batch = Self.batch()
        batch.messages = Self.every.map { Message(from: batch.from, to: batch.to, term: 5, body: $0) }
        let bytes = batch.encoded
        for _ in 0..<2_000 {
            var changed = bytes
            let position = Int.random(in: 0..<bytes.count, using: &generator)
            changed[position] ^= UInt8.random(in: 1...255, using: &generator)
            #expect(throws: CodecError.self) { try RaftBatch(decoding: changed) }
            let content = Array(changed.dropLast(8).prefix(Int.random(in: 1...bytes.count, using: &generator)))
            if let read = try? RaftBatch(decoding: Self.sealed(content)) {
                #expect(try RaftBatch(decoding: read.encoded) == read, "replay: seed \(seed)")
            }
        }
    }

    @Test func snapshotPartsComeBack() throws {
        let membership = Membership(members: [.init(id: ServerID("s1"), address: "h:1")])
        let part = SnapshotPart(
            cluster: Self.cluster, from: ServerID("s1"), address: "h:1", to: ServerID("s2"), term: 5,
            metadata: SnapshotMetadata(index: 300, term: 4, membership: membership), transfer: 7, offset: 9,
            isLast: true,
            content: [1, 2])
        let content =
            Self.head + [
                5, 0xac, 2, 4,  // term 5, up to entry 300 of term 4
                9, 1, 1, 2, 0x73, 0x31, 3, 0x68, 0x3a, 0x31,  // one voter, "s1" at "h:1"
                7, 9, 1, 2, 1, 2,  // transfer 7, from byte 9, the last one, two bytes
            ]
        #expect(part.encoded == Self.sealed(content))
        #expect(try SnapshotPart(decoding: part.encoded) == part)
        var generator = SeededGenerator(seed: 1)
        for position in part.encoded.indices {
            var changed = part.encoded
            changed[position] ^= UInt8.random(in: 1...255, using: &generator)
            #expect(throws: CodecError.self) { try SnapshotPart(decoding: changed) }
            _ = try? SnapshotPart(decoding: Self.sealed(Array(changed.dropLast(8))))
        }
    }

    @Test func aLineTakesWhatFitsAndKeepsTheOrder() {
        let line = PeerLine(id: ServerID("s2"), address: "h:2")
        func append(_ index: UInt64, bytes: Int) -> Message {
            let entry = LogEntry(
                index: index, term: 1, kind: .firstApplication, data: [UInt8](repeating: 1, count: bytes))
            let body = Message.Append(previousIndex: index - 1, previousTerm: 1, entries: [entry], commit: 0)
            return Message(from: ServerID("s1"), to: ServerID("s2"), term: 1, body: .append(body))
        }
        let sent = (1...200).map { append($0, bytes: 1 << 20) }
        let taken = sent.filter { line.push($0, address: nil) }
        #expect(taken.count == 95 && taken == Array(sent.prefix(95)), "what comes beyond 96 MiB is dropped")
        var received: [Message] = []
        while case let batch = line.take(), !batch.isEmpty {
            #expect(batch.reduce(0) { $0 + $1.bytesEstimate } < RaftBatch.bytesMax + 2 << 20)
            received += batch
        }
        #expect(received == taken)
    }
}
