import Basics
import Testing

@testable import PluginHost

/// What servers find in a task's configuration before its variables have values.
@Suite struct SchemaTests {
    static let schema = """
        {"command": {"type": "string", "required": true, "doc": "what to run"}, "args": {"type": "list(string)"},
         "retries": {"type": "int", "min": 0, "max": 3}, "wait": {"type": "duration"}, "quiet": {"type": "bool"},
         "mode": {"type": "string", "values": ["fast", "safe"]}, "ports": {"type": "map(string)"},
         "mount": {"type": "list(block)", "keys": {"doc": {"type": "string", "doc": "x"}, "size": {"type": "int"}}}}
        """

    @Test(arguments: [
        (#"{"command": "a", "args": ["b"], "retries": 3, "wait": "5s", "quiet": true}"#, nil, nil),
        (#"{"command": "${meta.a}", "retries": "${meta.n}", "wait": "${meta.w}", "quiet": "x${a}"}"#, nil, nil),
        (#"{"command": "a", "mode": "${meta.mode}", "mount": [{"size": "${a}"}]}"#, nil, nil),
        (#"{"command": "a", "${meta.key}": 1}"#, nil, nil),
        (#"{"${meta.key}": "a"}"#, nil, nil),
        (#"{"command": "a", "ports": {"http": 80, "tls": "${a}", "x": true}}"#, nil, nil),
        (#"{"command": "a", "ports": {"http": [80]}}"#, "ports", "expected a map of strings, got an object"),
        (
            "{}", "command",
            "required, but absent; allowed: args, command, mode, mount, ports, quiet, retries, wait"
        ),
        (
            #"{"command": "a", "comand": "b"}"#, "comand",
            "unknown key; allowed: args, command, mode, mount, ports, quiet, retries, wait"
        ),
        (#"{"command": "a", "retries": "many"}"#, "retries", "expected a whole number, got a string"),
        (#"{"command": "a", "retries": 4}"#, "retries", "4 is above 3.0"),
        (#"{"command": "a", "mode": "slow"}"#, "mode", "\"slow\" is not allowed; use one of \"fast\", \"safe\""),
        (#"{"command": "a", "args": "${meta.args}"}"#, "args", "expected a list of strings, got a string"),
        (#"{"command": "a", "mount": [{}, {"siez": 1}]}"#, "mount[1].siez", "unknown key; allowed: doc, size"),
        (#"{"command": "a", "mount": [{}, {"size": "x"}]}"#, "mount[1].size", "expected a whole number, got a string"),
    ])
    func faultsBeforeInterpolation(config: String, key: String?, text: String?) throws {
        let fault = Schema.fault(in: try JSONParser.parse(config), by: try JSONParser.parse(Self.schema))
        #expect(fault?.key == key)
        #expect(fault?.text == text)
    }

    /// The client, where variables have their values, still takes such text for what it is.
    @Test func openTextIsRefusedWhenItStays() throws {
        let config = try JSONParser.parse(#"{"command": "a", "retries": "${meta.n}"}"#)
        let error = #expect(throws: PluginError.self) {
            try Schema.apply(try JSONParser.parse(Self.schema), to: config, what: "config")
        }
        #expect(error?.message == "config: retries: expected a whole number, got a string")
    }

    /// A number is a text where a text is wanted, as in HCL; blocks of one map become one.
    @Test(arguments: [
        (
            #"{"m": {"web": 80, "dns": "53", "on": true, "part": 1.5}}"#,
            #"{"m":{"web":"80","dns":"53","on":"true","part":"1.5"}}"#
        ),
        (#"{"m": [{"web": 80}, {"dns": 53}]}"#, #"{"m":{"web":"80","dns":"53"}}"#),
        (#"{"m": {"web": [80]}}"#, nil), (#"{"m": "web"}"#, nil), (#"{"m": [80]}"#, nil),
    ])
    func mapsHoldTexts(config: String, expected: String?) throws {
        let schema = try JSONParser.parse(#"{"m": {"type": "map(string)"}}"#)
        let result = try? Schema.apply(schema, to: try JSONParser.parse(config), what: "config")
        #expect(result?.text == expected)
    }

    /// Keys called "doc" stay, texts about keys go.
    @Test func textsAreLeftOut() throws {
        let schema = Schema.withoutTexts(try JSONParser.parse(Self.schema))
        #expect(schema["command"] == .object([("type", .string("string")), ("required", .bool(true))]))
        #expect(schema["mount"]?["keys"]?["doc"] == .object([("type", .string("string"))]))
    }
}
