import Basics
import Filter
import Testing

@Suite("Filter expressions")
struct FilterTests {
    static let job = """
        {"ID": "web", "Type": "service", "Priority": 50, "Stop": false, "Load": 0.5, "Datacenters": ["dc1", "dc2"], "Meta": \
        {"team": "core-web", "a.b": "x"}, "Tags": [], "Note": "", "Parent": null, "Groups": [{"Name": "g1"}]}
        """

    @Test(arguments: [
        (#"ID == "web""#, true),
        (#"ID == web"#, true),
        (#"ID != web"#, false),
        (#"Priority == 50"#, true),
        (#"Priority == 50.0"#, true),
        (#"Load == 0.5"#, true),
        (#"Stop == false"#, true),
        (#"Stop != true"#, true),
        (#""dc1" in Datacenters"#, true),
        (#"dc3 in Datacenters"#, false),
        (#"dc3 not in Datacenters"#, true),
        (#"Datacenters contains "dc2""#, true),
        (#"Datacenters not contains "dc2""#, false),
        (#"team in Meta"#, true),
        (#"ID contains "eb""#, true),
        (#"Meta["team"] == "core-web""#, true),
        (#"Meta.team matches "^core-""#, true),
        (#"Meta.team not matches `^core-`"#, false),
        (#"Meta["a.b"] == x"#, true),
        (#""/Meta/team" == "core-web""#, true),
        (#"Meta.absent == x"#, false),
        (#"Meta.absent != x"#, true),
        (#"Meta.absent is empty"#, true),
        (#"Meta.absent is not empty"#, false),
        (#"Groups[0].Name == g1"#, true),
        (#"Groups.0.Name == g1"#, true),
        (#"Groups[7].Name == g1"#, false),
        (#"Tags is empty and Note is empty and Parent is empty"#, true),
        (#"Datacenters is not empty"#, true),
        (#"not ID == web or Type == service"#, true),
        (#"not (ID == web or Type == service)"#, false),
        (#"ID == x or ID == web and Type == batch"#, false),
        (#"(ID == x or ID == web) and Type == service"#, true),
    ])
    func holds(text: String, expected: Bool) throws {
        let object = try JSONParser.parse(FilterTests.job)
        #expect(try FilterExpression(text).matches(object) == expected)
    }

    @Test(arguments: [
        ("", "column 1: unexpected end"),
        ("ID", "column 3: expected ==, !=, in, contains, matches"),
        ("ID ==", "column 6: unexpected end"),
        ("ID == \"web", "column 7: unterminated string"),
        ("(ID == web", "column 11: expected \")\""),
        ("ID == web Type == x", "column 11: expected \"and\", \"or\" or the end"),
        ("5 == ID", "\"5\" is not a field name"),
        ("ID matches \"[\"", "\"[\" without \"]\""),
        ("ID is full", "expected \"empty\""),
        (String(repeating: "(", count: 2000), "nested deeper than 64 levels"),
        (String(repeating: "not ", count: 1000), "nested deeper than 64 levels"),
        (String(repeating: "x", count: 5000), "longer than 4096 bytes"),
        ("\u{0}", "expected a field name"),
    ])
    func refusesText(text: String, message: String) {
        let error = #expect(throws: FilterError.self) { try FilterExpression(text) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test(arguments: [
        ("Id == web", "no field \"Id\"; the fields are Datacenters, Groups, ID,"),
        ("Priority == high", "Priority is a number and cannot be compared with \"high\""),
        ("Stop == maybe", "compare it with true or false"),
        ("Priority contains 5", "needs a list, map or string"),
        ("Priority matches 5", "\"matches\" needs a string"),
        ("Datacenters == dc1", "use \"contains\""),
        ("ID.x == 1", "ID is a string and has no part \"x\""),
    ])
    func refusesObject(text: String, message: String) throws {
        let expression = try FilterExpression(text)
        let object = try JSONParser.parse(FilterTests.job)
        let error = #expect(throws: FilterError.self) { try expression.matches(object) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test func aLongChainIsRead() throws {
        let text = Array(repeating: "ID == x", count: 370).joined(separator: " or ")
        #expect(try !FilterExpression(text).matches(try JSONParser.parse(FilterTests.job)))
    }
}
