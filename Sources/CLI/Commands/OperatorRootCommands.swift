internal import APIClient
package import ArgumentParser
internal import Basics
internal import Model

package struct OperatorRootCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "root", abstract: "The keys that variables are encrypted with.",
        subcommands: [RootKeyringCommand.self])

    package init() {}
}

package struct RootKeyringCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "keyring", abstract: "List, change and remove root keys.",
        discussion: """
            Each server keeps the keys in the folder keystore of its data folder, and there only: a backup of the state \
            is worth nothing without a copy of that folder, kept elsewhere.
            """,
        subcommands: [RootKeyringListCommand.self, RootKeyringRotateCommand.self, RootKeyringRemoveCommand.self])

    package init() {}
}

package struct RootKeyringListCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(commandName: "list", abstract: "List the root keys.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("verbose"), help: "Whole ids.")
    var verbose = false

    package init() {}

    package func run() async throws {
        Console.write(VariableOutput.keys(try await options.client().rootKeys(), verbose: verbose))
    }
}

package struct RootKeyringRotateCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "rotate", abstract: "Make a new root key.",
        discussion: "Older keys stay, for what they encrypted; with -full nothing is left of that soon.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("full"), help: "Encrypt all variables anew, in the background.")
    var full = false

    @Flag(name: .go("now"), help: "Use the key at once.")
    var now = false

    @Option(name: .go("prepublish"), help: ArgumentHelp("Use the key only after this time.", valueName: "duration"))
    var prepublish: String?

    @Flag(name: .go("verbose"), help: "Whole ids.")
    var verbose = false

    package init() {}

    package func run() async throws {
        guard (now || full) != (prepublish != nil) else {
            throw CommandError("give either -now or -prepublish; -full is at once")
        }
        var time: Timestamp?
        if let prepublish {
            guard let wait = Duration(goText: prepublish), wait > .zero else {
                throw CommandError("-prepublish \"\(prepublish)\" is not a duration such as 1h")
            }
            time = LocalEnvironment.now + wait
        }
        let key = try await options.client().rotateRootKey(full: full, publishTime: time)
        Console.write(VariableOutput.keys([key], verbose: verbose))
    }
}

package struct RootKeyringRemoveCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Forget a root key that is not active.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("force"), help: "Even if variables are encrypted with it, which are lost then.")
    var force = false

    @Argument(help: ArgumentHelp("The key's id, or how it begins.", valueName: "key"))
    var key: String

    package init() {}

    package func run() async throws {
        let client = try options.client()
        let matches = try await client.rootKeys().filter { $0.keyID.description.hasPrefix(key.lowercased()) }
        guard let match = matches.first, matches.count == 1 else {
            throw CommandError(
                matches.isEmpty ? "No root key \"\(key)\"" : "More than one root key begins with \"\(key)\"")
        }
        try await client.deleteRootKey(match.keyID, force: force)
        Console.write("Removed encryption key \(match.keyID)")
    }
}
