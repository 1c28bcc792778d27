import Basics
import HCL
import Testing

/// One row a fact: the expression as written in `x = …`, and its value as JSON.
@Suite struct ExpressionTests {
    static let scope: [String: Value] = [
        "var": .object([
            "name": .string("web"), "count": .int(3), "ports": .list([.int(80), .int(443)]),
            "tags": .object(["b": .string("two"), "a": .string("one")]),
            "nodes": .list([
                .object(["id": .string("n1"), "zones": .list([.string("z1"), .string("z2")])]),
                .object(["id": .string("n2"), "zones": .list([.string("z3")])]),
            ]),
        ])
    ]

    static func evaluate(_ text: String, keepingUnknown: Bool = false) throws -> Value {
        let file = SourceFile(name: "test.hcl", bytes: Array("x = \(text)\n".utf8))
        let body = try Parser.parse(file)
        let keep: @Sendable (String, String) -> Value? = { _, text in keepingUnknown ? .string("${\(text)}") : nil }
        let evaluator = Evaluator(variables: scope, undefinedName: keep)
        return try evaluator.evaluate(try #require(body.attributes.first).expression)
    }

    static func json(_ text: String, keepingUnknown: Bool = false) throws -> String {
        try evaluate(text, keepingUnknown: keepingUnknown).json.text
    }

    @Test(arguments: [
        ("12", "12"), ("1.5", "1.5"), ("1e3", "1000"), ("-7", "-7"), ("9007199254740993", "9007199254740993"),
        ("true", "true"), ("null", "null"), ("\"a\\tb\\u00e9\\U0001F600\"", "\"a\\tbé😀\""),
        ("1 + 2 * 3", "7"), ("(1 + 2) * 3", "9"), ("7 / 2", "3.5"), ("7 % 3", "1"), ("-2 - -3", "1"),
        ("1 < 2 && !(2 <= 1) || false", "true"), ("1 == 1.0", "true"), ("1 == \"1\"", "false"),
        ("\"2\" + 1", "3"), ("9223372036854775807 + 1", "9.223372036854776e+18"),
        ("true ? 1 : \"x\"", "\"1\""), ("false ? [1] : null", "null"),
        ("var.count > 2 ? \"big\" : \"small\"", "\"big\""),
        ("[1, \"two\", [3],]", "[1,\"two\",[3]]"), ("{ a = 1, \"b c\": 2 }", "{\"a\":1,\"b c\":2}"),
        ("{ (var.name) = 1 }", "{\"web\":1}"), ("{ web = 1 }", "{\"web\":1}"),
        ("var.ports[1]", "443"), ("var.ports.0", "80"), ("var.tags[\"a\"]", "\"one\""),
        ("var.ports[var.count - 2]", "443"),
        ("var.nodes[*].id", "[\"n1\",\"n2\"]"), ("var.nodes.*.id", "[\"n1\",\"n2\"]"),
        ("var.nodes[*].zones[0]", "[\"z1\",\"z3\"]"), ("var.nodes.*.zones[0]", "[\"z1\",\"z2\"]"),
        ("var.name[*]", "[\"web\"]"), ("null[*]", "[]"),
        ("[for p in var.ports : p + 1 if p > 100]", "[444]"),
        ("[for i, p in var.ports : \"${i}:${p}\"]", "[\"0:80\",\"1:443\"]"),
        ("{for k, v in var.tags : upper(k) => v}", "{\"A\":\"one\",\"B\":\"two\"}"),
        ("{for n in var.nodes : length(n.zones) => n.id...}", "{\"1\":[\"n2\"],\"2\":[\"n1\"]}"),
        ("[for n in var.nodes : [for z in n.zones : \"${n.id}/${z}\"]]", "[[\"n1/z1\",\"n1/z2\"],[\"n2/z3\"]]"),
        ("max(var.ports...)", "443"), ("try(var.missing, \"fallback\")", "\"fallback\""), ("can(var.missing)", "false"),
        ("convert([\"1\", 2], list(number))", "[1,2]"),
        ("convert({a = \"80\"}, object({a = number, b = optional(string, \"x\")}))", "{\"a\":80,\"b\":\"x\"}"),
    ])
    func hasValue(text: String, expected: String) throws {
        #expect(try Self.json(text) == expected)
    }

    @Test(arguments: [
        ("\"${var.name}-${var.count}\"", "\"web-3\""), ("\"${var.ports}\"", "[80,443]"),
        ("\"$${var.name} %%{ if }\"", "\"${var.name} %{ if }\""), ("\"a $ b % c $5\"", "\"a $ b % c $5\""),
        ("\"%{ if var.count > 2 }yes%{ else }no%{ endif }\"", "\"yes\""),
        ("\"%{ for p in var.ports }[${p}]%{ endfor }\"", "\"[80][443]\""),
        ("\"a   ${~ var.name ~}   b\"", "\"awebb\""),
        ("\"${\"nested ${var.name}\"}\"", "\"nested web\""), ("\"${ {a = 1}.a }\"", "1"),
        ("<<EOT\n  a\n b ${var.name}\nEOT\n", "\"  a\\n b web\\n\""),
        ("<<-EOT\n    a\n\n      b \\n\n    EOT\n", "\"a\\n\\n  b \\\\n\\n\""),
        ("<<-EOT\n  ${var.name}\n    x\n  EOT\n", "\"web\\n  x\\n\""),
        ("<<EOT\nEOT\n", "\"\""), ("<<EOT\n%{ for p in var.ports ~}\n${p}\n%{ endfor ~}\nEOT\n", "\"80\\n443\\n\""),
    ])
    func rendersTemplate(text: String, expected: String) throws {
        #expect(try Self.json(text) == expected)
    }

    /// Names that only the cluster knows pass through as text, whatever stands around them.
    @Test(arguments: [
        ("\"${attr.kernel.name}\"", "${attr.kernel.name}"), ("\"v${meta.a}-${var.name}\"", "v${meta.a}-web"),
        ("\"${env[\"HOME\"]}/x\"", "${env[\"HOME\"]}/x"), ("\"${NOMAD_PORT_http}\"", "${NOMAD_PORT_http}"),
        ("\"${node.unique.name}\"", "${node.unique.name}"), ("\"${NOMAD_META_my-key}\"", "${NOMAD_META_my-key}"),
        ("attr.cpu.arch", "${attr.cpu.arch}"), ("\"${device.attr.memory}\"", "${device.attr.memory}"),
    ])
    func keepsUnknownNames(text: String, expected: String) throws {
        #expect(try Self.evaluate(text, keepingUnknown: true) == .string(expected))
    }

    @Test(arguments: [
        ("upper(lower(\"AbC\"))", "\"ABC\""), ("title(\"hello big world\")", "\"Hello Big World\""),
        ("trim(\"??x!?\", \"!?\")", "\"x\""), ("trimprefix(\"abc\", \"a\")", "\"bc\""),
        ("trimsuffix(\"abc\", \"c\")", "\"ab\""),
        ("trimspace(\"  x\\n\")", "\"x\""), ("chomp(\"x\\n\\n\")", "\"x\""), ("strlen(\"héllo\")", "5"),
        ("strrev(\"abc\")", "\"cba\""),
        ("substr(\"hello\", 1, 3)", "\"ell\""), ("substr(\"hello\", -2, -1)", "\"lo\""),
        ("indent(2, \"a\\nb\")", "\"a\\n  b\""),
        ("join(\"-\", [\"a\", \"b\"], [1])", "\"a-b-1\""), ("split(\",\", \"a,,b\")", "[\"a\",\"\",\"b\"]"),
        ("replace(\"a.b.c\", \".\", \"-\")", "\"a-b-c\""),
        ("format(\"%s-%03d %5.2f%% %q %t\", \"x\", 7, 3.14159, \"q\", true)", "\"x-007  3.14% \\\"q\\\" true\""),
        ("format(\"%-4s|%+d|%x\", \"ab\", 5, 255)", "\"ab  |+5|ff\""),
        ("formatlist(\"%s:%d\", [\"a\", \"b\"], 1)", "[\"a:1\",\"b:1\"]"),
        ("abs(-3)", "3"), ("ceil(1.2)", "2"), ("floor(-1.2)", "-2"), ("log(8, 2)", "3"), ("pow(2, 10)", "1024"),
        ("pow(4, 0.5)", "2"),
        ("parseint(\"ff\", 16)", "255"), ("signum(-9)", "-1"), ("min(3, 1, 2)", "1"),
        ("chunklist([1,2,3], 2)", "[[1,2],[3]]"), ("coalesce(null, \"\", \"x\")", "\"x\""),
        ("coalescelist([], [1])", "[1]"),
        ("compact([\"a\", \"\", null])", "[\"a\"]"), ("concat([1], [2, 3])", "[1,2,3]"),
        ("contains([1, 2], 2)", "true"),
        ("distinct([1, 2, 1])", "[1,2]"), ("element([1, 2], 5)", "2"), ("flatten([[1, [2]], 3])", "[1,2,3]"),
        ("index([\"a\", \"b\"], \"b\")", "1"),
        ("length(\"abc\")", "3"), ("range(3)", "[0,1,2]"), ("range(1, 7, 3)", "[1,4]"), ("reverse([1, 2])", "[2,1]"),
        ("slice([1,2,3], 1, 2)", "[2]"),
        ("sort([\"b\", \"a\"])", "[\"a\",\"b\"]"), ("keys({b = 1, a = 2})", "[\"a\",\"b\"]"),
        ("values({b = 1, a = 2})", "[2,1]"),
        ("lookup({a = 1}, \"z\", 9)", "9"), ("merge({a = 1}, {a = 2, b = 3})", "{\"a\":2,\"b\":3}"),
        ("zipmap([\"a\"], [1])", "{\"a\":1}"),
        ("setunion([2], [1, 2])", "[1,2]"), ("setintersection([1, 2], [2, 3])", "[2]"),
        ("setproduct([1, 2], [\"a\"])", "[[1,\"a\"],[2,\"a\"]]"),
        ("base64encode(\"héllo\")", "\"aMOpbGxv\""), ("base64decode(\"aMOpbGxv\")", "\"héllo\""),
        ("urlencode(\"a b&c\")", "\"a+b%26c\""),
        ("jsondecode(\"{\\\"a\\\": [1, null]}\")", "{\"a\":[1,null]}"),
        ("jsonencode({b = [true], a = \"x\"})", "\"{\\\"a\\\":\\\"x\\\",\\\"b\\\":[true]}\""),
        ("md5(\"abc\")", "\"900150983cd24fb0d6963f7d28e17f72\""),
        ("sha1(\"abc\")", "\"a9993e364706816aba3e25717850c26c9cd0d89d\""),
        ("sha256(\"abc\")", "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""),
        (
            "sha512(\"abc\")",
            "\"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f\""
        ),
        (
            "sha256(join(\"\", [for i in range(119) : \"a\"]))",
            "\"31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb\""
        ),
        ("uuidv5(\"dns\", \"example.org\")", "\"aad03681-8b63-5304-89e0-8ca8f49461b5\""),
        ("csvdecode(\"a,b\\n1,\\\"x,y\\\"\\n\")", "[{\"a\":\"1\",\"b\":\"x,y\"}]"),
        ("cidrhost(\"10.12.112.0/20\", 16)", "\"10.12.112.16\""),
        ("cidrhost(\"10.0.0.0/8\", -1)", "\"10.255.255.255\""), ("cidrnetmask(\"172.16.0.0/12\")", "\"255.240.0.0\""),
        ("cidrsubnet(\"172.16.0.0/12\", 4, 2)", "\"172.18.0.0/16\""),
        ("cidrsubnet(\"fd00:fd12:3456:7890::/56\", 16, 162)", "\"fd00:fd12:3456:7800:a200::/72\""),
        ("cidrsubnets(\"10.1.0.0/16\", 4, 4, 8)", "[\"10.1.0.0/20\",\"10.1.16.0/20\",\"10.1.32.0/24\"]"),
        ("timeadd(\"2017-11-22T00:00:00Z\", \"10m\")", "\"2017-11-22T00:10:00Z\""),
        (
            "formatdate(\"EEE, DD MMM YYYY 'at' hh:mm AA\", \"2018-01-02T23:12:01Z\")",
            "\"Tue, 02 Jan 2018 at 23:12 PM\""
        ),
    ])
    func callsFunction(text: String, expected: String) throws {
        #expect(try Self.json(text) == expected)
    }

    /// Every fault names the place and what is wrong.
    @Test(arguments: [
        (
            "var.nam",
            "test.hcl:1,8-12: Unsupported attribute; This object has no attribute \"nam\". Did you mean \"name\"?"
        ),
        ("vars.name", "test.hcl:1,5-14: Unknown variable; There is no \"vars\" here. Did you mean \"var\"?"),
        (
            "upperr(\"a\")",
            "test.hcl:1,5-11: Call to unknown function; There is no function named \"upperr\". Did you mean \"upper\"?"
        ),
        ("1 + \"x\"", "test.hcl:1,9-12: Invalid operand; A number is required here; \"x\" is not one."),
        ("1 / 0", "test.hcl:1,5-10: Division by zero; The divisor is zero."),
        ("[1][2]", "test.hcl:1,8-11: Invalid index; The list has 1 elements, so there is no element 2."),
        (
            "\"${[1]}\" == \"a ${[1]}\"",
            "test.hcl:1,22-25: Invalid template interpolation value; A list cannot be put into a string; use join or jsonencode for collections."
        ),
        (
            "99999999999999999999",
            "test.hcl:1,5-25: Number out of range; 99999999999999999999 is beyond what a 64-bit integer or a double can hold; quote it to keep it as text."
        ),
        (
            "file(\"/etc/passwd\")",
            "test.hcl:1,5-24: Error in function call; Call to function \"file\" failed: It reads local files, which is only possible where the command line parses the file."
        ),
        (
            "range(1000000000)",
            "test.hcl:1,5-22: Error in function call; Call to function \"range\" failed: The range has more than 1048576 elements."
        ),
        (
            "{for x in [1, 1] : x => x}",
            "test.hcl:1,24: Duplicate object key; Two elements have the key \"1\"; write \"...\" after the value to collect them in a list."
        ),
        (
            "substr(\"a\")",
            "test.hcl:1,5-16: Wrong number of function arguments; Function \"substr\" takes 3 arguments, but 1 are given."
        ),
    ])
    func refuses(text: String, message: String) {
        let error = #expect(throws: Diagnostic.self) { try Self.evaluate(text) }
        #expect(error?.description == message)
    }
}
