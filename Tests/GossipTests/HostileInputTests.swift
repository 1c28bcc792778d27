import Basics
import Testing

@testable import Gossip

/// Whatever bytes come, they are read or refused; nothing traps and nothing large is allocated.
@Suite struct HostileInputTests {
    static let samples: [[UInt8]] =
        SwimGoldenTests.goldens.map { hex($0.dump) } + SerfGoldenTests.goldens.map { hex($0.dump) }
        + SerfGoldenTests.goldens.map { [8] + hex($0.dump) } + [
            Packet.join(SwimGoldenTests.goldens.map { hex($0.dump) }, withChecksum: false),
            StreamMessage.pushPull(
                PushPull(
                    isJoin: true,
                    nodes: (0..<4).map { index in
                        PushPull.NodeState(
                            name: "n\(index)", address: SwimGoldenTests.s1, meta: [0xff, 0x80], incarnation: 1,
                            standing: .alive, versions: .ours)
                    },
                    userState: SerfMessage.pushPull(
                        SerfState(time: 1, statusTimes: ["n1": 4], leftMembers: ["n2"])
                    ).encoded)
            ).encoded,
        ]

    /// Reads `bytes` in every way there is; counts what was understood.
    static func readAll(_ bytes: [UInt8], _ node: inout GossipNode, at now: Uptime) -> Int {
        var understood = Packet.read(bytes).messages.count
        if (try? SerfMessage(bytes)) != nil { understood += 1 }
        if (try? GossipLabel.split(bytes)) != nil { understood += 1 }
        _ = MemberTags.decode(bytes)
        var decoder = StreamDecoder()
        for piece in stride(from: 0, to: bytes.count, by: 7) {
            guard let message = try? decoder.append(bytes[piece..<min(piece + 7, bytes.count)]) else { continue }
            understood += 1
            _ = node.step(.request(StreamID(-1), message, from: SwimGoldenTests.s1), at: now)
            _ = node.step(.response(StreamID(1), message), at: now)
        }
        _ = node.step(.packet(bytes, from: SwimGoldenTests.s1), at: now)
        return understood
    }

    static func node() -> GossipNode {
        var node = GossipNode(
            name: "s1", address: SwimGoldenTests.s1, tags: ["role": "server"], seed: 1)
        _ = node.step(.start, at: Uptime(nanoseconds: 0))
        return node
    }

    @Test func mutatedMessages() {
        var generator = SeededGenerator(seed: 7)
        var node = Self.node()
        var now = Uptime(nanoseconds: 0)
        var understood = 0
        for round in 0..<20_000 {
            var bytes = Self.samples[round % Self.samples.count]
            for _ in 0..<Int.random(in: 0...4, using: &generator) where !bytes.isEmpty {
                let at = Int.random(in: bytes.indices, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[at] = UInt8.random(in: .min ... .max, using: &generator)
                case 1: bytes.remove(at: at)
                case 2:
                    bytes.insert([0xc0, 0xdf, 0xdd, 0xdb, 0xcf, 0xff].randomElement(using: &generator) ?? 0, at: at)
                default: bytes.removeLast(min(bytes.count, at))
                }
            }
            now = now + .milliseconds(3)
            understood += Self.readAll(bytes, &node, at: now)
            if node.deadline <= now { _ = node.step(.tick, at: now) }
        }
        #expect(understood > 5_000, "most mutations leave something readable; otherwise this test reads nothing")
        #expect(node.member("s1")?.status == .alive, "no forged packet makes a node bury itself")
    }

    @Test func randomBytes() {
        var generator = SeededGenerator(seed: 8)
        var node = Self.node()
        for round in 0..<20_000 {
            let count = Int.random(in: 0..<80, using: &generator)
            var bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            if !bytes.isEmpty { bytes[0] = UInt8(round % 15) }
            _ = Self.readAll(bytes, &node, at: Uptime(nanoseconds: Int64(round)))
        }
        #expect(node.member("s1")?.status == .alive)
    }

    @Test func randomCodesOfLZW() {
        var generator = SeededGenerator(seed: 9)
        for _ in 0..<3_000 {
            let bytes = (0..<Int.random(in: 0..<400, using: &generator)).map { _ in
                UInt8.random(in: .min ... .max, using: &generator)
            }
            let text = try? LZW.decompress(bytes, limit: 4_096)
            #expect((text?.count ?? 0) <= 4_096)
        }
    }

    @Test func bombIsRefused() throws {
        let bomb = LZWWriter.compress([UInt8](repeating: 0, count: 4 << 20))
        #expect(bomb.count < 40_000)
        #expect(throws: WireError.malformed("more than 65536 bytes when decompressed")) {
            try LZW.decompress(bomb, limit: 65_536)
        }
    }

    @Test(arguments: [
        ("a map of 4 billion fields", "00 df ffffffff"),
        ("an array of 4 billion filters", "08 04 81 a7\"Filters\" dd ffffffff"),
        ("a name of 4 billion bytes", "00 81 a4\"Node\" db ffffffff"),
        ("a skipped value of 4 billion values", "00 81 a1\"x\" dd ffffffff 00"),
        ("a deep nest", "00 81 a1\"x\" " + String(repeating: "91", count: 60_000)),
        ("a compound within itself", "07 01 000c 07 01 0008 07 01 0004 07 01 0000"),
        ("an unknown type", "63 00"),
        ("nothing", ""),
    ])
    func bounds(what: String, dump: String) {
        let (messages, failures) = Packet.read(hex(dump))
        var node = Self.node()
        let effects = node.step(.packet(hex(dump), from: SwimGoldenTests.s1), at: Uptime(nanoseconds: 1))
        let notes = effects.filter { if case .note = $0 { true } else { false } }
        #expect(!failures.isEmpty || !notes.isEmpty, "\(what) is told: \(messages)")
    }

    @Test func streamsAreBounded() {
        var decoder = StreamDecoder()
        #expect(throws: WireError.self) {
            _ = try decoder.append(hex("06 83 a4\"Join\" c2 a5\"Nodes\" ce 7fffffff ac\"UserStateLen\" 00"))
        }
        var long = StreamDecoder()
        #expect(throws: WireError.self) { _ = try long.append(hex("08 81 aa\"UserMsgLen\" ce 7fffffff")) }
        var negative = StreamDecoder()
        #expect(throws: WireError.self) { _ = try negative.append(hex("06 81 a5\"Nodes\" ff")) }
    }

    /// What a compressed message holds is all there is of it: the stream's next bytes do not complete it.
    @Test func aCompressedMessageIsWhole() {
        var decoder = StreamDecoder()
        #expect(throws: WireError.self) {
            _ = try decoder.append(hex("09 81 a1\"o\" 6c"))
            _ = try decoder.append(hex("0d 81 a5\"Error\" a2\"no\""))
        }
    }
}
