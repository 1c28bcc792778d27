import Basics
import HCL
import Testing

/// Text made to break a parser ends in a diagnostic; that the process lives is the assertion.
@Suite struct HostileInputTests {
    /// Parses in every way, and evaluates what parses.
    static func consume(_ bytes: [UInt8]) {
        let file = SourceFile(name: "fuzz", bytes: bytes)
        for dialect in [Dialect.native, .relaxed] {
            guard let body = try? Parser.parse(file, dialect: dialect) else { continue }
            evaluate(body, dialect)
        }
        if let body = try? Parser.parseJSON(file) { evaluate(body, .relaxed) }
    }

    static func evaluate(_ body: Body, _ dialect: Dialect) {
        var limits = Limits()
        limits.evaluationCostMax = 1 << 18
        let evaluator = Evaluator(variables: ExpressionTests.scope, limits: limits) { _, text in .string("${\(text)}") }
        let context = ReadingContext(evaluator: evaluator, dialect: dialect)
        _ = BodyReader(body, title: "fuzz", context: context).members()
        for item in context.diagnostics.items { _ = item.snippet() }
    }

    @Test(arguments: [
        "[", "{", "(", "a {", "a = [", "\"${", "!", "-", "a = <<E\n${", "%{ if ", "a.*", "f(", "{a=", "[for x in ",
    ])
    func deepNestingIsRefused(opening: String) {
        for prefix in ["", "a = ", "a = \""] {
            Self.consume(Array((prefix + String(repeating: opening, count: 1_000)).utf8))
        }
        _ = try? SyntaxTests.parse("a = " + String(repeating: opening, count: 100_000))
        let text = "a = " + String(repeating: opening, count: 200)
        #expect(throws: Diagnostic.self) { try SyntaxTests.parse(text) }
    }

    @Test(arguments: [" + 1", " && a", ".b", "[0]", "[*]", ".*", " ? 1 : 2", "[a]", ".0"])
    func longChainsDoNotOverflow(link: String) {
        Self.consume(Array(("a = a" + String(repeating: link, count: 1_000)).utf8))
        _ = try? SyntaxTests.parse("a = a" + String(repeating: link, count: 100_000))
    }

    @Test(arguments: [
        "[for a in range(1000) : [for b in range(1000) : [for c in range(1000) : 1]]]",
        "format(\"%999999999d\", 1)", "join(\"\", [for i in range(100000) : format(\"%100000d\", i)])",
        "setproduct(range(10000), range(10000))", "replace(format(\"%1000000d\", 1), \"\", format(\"%1000000d\", 1))",
        "indent(1000000, join(\"\\n\", range(100000)))",
        "\"%{ for i in range(1000000) }%{ for j in range(1000000) }x%{ endfor }%{ endfor }\"",
    ])
    func expensiveExpressionsAreRefused(text: String) {
        let error = #expect(throws: Diagnostic.self) { try ExpressionTests.evaluate(text) }
        #expect(error?.detail.contains("too large") == true)
    }

    /// Every function with every mix of awkward arguments: extremes, empty things, wrong types.
    @Test func functionsSurviveAnyArguments() {
        let values: [Value] = [
            .null, .bool(true), .int(0), .int(-1), .int(Int64.max), .int(Int64.min), .number(.double(0.5)),
            .number(.double(1e308)), .string(""), .string("é%d%[9]s%-5000000d"), .string("10.0.0.0/0"),
            .string("::ffff:1.2.3.4/128"), .string("2018-01-02T23:12:01Z"), .list([]), .list([.null, .int(1)]),
            .object([:]), .object(["a": .list([.string("x")])]),
        ]
        for (name, function) in FunctionTable.standard {
            for count in function.argumentCounts.lowerBound...min(3, function.argumentCounts.upperBound)
            where function.argumentCounts.lowerBound <= 3 {
                for mix in 0..<(count == 3 ? 17 * 17 * 17 : count == 2 ? 17 * 17 : 17) {
                    let chosen = [mix % 17, mix / 17 % 17, mix / 289].prefix(count).map { values[$0] }
                    var limits = Limits()
                    limits.evaluationCostMax = 1 << 16
                    var arguments = Arguments(values: chosen, budget: EvaluationBudget(limits: limits))
                    guard let result = try? function.implementation(&arguments) else { continue }
                    #expect(result.json.text.utf8.count < 1 << 20, "\(name)")
                }
            }
        }
    }

