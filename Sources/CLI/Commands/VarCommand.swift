internal import APIClient
package import ArgumentParser
internal import Basics
internal import Model

package struct VarCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "var", abstract: "Keep small secrets and settings, encrypted.",
        discussion: """
            A variable has a path, such as nomad/jobs/web, and items, each a key with a value:

              drover var put secret/db user=me password=hunter2
              drover var get -item password secret/db

            Paths are no secret, items are: they are encrypted wherever they are stored.
            """,
        subcommands: [
            VarListCommand.self, VarGetCommand.self, VarPutCommand.self, VarPurgeCommand.self, VarInitCommand.self,
            VarLockCommand.self,
        ])

    package init() {}
}

package struct VarListCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List variables, without their items.")

    enum Form: String, ExpressibleByArgument, CaseIterable { case json, table, terse }

    @OptionGroup var options: ClientOptions

    @Option(name: .go("out"), help: "The form; table on a terminal, else json.")
    var out: Form?

    @Option(name: .go("per-page"), help: ArgumentHelp("Show so many.", valueName: "count"))
    var perPage = 0

    @Option(name: .go("page-token"), help: ArgumentHelp("Go on where the page before ended.", valueName: "token"))
    var pageToken = ""

    @Option(name: .go("filter"), help: ArgumentHelp("Those that an expression holds for.", valueName: "expression"))
    var filter = ""

    @Argument(help: ArgumentHelp("Those whose path begins so.", valueName: "prefix"))
    var prefix = ""

    package init() {}

    package func run() async throws {
        let page = try await options.client().variables(
            prefix: prefix, filter: filter, perPage: perPage, nextToken: pageToken)
        switch out ?? (LocalEnvironment.isTerminal ? .table : .json) {
        case .json: return Console.write(VariableOutput.json(page, isPaged: perPage > 0 || !pageToken.isEmpty))
        case .table: Console.write(VariableOutput.list(page.variables))
        case .terse: for variable in page.variables { Console.write(variable.path) }
        }
        if !page.nextToken.isEmpty { Console.fail("There are more; go on with -page-token \(page.nextToken)") }
    }
}

package struct VarGetCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(commandName: "get", abstract: "Show a variable.")

    @OptionGroup var options: ClientOptions

    @Option(name: .go("item"), help: ArgumentHelp("Only this item's value, without a line end.", valueName: "key"))
    var item: String?

    @Option(name: .go("out"), help: "The form; table on a terminal, else json.")
    var out: VariableForm?

    @Argument(help: ArgumentHelp("The variable's path.", valueName: "path"))
    var path: String

    package init() {}

    package func run() async throws {
        let variable: Variable
        do {
            variable = try await options.client().variable(path)
        } catch let error as APIError where error.status == 404 {
            throw CommandError("Variable not found: \"\(path)\"")
        }
        guard let item else {
            VariableOutput.show(variable, out ?? (LocalEnvironment.isTerminal ? .table : .json))
            return
        }
        guard let value = variable.items[item] else {
            throw CommandError("Variable \"\(path)\" has no item \"\(item)\"")
        }
        Console.raw(Array(value.utf8))
    }
}

package struct VarPurgeCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "purge", abstract: "Remove a variable for good.")

    @OptionGroup var options: ClientOptions

    @Option(name: .go("check-index"), help: ArgumentHelp("Only if its check index is this.", valueName: "index"))
    var checkIndex: UInt64?

    @Argument(help: ArgumentHelp("The variable's path.", valueName: "path"))
    var path: String

    package init() {}

    package func run() async throws {
        switch try await options.client().deleteVariable(path, checkIndex: checkIndex) {
        case .done: Console.write("Successfully purged variable \"\(path)\"!")
        case .conflict(let present): throw CommandError(VariableOutput.conflict(present, checkIndex: checkIndex))
        }
    }
}

package struct VarInitCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Write an example of a variable's file.")

    enum Form: String, ExpressibleByArgument, CaseIterable { case hcl, json }

    @Option(name: .go("out"), help: "The file's form.")
    var out = Form.hcl

    @Flag(name: .go("quiet"), help: "Say nothing.")
    var quiet = false

    @Argument(help: ArgumentHelp("The file; spec.nv.hcl or spec.nv.json if none is given.", valueName: "path"))
    var path: String?

    package init() {}

    package func run() throws {
        let path = path ?? "spec.nv.\(out.rawValue)"
        try LocalFile.create(path, out == .hcl ? ExampleVariable.hcl : ExampleVariable.json, what: "Specification")
        if !quiet { Console.write("Example variable specification written to \(path)") }
    }
}

/// The files that `var init` writes.
enum ExampleVariable {
    static let hcl = """
        # Where the variable is kept. It may be left out here and given to the command:
        #   drover var put -in hcl path/to/variable @spec.nv.hcl
        path = "path/to/variable"

        # The namespace it is in; -namespace goes before it.
        # namespace = "default"

        # What it holds, encrypted as a whole. A key with other characters than letters, digits and _ needs the
        # form items = { "some.key" = "value" }.
        items {
          key1 = "value 1"
          key2 = "value 2"
        }

        """

    static let json = """
        {
          "Namespace": "default",
          "Path": "path/to/variable",
          "Items": {
            "key1": "value 1",
            "key2": "value 2"
          }
        }

        """
}
