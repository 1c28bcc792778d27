import DroverSDK
import Testing

@Suite("JSON")
struct JSONTests {
    @Test(arguments: [
        ("{\"a\":[1,-2.5,true,null,\"x\"]}", JSON.object(["a": [1, -2.5, true, nil, "x"]])),
        (" 9223372036854775807 ", .integer(.max)),
        ("9223372036854775808", .number(9.223372036854775808e18)),
        ("1e3", .number(1000)),
        ("\"\\u00e9\\ud83d\\ude00\\n\\/\"", .string("é😀\n/")),
        ("[]", .array([])),
    ])
    func reads(text: String, value: JSON) throws {
        #expect(try JSON(parsing: text) == value)
        #expect(try JSON(parsing: value.text) == value, "what is written reads back")
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\" 1}", "{\"a\":1,\"a\":2}", "01", "1.", "-", "nul", "\"\u{1}\"", "\"\\ud800\"",
        "\"\\x\"", "1 2",
        "\"abc", "1e999", "[\u{0}]",
    ])
    func refuses(text: String) {
        let error = #expect(throws: PluginError.self) { try JSON(parsing: text) }
        #expect(error?.code == .invalid)
        #expect(error?.message.contains("byte") == true)
    }

    @Test func limitsDepthAndSize() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: PluginError.self) { try JSON(parsing: deep) }
        let long = "\"" + String(repeating: "x", count: 1 << 20) + "\""
        #expect((try? JSON(parsing: long)) == nil)
    }

    /// Garbage of every kind is an error or a value that reads back, never a crash.
    @Test func survivesGarbage() {
        var seed: UInt64 = 0x9e37_79b9_7f4a_7c15
        let alphabet = Array("{}[]\",:\\u0123e+-.tfn \u{0}é".utf8)
        for _ in 0..<20_000 {
            var bytes: [UInt8] = []
            for _ in 0..<(seed % 24) {
                seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append(alphabet[Int((seed >> 33) % UInt64(alphabet.count))])
            }
            seed = seed &* 6_364_136_223_846_793_005 &+ 1
            guard let value = try? JSON(parsing: String(decoding: bytes, as: UTF8.self)) else { continue }
            #expect((try? JSON(parsing: value.text)) == value)
        }
    }

    @Test(arguments: [
        ("\"1h2m3.5s\"", Int64(3_723_500_000_000)), ("\"250ms\"", 250_000_000), ("5000000000", 5_000_000_000),
        ("\"0s\"", 0),
    ])
    func readsDurations(text: String, nanoseconds: Int64) throws {
        #expect(try JSON(parsing: "{\"for\":\(text)}").nanoseconds("for") == nanoseconds)
    }

    @Test(arguments: ["\"5\"", "\"s\"", "\"\"", "\"5 s\"", "true", "\"-1s\"", "\"1d\""])
    func namesTheKeyOfABadDuration(text: String) throws {
        let config = try JSON(parsing: "{\"run_for\":\(text)}")
        let error = #expect(throws: PluginError.self) { try config.nanoseconds("run_for") }
        #expect(error?.message.contains("\"run_for\"") == true)
    }
}
