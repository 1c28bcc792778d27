internal import APIClient
package import ArgumentParser
internal import Basics
internal import Model

package struct VarPutCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "put", abstract: "Add a variable or replace all its items.",
        discussion: """
            Items are key=value; a value @file is that file's content, and - what standard input says. A whole variable \
            is read from @file, or from standard input for -; key=value arguments go before what it says:

              drover var put secret/db user=me password=@password.txt
              drover var put @spec.nv.hcl
              drover var get secret/db | drover var put -in json - user=you

            The index in such a file is checked, so that nobody else's change is lost, unless -force is given.
            """)

    @OptionGroup var options: ClientOptions

    @Option(
        name: .go("check-index"),
        help: ArgumentHelp("Only if its check index is this; 0 if there is no such variable.", valueName: "index"))
    var checkIndex: UInt64?

    @Flag(name: .go("force"), help: "Whatever is there by now.")
    var force = false

    @Flag(name: .go("verbose"), help: "Tell on standard error what is read.")
    var verbose = false

    @Option(name: .go("in"), help: "The form of a whole variable; by the file's name if none is given.")
    var form: VariableSpec.Form?

    @Option(name: .go("out"), help: "How to show what is stored; none on a terminal, else json.")
    var out: VariableForm?

    @Argument(help: ArgumentHelp("The path, a file as @file or -, and items.", valueName: "path|@file|- key=value"))
    var arguments: [String]

    package init() {}

    package func run() async throws {
        let spec = try VariableSpec(arguments, form: form) { text in if verbose { Console.fail(text) } }
        var client = try options.client()
        if options.namespace == nil, !spec.variable.namespace.isEmpty { client.namespace = spec.variable.namespace }
        var variable = spec.variable
        variable.namespace = client.namespace
        variable.lock = nil
        let index = checkIndex ?? (force || variable.modifyIndex == 0 ? nil : variable.modifyIndex)
        switch try await client.setVariable(variable, checkIndex: index) {
        case .conflict(let present): throw CommandError(VariableOutput.conflict(present, checkIndex: index))
        case .done(let stored):
            let form = out ?? (LocalEnvironment.isTerminal ? .nothing : .json)
            let verb = stored.createIndex == stored.modifyIndex ? "created" : "updated"
            let text = "Successfully \(verb) variable \"\(stored.path)\"!"
            // What is parsed by others stands alone.
            if form == .table || form == .nothing { Console.write(text) } else if verbose { Console.fail(text) }
            VariableOutput.show(stored, form)
        }
    }
}
