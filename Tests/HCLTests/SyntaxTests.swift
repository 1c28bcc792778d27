import HCL
import Testing

@Suite struct SyntaxTests {
    static func parse(_ text: String, dialect: Dialect = .native) throws -> Body {
        try Parser.parse(SourceFile(name: "f.hcl", bytes: Array(text.utf8)), dialect: dialect)
    }

    /// A body written back as one line, so that structure can be compared.
    static func outline(_ body: Body) -> String {
        let attributes = body.attributes.map { "\($0.name)=\($0.expression.range.text)" }
        let blocks = body.blocks.map { "\(([$0.type] + $0.labels).joined(separator: " ")){\(outline($0.body))}" }
        return (attributes + blocks).joined(separator: ";")
    }

    @Test(arguments: [
        ("", ""), ("a = 1", "a=1"), ("\u{FEFF}a = 1 # c\n// d\n/* e\n*/ b = 2\r\n", "a=1;b=2"),
        ("job \"x\" {\n  type = \"batch\"\n  group g \"h\" {}\n}\n", "job x{type=\"batch\";group g h{}}"),
        ("a { b = 1 }", "a{b=1}"), ("a = [\n 1,\n 2\n]\nb = f(\n1,\n2)\n", "a=[\n 1,\n 2\n];b=f(\n1,\n2)"),
        ("a = {\n  b = 1\n  c = 2\n}\n", "a={\n  b = 1\n  c = 2\n}"), ("été = 1", "été=1"),
    ])
    func hasStructure(text: String, expected: String) throws {
        #expect(Self.outline(try Self.parse(text)) == expected)
    }

    /// What agent configuration files may do and job files may not.
    @Test(arguments: [
        ("a = 1 b = 2", "a=1;b=2"),
        ("client { options { \"driver.raw_exec.enable\" = \"1\" } }", "client{options{driver.raw_exec.enable=\"1\"}}"),
        ("a = \"${x}\"", "a=\"${x}\""), ("a = 1, b { c = 2, }", "a=1;b{c=2}"),
        ("x = \"{{ GetIP \\\"eth0\\\" }}\"", "x=\"{{ GetIP \\\"eth0\\\" }}\""),
    ])
    func relaxedDialect(text: String, expected: String) throws {
        #expect(Self.outline(try Self.parse(text, dialect: .relaxed)) == expected)
        if !text.contains("${"), !text.contains("{{") { #expect(throws: Diagnostic.self) { try Self.parse(text) } }
    }

    @Test(arguments: [
        ("a = 1\na = 2\n", "f.hcl:2,1: Argument defined twice; The argument \"a\" was already set at f.hcl:1,1."),
        ("a = \"x", "f.hcl:1,7-7: Unfinished string; A quoted string is not closed."),
        (
            "a = \"x\ny\"",
            "f.hcl:1,6: Unfinished string; A quoted string may not span lines; close it with \", write \\n, or use a heredoc (<<EOT)."
        ),
        (
            "a = <<EOT\nx\n",
            "f.hcl:3,1-1: Unfinished heredoc; The heredoc is not closed: no line holds only its end marker EOT."
        ),
        (
            "a = \"${b\"\n",
            "f.hcl:1,10-10: Unfinished string; A quoted string may not span lines; close it with \", write \\n, or use a heredoc (<<EOT)."
        ),
        (
            "job \"x\" {\n",
            "f.hcl:2,1-1: Unclosed block; A block is not closed: \"}\" is missing before the end of the file."
        ),
        ("}\n", "f.hcl:1,1: Invalid syntax; This \"}\" closes no block."),
        (
            "a 1\n",
            "f.hcl:1,3: Invalid syntax; After \"a\" either \"=\" and a value or \"{\" and a block is expected, but found a number."
        ),
        (
            "a = 'x'\n",
            "f.hcl:1,5: Invalid character; Single quotes are not valid; use double quotes (\") to enclose strings."
        ),
        (
            "a = 1 b = 2\n",
            "f.hcl:1,7: Missing line end; A line end is expected after an argument or block, but found \"b\". Write each on its own line."
        ),
        (
            "a = \"\\q\"\n",
            "f.hcl:1,6-8: Invalid escape sequence; Valid after a backslash are n, r, t, \\, \", u with four and U with eight hex digits; write \\\\ for a backslash."
        ),
        (
            "a = \"%{ if x }y\"\n",
            "f.hcl:1,6-15: Unfinished template directive; This directive is not closed by %{ endif } before the template ends."
        ),
        ("a = /* x\n", "f.hcl:1,5-7: Unfinished comment; A \"/*\" comment is not closed by \"*/\"."),
        ("a = \u{0}1\n", "f.hcl:1,5: Invalid character; The text holds a NUL byte; it must be plain UTF-8 text."),
        (
            "a = [1 2]\n",
            "f.hcl:1,8: Missing item separator; A \",\" or the \"]\" of the list is expected, but found a number."
        ),
        (
            "a = {b.c = 1}\n",
            "f.hcl:1,6-9: Ambiguous object key; Quote a key that holds dots: \"b.c\"; or put a reference in parentheses."
        ),
    ])
    func refuses(text: String, message: String) {
        let error = #expect(throws: Diagnostic.self) { try Self.parse(text) }
        #expect(error?.description == message)
    }

    @Test func refusesInvalidUTF8AndLargeText() {
        let bad = SourceFile(name: "f.hcl", bytes: Array("a = 1\nb = \"".utf8) + [0xC3, 0x28])
        #expect(throws: Diagnostic.self) { try Parser.parse(bad) }
        var limits = Limits()
        limits.sourceBytesMax = 10
        let large = SourceFile(name: "f.hcl", bytes: Array(repeating: UInt8(ascii: "#"), count: 11))
        let error = #expect(throws: Diagnostic.self) { try Parser.parse(large, limits: limits) }
        #expect(error?.description == "Source too large; f.hcl has 11 bytes; at most 10 are accepted.")
    }

    @Test func snippetShowsTheLine() throws {
        let error = #expect(throws: Diagnostic.self) { try Self.parse("a = 1\njob \"x\" {\n  b = ]\n}\n") }
        #expect(
            error?.snippet() == """
                Error: Invalid expression
                  on f.hcl line 3, column 7:
                  3 |   b = ]
                    |       ^
                A value or an expression is expected here, but found "]".

                """)
    }

    @Test(arguments: [
        (#"{"a": 1, "b": {"c": [true, null, -1.5e2]}}"#, #"a=1;b={"c": [true, null, -1.5e2]}"#)
    ])
    func readsJSON(text: String, expected: String) throws {
        let body = try Parser.parseJSON(SourceFile(name: "f.json", bytes: Array(text.utf8)))
        #expect(Self.outline(body) == expected)
    }

    @Test func readsJSONEscapes() throws {
        let text = #"{"a": "x\/\b\f\ud83d\ude00${y}"}"#
        let body = try Parser.parseJSON(SourceFile(name: "f.json", bytes: Array(text.utf8)))
        let value = try Evaluator().evaluate(try #require(body.attributes.first).expression)
        #expect(value == .string("x/\u{8}\u{C}😀${y}"))
    }

    @Test(arguments: [
        "[1]", "{\"a\": 1 + 2}", "{a: 1}", "{\"a\": }", "{\"a\": 1", "{} {}", "", "{\"a\": \"\\ud800\"}",
        "{\"a\": f(1)}",
    ])
    func refusesJSON(text: String) {
        #expect(throws: Diagnostic.self) { try Parser.parseJSON(SourceFile(name: "f.json", bytes: Array(text.utf8))) }
    }
}
