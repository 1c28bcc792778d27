import Testing

@testable import CLI

/// The escape that ends a session.
@Suite struct EscapeFilterTests {
    @Test(arguments: [
        ("ls\r", "ls\r", false),
        ("~.", "", true),
        ("ls\r~.rest", "ls\r", true),
        ("ls ~.\r", "ls ~.\r", false),
        ("~~.\r", "~.\r", false),
        ("~x~.", "~x~.", false),
        ("\n~\r~.", "\n~\r", true),
    ])
    func endsAtTheBeginningOfALineOnly(typed: String, passed: String, isEnd: Bool) {
        // All at once, and key by key.
        var whole = EscapeFilter(UInt8(ascii: "~"))
        let all = whole.filter(Array(typed.utf8))
        #expect(String(decoding: all.passed, as: UTF8.self) == passed)
        #expect(all.isEnd == isEnd)
        var keys = EscapeFilter(UInt8(ascii: "~"))
        var (out, ended): ([UInt8], Bool) = ([], false)
        for byte in typed.utf8 where !ended {
            let key = keys.filter([byte])
            out += key.passed
            ended = key.isEnd
        }
        #expect(String(decoding: out, as: UTF8.self) == passed && ended == isEnd)
    }
}
