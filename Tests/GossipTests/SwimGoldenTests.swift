import Testing

@testable import Gossip

/// Packets that Debian's serf 0.9.4 (memberlist 0.2.2) sent, taken from the wire, and what they mean.
@Suite struct SwimGoldenTests {
    static let s1 = GossipAddress(bytes: [127, 0, 0, 1], port: 27_946)
    static let s2 = GossipAddress(bytes: [127, 0, 0, 1], port: 27_947)
    static let versions = ProtocolVersions(wire: [1, 5, 2, 2, 5, 5])

    static let goldens: [(message: SwimMessage, dump: String)] = [
        (
            .ping(Ping(sequence: 1, node: "fake", source: PingSource(address: s1, node: "s1"))),
            """
            00                                  # ping
            85                                  # 5 fields, in order of their names
            a4"Node" a4"fake"
            a5"SeqNo" 01
            aa"SourceAddr" a4 7f000001          # 127.0.0.1
            aa"SourceNode" a2"s1"
            aa"SourcePort" cd 6d2a              # 27946
            """
        ),
        (
            .indirectPing(
                IndirectPing(
                    sequence: 13, target: s2, node: "s2", wantsNack: true,
                    source: PingSource(address: s1, node: "s1"))),
            """
            01                                  # indirect ping
            88
            a4"Nack" c3                         # true
            a4"Node" a2"s2"
            a4"Port" cd 6d2b
            a5"SeqNo" 0d
            aa"SourceAddr" a4 7f000001
            aa"SourceNode" a2"s1"
            aa"SourcePort" cd 6d2a
            a6"Target" a4 7f000001
            """
        ),
        (
            .ack(Ack(sequence: 200)),
            """
            02                                  # ack
            82
            a7"Payload" c0                      # nil
            a5"SeqNo" cc c8
            """
        ),
        (
            .suspect(Accusation(incarnation: 1, node: "s2", from: "s1")),
            """
            03                                  # suspect
            83
            a4"From" a2"s1"
            ab"Incarnation" 01
            a4"Node" a2"s2"
            """
        ),
        (
            .alive(
                Alive(
                    incarnation: 1, node: "s1", address: s1, meta: hex("ff 82 a4\"role\" a3\"web\" a2\"dc\" a2\"eu\""),
                    versions: versions)),
            """
            04                                  # alive
            86
            a4"Addr" a4 7f000001
            ab"Incarnation" 01
            a4"Meta" b1                         # 17 bytes
              ff 82                             # serf's magic byte; two tags
              a4"role" a3"web"
              a2"dc" a2"eu"
            a4"Node" a2"s1"
            a4"Port" cd 6d2a
            a3"Vsn" a6 0105 02 0205 05          # protocol min, max, current; serf's
            """
        ),
        (
            .dead(Accusation(incarnation: 1, node: "s1", from: "s1")),
            """
            05                                  # dead; of itself: it leaves
            83
            a4"From" a2"s1"
            ab"Incarnation" 01
            a4"Node" a2"s1"
            """
        ),
        (
            .user(SerfMessage.join(JoinIntent(time: 1, node: "s2")).encoded),
            """
            08                                  # user
              01                                # serf: join intent
              82
              a5"LTime" 01
              a4"Node" a2"s2"
            """
        ),
        (
            .nack(sequence: 13),
            """
            0b                                  # nack
            81
            a5"SeqNo" 0d
            """
        ),
    ]

    @Test(arguments: goldens.indices)
    func messagesAreTheWires(index: Int) {
        let golden = Self.goldens[index]
        let bytes = hex(golden.dump)
        let (messages, failures) = Packet.read(bytes)
        #expect(failures.isEmpty)
        #expect(messages == [golden.message])
        #expect(golden.message.encoded == bytes)
    }

    @Test func tagsAreReadInAnyOrder() {
        #expect(MemberTags.decode(hex("ff 82 a4\"role\" a3\"web\" a2\"dc\" a2\"eu\"")) == ["role": "web", "dc": "eu"])
        #expect(MemberTags.encode(["role": "web", "dc": "eu"]) == hex("ff 82 a2\"dc\" a2\"eu\" a4\"role\" a3\"web\""))
        #expect(MemberTags.decode(Array("db".utf8)) == ["role": "db"], "the form before tags")
        #expect(MemberTags.decode(hex("ff 80")).isEmpty)
    }

    @Test func compoundWithChecksum() {
        let bytes = hex(
            """
            0c                                  # checksum
              5f56e613                          # CRC-32 of all that follows
            07                                  # compound
              02                                # two messages
              003f 0021                         # of 63 and 33 bytes
            00 85 a4"Node" a4"fake" a5"SeqNo" 02 aa"SourceAddr" a4 7f000001 aa"SourceNode" a2"s1" aa"SourcePort" cd 6d2a
            03 83 a4"From" a2"s1" ab"Incarnation" 01 a4"Node" a4"fake"
            """)
        let ping = SwimMessage.ping(
            Ping(sequence: 2, node: "fake", source: PingSource(address: Self.s1, node: "s1")))
        let suspect = SwimMessage.suspect(Accusation(incarnation: 1, node: "fake", from: "s1"))
        let (messages, failures) = Packet.read(bytes)
        #expect(failures.isEmpty)
        #expect(messages == [ping, suspect])
        #expect(Packet.join([ping.encoded, suspect.encoded], withChecksum: true) == bytes)
        var damaged = bytes
        damaged[30] ^= 1
        #expect(Packet.read(damaged).failures == [.malformed("a checksum that does not match")])
    }

