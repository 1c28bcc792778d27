import Filter
import Testing

@Suite("Regular expressions")
struct PatternTests {
    @Test(arguments: [
        ("", "anything", true),
        ("b", "abc", true),
        ("^b", "abc", false),
        ("^a.c$", "abc", true),
        ("^a.c$", "a\nc", false),
        ("a*b+c?", "b", true),
        ("^(ab|cd)+$", "abcdab", true),
        ("^(ab|cd)+$", "abca", false),
        ("^[a-c]{2,3}$", "abc", true),
        ("^[a-c]{2,3}$", "abcc", false),
        ("^a{2}$", "aa", true),
        ("^a{2,}$", "aaaa", true),
        ("a{x", "a{x", true),
        ("^[^0-9]+$", "ab1", false),
        (#"^\d+\.\d+$"#, "10.2", true),
        (#"^\w+\s\W$"#, "ab !", true),
        (#"\bcat\b"#, "the cat sat", true),
        (#"\bcat\b"#, "concatenate", false),
        ("(?i)^HELLO$", "hello", true),
        ("^(?i:h)ello$", "Hello", true),
        ("^(?i:h)ello$", "HELLO", false),
        ("^(?P<name>x)(?:y)$", "xy", true),
        ("^[]a]+$", "]a", true),
        ("^[a\\-z]+$", "-", true),
        ("^é$", "é", true),
        ("a|", "zzz", true),
    ])
    func matches(pattern: String, text: String, expected: Bool) throws {
        #expect(try Pattern(pattern).matches(text) == expected)
    }

    @Test(arguments: [
        "(", ")", "[", "a**", "*", "[z-a]", "a{3,2}", "a{2000}", "\\", "\\q", "(?=x)", "((a{999}){999})", "[[:alpha:]]",
    ])
    func refuses(pattern: String) {
        #expect(throws: PatternError.self) { try Pattern(pattern) }
    }

    /// A backtracking matcher needs 2^30 steps here.
    @Test func hostilePatternsStayLinear() throws {
        #expect(try !Pattern("^(a+)+$").matches(String(repeating: "a", count: 5000) + "!"))
        #expect(try !Pattern("^(a?){30}a{30}$").matches(String(repeating: "a", count: 29)))
    }
}
