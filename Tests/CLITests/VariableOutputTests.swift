import ArgumentParser
import Basics
import Model
import Testing

@testable import CLI
@testable import JobSpec

@Suite struct VariableOutputTests {
    private var variable: Variable {
        var variable = Variable()
        (variable.namespace, variable.path, variable.items) = ("prod", "a/b", ["user": "me", "pass.word": "x\"${y}\n"])
        (variable.createIndex, variable.modifyIndex) = (5, 7)
        (variable.createTime, variable.modifyTime) = (
            Timestamp(seconds: 1_700_000_000), Timestamp(seconds: 1_700_000_060)
        )
        return variable
    }

    @Test func table() {
        var shown = variable
        shown.items = ["user": "me", "password": "x"]
        #expect(
            VariableOutput.table(shown) == """
                Namespace   = prod
                Path        = a/b
                Create Time = 2023-11-14T22:13:20Z
                Modify Time = 2023-11-14T22:14:20Z
                Check Index = 7

                Items
                password = x
                user     = me
                """)
    }

    @Test func list() {
        #expect(VariableOutput.list([]) == "No variables found")
        #expect(
            VariableOutput.list([VariableMetadata(variable)]) == """
                Namespace  Path  Last Updated
                prod       a/b   2023-11-14T22:14:20Z
                """)
        let page = VariableOutput.json(([VariableMetadata(variable)], "prod.c"), isPaged: true)
        #expect(page.contains("\"NextToken\": \"prod.c\"") && !page.contains("Lock"))
    }

    /// What is written is read again, whatever is in the values.
    @Test(arguments: [
        "plain", "x\"${y}\n", "%{if}", "$${", "%%{", "\\", "\t\r", "$", "${", "a ${ b %{ c", "é€😀", "",
    ])
    func hclRoundTrip(value: String) throws {
        var written = variable
        written.items = ["k": value, "dotted.key": "v"]
        let read = try SpecFile.variable(Array(VariableOutput.hcl(written).utf8), file: "spec.hcl")
        #expect(read == written)
    }

    @Test func exampleIsRead() throws {
        let read = try SpecFile.variable(Array(ExampleVariable.hcl.utf8), file: "spec.nv.hcl")
        #expect(read.path == "path/to/variable" && read.items == ["key1": "value 1", "key2": "value 2"])
        #expect(try Variable(json: Array(ExampleVariable.json.utf8)).items == read.items)
    }

    @Test func conflicts() {
        let text = VariableOutput.conflict(variable, checkIndex: 6)
        #expect(text.contains("is 7, not 6") && text.contains("-check-index 7"))
        var locked = variable
        locked.lock = VariableLock()
        #expect(VariableOutput.conflict(locked, checkIndex: nil).hasPrefix("Lock conflict"))
        #expect(VariableOutput.conflict(Variable(), checkIndex: 3).contains("its check index is 0"))
    }

    @Test func rootKeys() {
        var (key, next) = (RootKeyMeta(), RootKeyMeta())
        (key.keyID, key.state, key.createTime) = (ID(high: 1 << 60, low: 1), .active, Timestamp(seconds: 1_700_000_000))
        (next.keyID, next.state, next.createIndex) = (ID(high: 2 << 60, low: 1), .prepublished, 9)
        (next.createTime, next.publishTime) = (key.createTime, Timestamp(seconds: 1_700_003_600))
        #expect(
            VariableOutput.keys([next, key], verbose: false) == """
                Key       State         Create Time           Publish Time
                10000000  active        2023-11-14T22:13:20Z  <none>
                20000000  prepublished  2023-11-14T22:13:20Z  2023-11-14T23:13:20Z
                """)
    }

    @Test(arguments: [
        (["p", "a=b", "c=d=e", "f="], "p", ["a": "b", "c": "d=e", "f": ""]), (["p/q", "k=x y"], "p/q", ["k": "x y"]),
    ])
    func arguments(words: [String], path: String, items: [String: String]) throws {
        let spec = try VariableSpec(words, form: nil) { _ in }
        #expect(spec.variable.path == path && spec.variable.items == items)
    }

    @Test(arguments: [
        (["p", "ab"], "is no item"), (["p", "=b"], "is no item"), ([], "path is missing"), (["-"], "give -in"),
        (["@a.txt"], "give -in"), (["p", "a=-", "b=-"], "once only"),
    ])
    func wrongArguments(words: [String], message: String) {
        do {
            _ = try VariableSpec(words, form: nil) { _ in }
            Issue.record("accepted")
        } catch {
            #expect("\(error)".contains(message), "\(error)")
        }
    }

    struct Root: AsyncParsableCommand {
        static let configuration = CommandLineInterface.configuration(adding: [])
    }

    @Test(arguments: [
        ("var list -namespace=* -filter x -per-page 2 -page-token t -out json a/", "VarListCommand"),
        ("var get -item=passcode secret/foo", "VarGetCommand"),
        ("var put -in=json -out=table -verbose - user=dba", "VarPutCommand"),
        ("var put -force=true -check-index 3 p a=b", "VarPutCommand"),
        ("var purge -check-index 4 p", "VarPurgeCommand"),
        ("var init -out json -quiet", "VarInitCommand"),
        ("var lock -ttl 20s -delay 5s -shell=false -early-return -max-retry 2 -backoff 2s p sleep 5", "VarLockCommand"),
        ("operator root keyring rotate -full", "RootKeyringRotateCommand"),
        ("operator root keyring rotate -prepublish 1h -verbose", "RootKeyringRotateCommand"),
        ("operator root keyring list", "RootKeyringListCommand"),
        ("operator root keyring remove -force 1a2b", "RootKeyringRemoveCommand"),
    ])
    func commandLines(line: String, command: String) throws {
        let arguments = ArgumentForm.normalized(line.split(separator: " ").map(String.init))
        #expect("\(type(of: try Root.parseAsRoot(arguments)))" == command)
    }
}
