import Basics
import Model
import Scheduling
import Testing

@Suite struct ConstraintTests {
    @Test(
        arguments: [
            ("linux", "=", "linux", true), ("linux", "", "linux", true), ("linux", "==", "windows", false),
            ("linux", "is", "linux", true), ("linux", "!=", "windows", true), (nil, "!=", "windows", true),
            ("linux", "not", "linux", false), (nil, "=", "linux", false),
            // Whole numbers compare as numbers, then decimal ones, then text.
            ("9", "<", "10", true), ("9", ">", "10", false), ("9.5", "<", "10", true), ("b", ">", "a", true),
            ("10", ">=", "10", true), ("10", "<=", "9", false), (nil, ">", "1", false),
            ("5.10.0-28", "version", ">= 5.4, < 6.0", false), ("5.10.0", "version", ">= 5.4, < 6.0", true),
            ("v1.2", "version", "~> 1.0", true), ("2.0", "version", "~> 1.0", false),
            ("1.2.9", "version", "~> 1.2.3", true),
            ("1.3.0", "version", "~> 1.2.3", false), ("1.3.0-beta", "version", ">= 1.2", false),
            ("x", "version", ">= 1", false),
            ("1.3.0-beta", "version", ">= 1.3.0-alpha", true), ("1.3.0-beta", "semver", ">= 1.2.0", true),
            ("1.3.0-beta", "semver", "< 1.3.0", true), ("v1.3.0", "semver", ">= 1.0.0", false),
            ("1.10.0-rc.2", "semver", "> 1.10.0-rc.1", true), ("1.10.0-rc.10", "semver", "> 1.10.0-rc.9", true),
            ("1.0", "version", "= nonsense", false),
            ("linux", "regexp", "^lin", true), ("linux", "regexp", "INUX", false),
            ("linux", "regexp", "(?i)INUX$", true),
            ("linux", "regexp", "^[[:alpha:]]+$", true), ("li7ux", "regexp", "^[[:alpha:]]+$", false),
            ("li-7", "regexp", "^[[:lower:][:digit:]-]+$", true), ("a:", "regexp", "^[[:]a]+$", false),
            ("7", "regexp", "[[:^digit:]]", false), ("p", "regexp", "[[:alfa:]]", false),
            ("foo-12.bar", "regexp", "^[a-z]+-\\d{2,3}\\.(bar|baz)$", true),
            ("foo-1.bar", "regexp", "-\\d{2,3}\\.", false),
            ("a", "regexp", "(", false), ("a b", "regexp", "\\bb\\b", true), ("", "regexp", "^$", true),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "regexp", "^(a|a)*(a*)*$", false),
            ("a, b ,c", "set_contains", "c,a", true), ("a,b", "set_contains_all", "a,d", false),
            ("a,b", "set_contains_any", "d, b", true), ("a,b", "set_contains_any", "d", false),
            ("x", "is_set", "", true), (nil, "is_set", "", false), (nil, "is_not_set", "", true),
            ("x", "is_not_set", "", false),
            ("x", "frobnicates", "x", false),
        ] as [(String?, String, String, Bool)])
    func operators(left: String?, operand: String, right: String, holds: Bool) {
        var constraint = Constraint()
        constraint.lTarget = "${attr.x}"
        constraint.operand = operand
        constraint.rTarget = right
        var node = Node()
        node.attributes["x"] = left
        #expect(Predicate(constraint).holds(on: node) == holds)
    }

    @Test(
        arguments: [
            ("${attr.kernel.name}", "linux", false), ("${meta.rack}", "r1", false),
            ("${node.datacenter}", "dc1", false),
            ("${node.class}", "big", false), ("${node.pool}", "gpu", false), ("${node.unique.name}", "n1", true),
            ("${attr.unique.hostname}", "h1", true), ("${meta.unique.x}", nil, true), ("${attr.absent}", nil, false),
            ("${env.X}", nil, false), ("plain", "plain", false),
        ] as [(String, String?, Bool)])
    func targets(text: String, value: String?, escapes: Bool) {
        var node = Node()
        node.name = "n1"
        node.datacenter = "dc1"
        node.nodeClass = "big"
        node.nodePool = "gpu"
        node.attributes = ["kernel.name": "linux", "unique.hostname": "h1"]
        node.meta = ["rack": "r1"]
        let target = NodeTarget(text)
        #expect(target.value(of: node) == value)
        #expect(target.isEscaped == escapes)
    }

    @Test func bothSidesMayBeAttributes() {
        var constraint = Constraint()
        constraint.lTarget = "${attr.a}"
        constraint.operand = "version"
        constraint.rTarget = "${meta.wanted}"
        var node = Node()
        node.attributes["a"] = "1.5"
        node.meta["wanted"] = ">= 1.4"
        #expect(Predicate(constraint).holds(on: node))
        node.meta["wanted"] = ">= 2"
        #expect(!Predicate(constraint).holds(on: node))
    }

    @Test(arguments: [
        ("*", "dc1", true), ("dc*", "dc1", true), ("dc*", "xdc", false), ("*-east", "us-east", true),
        ("us-*-1", "us-east-1", true), ("us-*-1", "us-east-2", false), ("", "", true), ("a**b", "ab", true),
    ])
    func datacenterGlobs(pattern: String, name: String, matches: Bool) {
        #expect(DatacenterGlob.matches([pattern], name) == matches)
    }
}

@Suite struct PatternTests {
    /// Any text is a pattern or none; neither compiling nor matching takes long or traps.
    @Test func randomPatternsAreHarmless() {
        var generator = SeededGenerator(seed: 1)
        let alphabet = Array("ab01()[]{}|*+?.^$\\-,:<>Pdwsi")
        var compiled = 0
        for _ in 0..<5_000 {
            let length = Int(generator.next(upperBound: UInt64(20)))
            let text = String(
                (0..<length).map { _ in alphabet[Int(generator.next(upperBound: UInt64(alphabet.count)))] })
            guard let pattern = Pattern(text) else { continue }
            compiled += 1
            _ = pattern.matches("ab01ab01--ba")
        }
        #expect(compiled > 100)
    }

    @Test func sizeIsLimited() {
        #expect(Pattern(String(repeating: "a", count: 2_000)) == nil)
        #expect(Pattern("((a{500}){500}){500}") == nil)
        #expect(Pattern(String(repeating: "(", count: 200) + String(repeating: ")", count: 200)) == nil)
        #expect(Pattern("a{2,1}") == nil && Pattern("a**b") != nil)
        #expect(Pattern("(a*)*(a*)*$")?.matches(String(repeating: "a", count: 5_000) + "b") == true)
    }
}
