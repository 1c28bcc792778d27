import Basics
import Testing

private struct Leaf: Document {
    var size = 0
    var free = JSON.null

    mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Size", &size)
        try visitor.field("Free", &free)
    }
}

private struct Tree: Document {
    var name = ""
    var leaves: [Leaf] = []
    var named: [String: Leaf] = [:]
    var best: Leaf?

    static var ignoredFieldNames: [String] { ["Token"] }

    mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("Leaves", &leaves)
        try visitor.field("Named", &named)
        try visitor.field("Best", &best)
    }
}

@Suite struct UnknownKeysTests {
    @Test(arguments: [
        (#"{"Name": "a", "Leaves": [{"Size": 1}], "Named": {"x": {"Size": 1}}, "Best": {"Size": 2}}"#, []),
        (#"{"best": {"SIZE": 1}, "NAME": "a", "Name": "b", "token": "t"}"#, []),
        (#"{"Leaves": [{"Free": {"any": [{"thing": 1}]}}], "Best": null, "Named": null}"#, []),
        (#"{"Nane": "a"}"#, ["Nane"]),
        (
            #"{"Leaves": [{}, {"Sise": 1}], "Named": {"x": {"y": 1}}, "best": {"Fre": 1}, "More": {"Size": 1}}"#,
            ["Leaves[1].Sise", "Named.x.y", "best.Fre", "More"]
        ),
        (#"{"Leaves": {"Sise": 1}}"#, []),
        (#"[{"Nane": 1}]"#, []),
    ])
    func found(text: String, paths: [String]) throws {
        let found = UnknownKeys(in: try JSONParser.parse(text), readAs: Tree.self)
        #expect(found.paths.map(\.description) == paths)
        #expect(found.count == paths.count)
    }

    @Test(arguments: [
        (
            #"{"name": "a", "Leaves": [{"Size": 1, "free": {"any": 1}}, {}], "Named": {"x": {"Size": 1}}, "Best": null}"#,
            0
        ),
        (#"{"Nane": "a"}"#, 1),
        (#"{"Leaves": [{"Size": 1}, {"Sise": 1}], "Named": {"x": {"y": 1}}, "Best": {"Fre": 1}, "Token": 1}"#, 4),
        (#"{"Name": "a", "name": "b"}"#, 1),
    ])
    func readingCountsWhatItPassesOver(text: String, count: Int) throws {
        var passedOver = 0
        let tree = try Tree(json: try JSONParser.parse(text), passedOver: &passedOver)
        #expect(passedOver == count)
        #expect(try Tree(json: Array(text.utf8)) == tree)
    }

    @Test func pathsAreBounded() {
        let members = (0..<50).map { ("Key\($0)", JSON.null) }
        let found = UnknownKeys(in: .object(members), readAs: Tree.self)
        #expect(found.count == 50 && found.paths.count == UnknownKeys.pathsMax)
    }
}
