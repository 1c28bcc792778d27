import Basics
import Testing

/// Ids, durations, times and addresses as text.
@Suite struct TextFormTests {
    @Test(arguments: [
        (text: "0", nanoseconds: 0 as Int64?), ("1h30m", 5_400_000_000_000), ("-1.5s", -1_500_000_000),
        ("300ms", 300_000_000), ("1µs", 1_000), ("5", nil), ("", nil), ("1x", nil), ("h", nil), ("9999999999h", nil),
    ])
    func readsGoDurations(text: String, nanoseconds: Int64?) {
        #expect(Duration(goText: text)?.nanosecondCount == nanoseconds)
    }

    @Test(arguments: [
        (nanoseconds: 0 as Int64, text: "0s"), (3_600_000_000_000, "1h0m0s"), (90_000_000_000, "1m30s"),
        (1_500_000_000, "1.5s"), (250_000_000, "250ms"), (-1_000, "-1µs"),
    ])
    func writesGoDurations(nanoseconds: Int64, text: String) {
        #expect(Duration.nanoseconds(nanoseconds).goText == text)
    }

    @Test(arguments: [
        ("2026-01-02T03:04:05Z", 1_767_323_045_000_000_000 as Int64), ("1970-01-01T00:00:00.5Z", 500_000_000),
        ("2026-01-02T04:04:05+01:00", 1_767_323_045_000_000_000), ("0001-01-01T00:00:00Z", 0),
    ])
    func readsTimes(text: String, nanoseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.nanoseconds == nanoseconds)
    }

    @Test func timesSurviveARoundTrip() {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<2_000 {
            let time = Timestamp(nanoseconds: Int64.random(in: 1...4_000_000_000_000_000_000, using: &random))
            #expect(Timestamp(rfc3339: time.rfc3339) == time)
        }
    }

    @Test func idsSurviveARoundTripAndFollowFromTheirIndex() {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<1_000 {
            let id = ID(random: &random)
            #expect(ID(id.description) == id && ID(id.description.uppercased()) == id)
        }
        #expect(ID("") == ID.none && ID.none.description.isEmpty)
        #expect(ID("not an id") == nil && ID("00000000-0000-0000-0000-00000000000g") == nil)
        #expect(
            ID(index: 7, ordinal: 1) == ID(index: 7, ordinal: 1) && ID(index: 7, ordinal: 1) != ID(index: 7, ordinal: 2)
        )
    }

    @Test(arguments: [
        ("10.0.0.1:80", "10.0.0.1:80" as String?), ("host", "host:4647"), ("[::1]:9", "[::1]:9"),
        ("[::1]", "[::1]:4647"),
        ("a:b:c", nil), ("host:99999", nil), (":80", nil),
    ])
    func readsAddresses(text: String, address: String?) {
        #expect(NetworkAddress(text, defaultPort: 4647)?.description == address)
    }
}

@Suite struct Base64Tests {
    @Test(arguments: [("", ""), ("aA==", "h"), ("aGk=", "hi"), ("aGV5", "hey"), ("+/+/", "\u{fb}\u{ff}\u{bf}")])
    func roundTrip(text: String, decoded: String) {
        let bytes = decoded.unicodeScalars.map { UInt8($0.value) }
        #expect(Base64.decode(text) == bytes)
        #expect(Base64.encode(bytes) == text)
    }

    @Test(arguments: ["a", "aA", "aA=", "aB==", "a*==", "====", "aA==aA=="]) func refusesWhatIsNone(text: String) {
        #expect(Base64.decode(text) == nil)
    }
}
