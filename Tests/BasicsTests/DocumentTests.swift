import Basics
import Testing

private struct Part: Document {
    var size = 0

    mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Size", &size)
    }
}

private struct Whole: Document {
    var text = ""
    var word = "usual"
    var count = 0
    var limit = 7
    var isOn = false
    var isKept = true
    var wait = Duration.seconds(5)
    var choice: Int?
    var share = 0.0
    var parts: [Part] = []
    var named: [String: Part] = [:]
    var part = Part()
    var maybe: Part?

    mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Text", &text)
        try visitor.field("Word", &word)
        try visitor.field("Count", &count)
        try visitor.field("Limit", &limit)
        try visitor.field("IsOn", &isOn)
        try visitor.field("IsKept", &isKept)
        try visitor.field("Wait", &wait)
        try visitor.field("Choice", &choice)
        try visitor.field("Share", &share)
        try visitor.field("Parts", &parts)
        try visitor.field("Named", &named)
        try visitor.field("Part", &part)
        try visitor.field("Maybe", &maybe)
    }
}

@Suite struct DocumentTests {
    @Test func aTerseFormLeavesOutWhatIsZeroWhenAbsent() {
        var whole = Whole()
        whole.count = 3
        whole.parts = [Part(), Part(size: 2)]
        let text = String(decoding: whole.terseBytes, as: UTF8.self)
        #expect(
            text == #"{"Word":"usual","Count":3,"Limit":7,"IsKept":true,"Wait":5000000000,"#
                + #""Parts":[{},{"Size":2}],"Part":{}}"#)
    }

    @Test func whatIsZeroAgainstItsDefaultIsWritten() throws {
        var whole = Whole()
        (whole.word, whole.limit, whole.isKept, whole.wait) = ("", 0, false, .zero)
        whole.choice = 0
        whole.maybe = Part()
        #expect(try Whole(json: whole.terseBytes) == whole)
        #expect(try Whole(json: whole.jsonBytes) == whole)
    }

    /// Members in another order, in another case, more than once, of the same length: each field finds its own.
    @Test(arguments: [
        (#"{"Limit": 1, "Count": 2}"#, 2, 1), (#"{"COUNT": 2, "limit": 1}"#, 2, 1),
        (#"{"count": 9, "Count": 2, "count": 8}"#, 2, 7), (#"{"Kount": 9, "Count": 2, "Lim": 1}"#, 2, 7),
        (#"{"Count": 1, "Count": 2}"#, 1, 7), (#"{"x": 0, "count": 1, "COUNT": 2}"#, 2, 7),
    ])
    func fieldsFindTheirMembers(text: String, count: Int, limit: Int) throws {
        let whole = try Whole(json: Array(text.utf8))
        #expect(whole.count == count && whole.limit == limit)
    }
}
