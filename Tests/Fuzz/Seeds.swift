import Basics
import Connections
import Model
import NIOCore
import Raft

@testable import Consensus
@testable import Gossip
@testable import RPC
@testable import StateStore

/// What the fuzzer begins with: the messages that the golden tests pin byte by byte, by the encoders they pin.
enum Seeds {
    static func of(_ target: FuzzTarget) -> [[UInt8]] {
        switch target {
        case .gossip: gossip
        case .frames: frames
        case .log: log
        case .snapshot: snapshots
        case .sockets: sockets
        case .raft: batches
        case .part: parts
        case .membership: memberships
        case .envelope: FuzzTarget.sealedSeeds
        }
    }

    private static var gossip: [[UInt8]] {
        let (one, two) = (
            GossipAddress(bytes: [127, 0, 0, 1], port: 7_946), GossipAddress(bytes: [127, 0, 0, 1], port: 7_947)
        )
        let source = PingSource(address: one, node: "s1")
        let alive = Alive(
            incarnation: 2, node: "s2", address: two, meta: MemberTags.encode(["role": "server", "dc": "dc1"]),
            versions: .ours)
        let serf: [SerfMessage] = [
            .leave(LeaveIntent(time: 3, node: "s2", prune: false)), .join(JoinIntent(time: 4, node: "s2")),
            .pushPull(SerfState(time: 1, statusTimes: ["s1": 4], leftMembers: ["s2"])),
        ]
        let messages: [SwimMessage] =
            [
                .ping(Ping(sequence: 1, node: "s2", source: source)),
                .indirectPing(IndirectPing(sequence: 13, target: two, node: "s2", wantsNack: true, source: source)),
                .ack(Ack(sequence: 200)), .nack(sequence: 13),
                .suspect(Accusation(incarnation: 1, node: "s2", from: "s1")), .alive(alive),
                .dead(Accusation(incarnation: 1, node: "s2", from: "s2")),
            ] + serf.map { .user($0.encoded) }
        let nodes = (0..<3).map { index in
            PushPull.NodeState(
                name: "n\(index)", address: one, meta: [0xff, 0x80], incarnation: 1, standing: .alive, versions: .ours)
        }
        let exchange = PushPull(isJoin: true, nodes: nodes, userState: serf[2].encoded)
        return messages.map(\.encoded) + serf.map(\.encoded) + [
            Packet.join(messages.map(\.encoded), withChecksum: true), StreamMessage.pushPull(exchange).encoded,
            StreamMessage.ping(Ping(sequence: 1, node: "s2", source: source)).encoded,
            StreamMessage.error("no").encoded,
        ]
    }

    private static var sockets: [[UInt8]] {
        let mask: [UInt8] = [1, 2, 3, 4]
        func text(_ json: String) -> [UInt8] { WebSocketFrame.encode(.text, Array(json.utf8), mask: mask) }
        var first = text(#"{"stdin":"#)
        first[0] &= 0x7f
        let last = WebSocketFrame.encode(.continuation, Array(#"{"close":true}}"#.utf8), mask: mask)
        let closing = WebSocketFrame.encode(.close, WebSocketFrame.closing(1000, "done"), mask: mask)
        return [
            text(#"{"stdin":{"data":"aGkK"}}"#) + text("{}"), text(#"{"tty_size":{"height":24,"width":80}}"#),
            first + WebSocketFrame.encode(.ping, [7], mask: mask) + last + closing,
        ]
    }

    private static var frames: [[UInt8]] {
        func bytes(_ write: (inout ByteBuffer) -> Void) -> [UInt8] {
            var buffer = ByteBuffer()
            write(&buffer)
            return Array(buffer.readableBytesView)
        }
        let hello = Hello(role: .server, name: "s1", bodyBytesMax: 1 << 20, streamWindowBytes: 1 << 16)
        let greeting = bytes { Frame.write(.hello, id: 0, body: hello.bytes, to: &$0) }
        var introduction = IntroduceServer()
        introduction.server.name = "s1"
        introduction.known = [ServerRecord()]
        let bodies = [RegisterJob().jsonBytes, RegisterNode().jsonBytes, introduction.jsonBytes]
        let calls = bodies.map { body in
            greeting + bytes { Frame.write(.call, flags: 1, method: 3, id: 1, prefix: 5_000, body: body, to: &$0) }
                + bytes { Frame.write(.reply, id: 1, body: body, to: &$0) }
        }
        let error = CallError(.conflict, "already there").frameBody
        let others = Frame.Kind.allCases.reduce(into: greeting) { all, kind in
            all += bytes { Frame.write(kind, id: 2, body: error, to: &$0) }
        }
        return [greeting, others] + calls
    }

    private static var entries: [StateEntry] {
        var namespace = Namespace()
        namespace.name = "team"
        var quota = QuotaSpec()
        quota.name = "q"
        var job = Job()
        (job.id, job.name) = ("web", "web")
        var node = Node()
        node.id = ID(high: 1, low: 2)
        node.name = "n1"
        let time = Timestamp(nanoseconds: 1_700_000_000_000_000_000)
        return [
            .noop, .clusterIdentity(ClusterIdentity(id: ID(high: 3, low: 4), createTime: time)), .quotaUpsert(quota),
            .namespaceUpsert(namespace), .jobRegister(JobRegistration(job: job.canonicalized(), time: time)),
            .nodeRegister(NodeRegistration(node: node, time: time)), .namespaceDelete(name: "none"),
        ]
    }

    private static var log: [[UInt8]] {
        var encoder = BatchEncoder()
        encoder.append(.hardState(HardState(term: 3, vote: ServerID("s1"))))
        for (number, entry) in entries.enumerated() {
            encoder.append(
                .entry(
                    LogEntry(index: UInt64(number + 1), term: 3, kind: .firstApplication, data: entry.encoded)))
        }
        encoder.seal(number: 1)
        let first = LogFormat.segmentHeader(sequence: 1) + encoder.bytes
        encoder.reset()
        encoder.append(.reset(index: 0, term: 0))
        encoder.append(.entry(LogEntry(index: 1, term: 4, kind: .firstApplication, data: entries[3].encoded)))
        encoder.seal(number: 2)
        return [first, first + encoder.bytes, first + [UInt8](repeating: 0, count: 64)]
    }

    private static var snapshots: [[UInt8]] {
        var tables = StateTables()
        let empty = tables.snapshot().encoded
        for (number, entry) in entries.enumerated() { _ = tables.apply(entry, index: UInt64(number + 1)) }
        return [empty, tables.snapshot().encoded]
    }
}