    /// A push/pull as serf compresses it, with its 512 empty slots for events.
    @Test func compressedPushPull() throws {
        let bytes = hex(
            """
            09                                  # compressed
            82
            a4"Algo" 00                         # LZW
            a3"Buf" da 00d8                     # 216 bytes
            000d0c22a5e44d1a37c34a397943a6cc9c00acaacc2923670a9d3074ca3029e3a69900258748052143460ea93f0000045895c4cd983072
            dc604cf3c64d00524dca5c8cf54f1029396fd8941975a78c185164c6882a53879493306dca889a138314943772e8346ba3a294458c6500
            8cb232c78da9000504082890d690aa227638d26142254dd400a6e0ca9dc34d00006080030b1e4cb8b0e1c388132b5eccb8b1e3c790234b
            9e4cb9b2e5cb98336bdeccb9b3e35274ed9659b9d10c9d9c6dc4509c034955943a14f384becbea2b9d3a73663b0c3435068080
            """)
        var decoder = StreamDecoder()
        let message = try decoder.append(bytes)
        guard case .pushPull(let state) = message else {
            Issue.record("not a push/pull: \(String(describing: message))")
            return
        }
        #expect(state.isJoin)
        #expect(state.nodes.map(\.name) == ["s1"])
        #expect(state.nodes.first?.address == Self.s1)
        #expect(state.nodes.first?.standing == .alive)
        #expect(MemberTags.decode(state.nodes.first?.meta ?? []) == ["role": "web", "dc": "eu"])
        guard case .pushPull(let serf) = try SerfMessage(state.userState) else {
            Issue.record("not serf's state")
            return
        }
        #expect(serf == SerfState(time: 1, statusTimes: ["s1": 0], eventTime: 1, queryTime: 1))
    }

    @Test func streamMessages() throws {
        let state = PushPull(
            isJoin: false,
            nodes: [
                PushPull.NodeState(
                    name: "s2", address: Self.s2, meta: [], incarnation: 300, standing: .suspect,
                    versions: Self.versions)
            ], userState: [2, 0x80])
        let goldens: [(StreamMessage, String)] = [
            (
                .pushPull(state),
                """
                06                              # push/pull
                83
                a4"Join" c2                     # false
                a5"Nodes" 01
                ac"UserStateLen" 02
                87                              # one node
                a4"Addr" a4 7f000001
                ab"Incarnation" cd 012c         # 300
                a4"Meta" a0
                a4"Name" a2"s2"
                a4"Port" cd 6d2b
                a5"State" 01                    # suspect
                a3"Vsn" a6 010502020505
                02 80                           # the user state
                """
            ),
            (.user([1, 2, 3]), "08 81 aa\"UserMsgLen\" 03 010203"),
            (.error("no"), "0d 81 a5\"Error\" a2\"no\""),
            (.ack(Ack(sequence: 7)), "02 82 a7\"Payload\" c0 a5\"SeqNo\" 07"),
        ]
        for (message, dump) in goldens {
            #expect(message.encoded == hex(dump))
            var whole = StreamDecoder()
            let read = try whole.append(hex(dump))
            #expect(read == message)
            // Byte for byte: complete with the last one, not before.
            var trickle = StreamDecoder()
            for byte in hex(dump).dropLast() {
                let early = try trickle.append([byte])
                #expect(early == nil)
            }
            let complete = try trickle.append(hex(dump).suffix(1))
            #expect(complete == message)
        }
    }

    @Test func labels() throws {
        let bytes = hex("f4 04 \"prod\" 02 82")
        #expect(GossipLabel.header("prod") == Array(bytes.prefix(6)))
        let (label, rest) = try GossipLabel.split(bytes)
        #expect(label == "prod" && rest == [0x02, 0x82])
        let bare = try GossipLabel.split([0x02, 0x82])
        #expect(bare.label.isEmpty && bare.rest == [0x02, 0x82])
        #expect(GossipLabel.header("").isEmpty)
        #expect(throws: WireError.malformed("an empty label")) { try GossipLabel.split([0xf4, 0, 1]) }
        #expect(throws: WireError.truncated(needed: 6)) { try GossipLabel.split(Array(bytes.prefix(4))) }
    }

    @Test func addressesAreWritten() {
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1]
        #expect(GossipAddress(bytes: [10, 0, 0, 1], port: 80).description == "10.0.0.1:80")
        #expect(GossipAddress(bytes: mapped, port: 80).description == "10.0.0.1:80")
        let v6 = GossipAddress(bytes: [0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [1], port: 80)
        #expect(v6.description == "[2001:db8:0:0:0:0:0:1]:80")
    }
}
