import Testing

@testable import Gossip

/// serf's messages, taken from the wire of serf 0.9.4 where it sends them.
@Suite struct SerfGoldenTests {
    static let source = GossipAddress(bytes: [127, 0, 0, 1], port: 27_946)

    static let goldens: [(message: SerfMessage, dump: String)] = [
        (
            .leave(LeaveIntent(time: 2, node: "s1", prune: false)),
            """
            00                                  # leave intent
            83
            a5"LTime" 02
            a4"Node" a2"s1"
            a5"Prune" c2
            """
        ),
        (
            .join(JoinIntent(time: 1, node: "s2")),
            """
            01                                  # join intent
            82
            a5"LTime" 01
            a4"Node" a2"s2"
            """
        ),
        (
            .userEvent(UserEvent(time: 1, name: "deploy", payload: Array("abc".utf8), canCoalesce: true)),
            """
            03                                  # user event
            84
            a2"CC" c3
            a5"LTime" 01
            a4"Name" a6"deploy"
            a7"Payload" a3"abc"
            """
        ),
        (
            .query(
                Query(
                    time: 1, id: 0x25f1_1a8e, source: source, sourceNode: "s1",
                    filters: [.nodes(["fake"]), .tag("role", expression: "w.b")], timeout: 2_000_000_000,
                    name: "uptime", payload: Array("x".utf8))),
            """
            04                                  # query
            8b
            a4"Addr" a4 7f000001
            a7"Filters" 92
              a7 00 91 a4"fake"                 # of nodes
              b4 01 82 a4"Expr" a3"w.b" a3"Tag" a4"role"
            a5"Flags" 00
            a2"ID" ce 25f11a8e
            a5"LTime" 01
            a4"Name" a6"uptime"
            a7"Payload" a1"x"
            a4"Port" cd 6d2a
            ab"RelayFactor" 00
            aa"SourceNode" a2"s1"
            a7"Timeout" ce 77359400             # 2 s in nanoseconds
            """
        ),
        (
            .queryResponse(QueryResponse(time: 1, id: 7, from: "s1", flags: Query.ackFlag)),
            """
            05                                  # answer to a query
            85
            a5"Flags" 01                        # only that it arrived
            a4"From" a2"s1"
            a2"ID" 07
            a5"LTime" 01
            a7"Payload" c0
            """
        ),
        (
            .keyRequest(key: [UInt8](repeating: 0xaa, count: 16)),
            """
            07                                  # a key to install, use or remove
            81
            a3"Key" b0 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
            """
        ),
        (
            .keyResponse(KeyResponse(isDone: true, keys: ["MTIz"], primaryKey: "MTIz")),
            """
            08                                  # answer about keys
            84
            a4"Keys" 91 a4"MTIz"
            a7"Message" a0
            aa"PrimaryKey" a4"MTIz"
            a6"Result" c3
            """
        ),
        (
            .relay(to: source, node: "s1", message: [1, 2]),
            """
            09                                  # to hand on
            82
            a8"DestAddr" 83
              a2"IP" a4 7f000001
              a4"Port" cd 6d2a
              a4"Zone" a0
            a8"DestName" a2"s1"
            0102                                # the message
            """
        ),
        (
            .conflictResponse(nil),
            """
            06                                  # who owns a name: nobody known
            c0
            """
        ),
    ]

    @Test(arguments: goldens.indices)
    func messagesAreTheWires(index: Int) throws {
        let golden = Self.goldens[index]
        let bytes = hex(golden.dump)
        #expect(try SerfMessage(bytes) == golden.message)
        #expect(golden.message.encoded == bytes)
    }

    @Test func stateTravelsWhole() throws {
        let state = SerfState(
            time: 9, statusTimes: ["a": 1, "b": 70_000], leftMembers: ["b"], eventTime: 4,
            events: [UserEvent(time: 3, name: "deploy", payload: [1])], queryTime: 5)
        let bytes = SerfMessage.pushPull(state).encoded
        #expect(try SerfMessage(bytes) == .pushPull(state))
        #expect(
            bytes
                == hex(
                    """
                    02                          # serf's part of a push/pull
                    86
                    aa"EventLTime" 04
                    a6"Events" 91
                      82 a6"Events" 91 82 a4"Name" a6"deploy" a7"Payload" a1 01 a5"LTime" 03
                    a5"LTime" 09
                    ab"LeftMembers" 91 a1"b"
                    aa"QueryLTime" 05
                    ac"StatusLTimes" 82 a1"a" 01 a1"b" ce 00011170
                    """))
    }

    @Test func conflictAnswersTravel() throws {
        let member = Member(name: "a", address: Self.source, tags: ["k": "v"], status: .alive, versions: .ours)
        let message = SerfMessage.conflictResponse(ConflictResponse(member: member))
        #expect(try SerfMessage(message.encoded) == message)
    }
}
