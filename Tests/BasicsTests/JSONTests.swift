import Basics
import Testing

@Suite struct JSONTests {
    @Test(arguments: [
        #"{"a":1,"b":[true,null,-2.5],"c":"\u00e9\n\"x\"","d":{}}"#, "[]", #""""#, "0", "-9223372036854775808",
        "[[[]]]",
    ])
    func whatIsReadIsWrittenAgain(text: String) throws {
        let value = try JSONParser.parse(text)
        #expect(try JSONParser.parse(value.bytes) == value)
    }

    @Test(arguments: [
        (text: "", line: 1, column: 1), ("{\n  \"a\" 1}", 2, 7), ("[1,]", 1, 4), ("01", 1, 3), ("\"a\u{1}\"", 1, 3),
        ("1 2", 1, 3), ("{\"a\":1", 1, 7), ("tru", 1, 4), ("1e999", 1, 6),
    ])
    func saysWhereTextIsNoJSON(text: String, line: Int, column: Int) {
        let error = #expect(throws: JSONError.self) { try JSONParser.parse(text) }
        #expect(error?.line == line && error?.column == column, "\(String(describing: error))")
    }

    @Test func deepNestingIsRefusedNotOverflowed() {
        for text in [String(repeating: "[", count: 100_000), String(repeating: "{\"a\":", count: 100_000)] {
            let error = #expect(throws: JSONError.self) { try JSONParser.parse(text) }
            #expect(error?.message.contains("nested deeper than 256") == true)
        }
    }

    /// Garbage and mutations of good text: an error or a value that survives a round trip, never a crash.
    @Test func hostileTextNeverCrashes() throws {
        var random = SeededGenerator(seed: 7)
        let good = Array(
            #"{"Job":{"ID":"a\u00e9","N":[1,2.5e3,-0,true,null],"M":{"k":"v\\"}},"x":"\ud83d\ude00"}"#.utf8)
        for round in 0..<20_000 {
            var bytes = good
            for _ in 0..<(round % 4 + 1) {
                let position = Int.random(in: 0..<bytes.count, using: &random)
                switch round % 3 {
                case 0: bytes[position] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: position)
                default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: position)
                }
            }
            guard let value = try? JSONParser.parse(bytes) else { continue }
            #expect(try JSONParser.parse(value.bytes).bytes == value.bytes)
        }
    }

    @Test func aWrongKindIsNamedWithItsPath() {
        let error = #expect(throws: DocumentError.self) {
            try Sample(json: JSONParser.parse(#"{"Items":[{"Count":1},{"Count":"many"}]}"#))
        }
        #expect(error?.description == "Items[1].Count: expected a whole number, got a string")
    }

    @Test func absentNullAndForeignFieldsLeaveDefaultsAndCaseIsFolded() throws {
        let sample = try Sample(json: JSONParser.parse(#"{"items":null,"COUNT":3,"Other":{}}"#))
        #expect(sample.count == 3 && sample.items.isEmpty)
    }
}

/// A document with a nested list of its own kind.
private struct Sample: Document {
    var count = 0
    var items: [Sample] = []

    mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Count", &count)
        try visitor.field("Items", &items)
    }
}