    /// Values that contain one another double with every step: "billion laughs".
    @Test func repeatedValuesAreRefused() throws {
        let evaluator = Evaluator()
        evaluator.variables["x"] = .string("laugh")
        let body = try SyntaxTests.parse("y = [x, x]\n")
        let expression = try #require(body.attributes.first).expression
        #expect(throws: Diagnostic.self) {
            for _ in 0..<64 { evaluator.variables["x"] = try evaluator.evaluate(expression) }
        }
    }

    static let seeds = [
        """
        variable "n" {
          type = list(object({ a = string }))
          default = [{ a = "x" }]
        }
        job "x" {
          datacenters = ["dc1", "${var.name}"]
          meta { a = "b" }
          group "g" {
            count = var.count > 2 ? 3 : length(var.ports)
            dynamic "task" {
              for_each = var.nodes
              labels = [task.value.id]
              content {
                config { args = [for z in task.value.zones : upper(z) if z != "z1"] }
                template { data = <<-EOT
                  ${NOMAD_PORT_http} %{ if true ~} a %{ else } b %{ endif }
                  EOT
                }
              }
            }
          }
        }
        """,
        #"{"a": [1, -2.5e3, {"b": null, "c": "\ud83d\ude00\n"}], "plugin": {"docker": {"config": [{"x": true}]}}}"#,
        "a = \"%{ for k, v in var.tags }${k}=${v}${~ \" \" ~}%{ endfor }\"\nb = {for k, v in var.tags : k => v...}\nc = var.nodes[*].zones[0]\n",
    ]

    /// Thousands of damaged texts from fixed seeds.
    @Test(arguments: 0..<8)
    func mutatedTextNeverCrashes(seed: UInt64) {
        var random = SplitMix(state: seed)
        let alphabet = Array("{}[]()\"$%<>=-+*/.,:~!&|?#\\\n\t 0aeEOT_\u{0}é".utf8) + [0xFF, 0xC3, 0x80]
        for _ in 0..<250 {
            var bytes = Array(Self.seeds[Int(random.next() % UInt64(Self.seeds.count))].utf8)
            for _ in 0..<(1 + random.next() % 8) {
                let position = Int(random.next() % UInt64(bytes.count))
                let byte = alphabet[Int(random.next() % UInt64(alphabet.count))]
                switch random.next() % 5 {
                case 0: bytes[position] = byte
                case 1: bytes.insert(byte, at: position)
                case 2: bytes.removeSubrange(position..<min(bytes.count, position + Int(random.next() % 20) + 1))
                case 3:
                    let end = min(bytes.count, position + Int(random.next() % 30))
                    bytes.insert(contentsOf: bytes[position..<end], at: Int(random.next() % UInt64(bytes.count)))
                default: bytes.removeSubrange(position...)
                }
                if bytes.isEmpty { bytes = [byte] }
            }
            Self.consume(bytes)
        }
    }

    @Test(arguments: 0..<4)
    func garbageNeverCrashes(seed: UInt64) {
        var random = SplitMix(state: seed &+ 1_000)
        let tokens = [
            "a", "=", "{", "}", "[", "]", "(", ")", "\"", "${", "%{", "~}", "<<E\n", "E\n", "\n", "if", "for", "in",
            "x", ":", "=>", "...", ".", "*", "1", "-", "!", "?", "dynamic", ",", "<<-E\n", "else", "endif", "endfor",
        ]
        for _ in 0..<300 {
            let text = (0..<random.next() % 60).map { _ in tokens[Int(random.next() % UInt64(tokens.count))] }
            Self.consume(Array(text.joined(separator: random.next() % 2 == 0 ? " " : "").utf8))
        }
    }
}

/// A small seeded generator (SplitMix64), so that a failing seed can be run again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
