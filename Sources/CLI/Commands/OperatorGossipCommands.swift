internal import APIClient
package import ArgumentParser
internal import Basics

package struct OperatorGossipCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "gossip", abstract: "The servers' gossip pool.", subcommands: [GossipKeyringCommand.self])

    package init() {}
}

package struct GossipKeyringCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "keyring", abstract: "The keys that encrypt the servers' gossip.",
        discussion: """
            To change the key of a running pool: install the new one, use it, remove the old one. Every server keeps its \
            keyring in its data folder.
            """,
        subcommands: [
            KeyringGenerateCommand.self, KeyringListCommand.self, KeyringInstallCommand.self, KeyringUseCommand.self,
            KeyringRemoveCommand.self,
        ])

    package init() {}
}

package struct KeyringGenerateCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "generate", abstract: "Make a key for server.encrypt or for install; no agent is asked.")

    package init() {}

    package func run() {
        var generator = SystemRandomNumberGenerator()
        Console.write(Base64.encode((0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }))
    }
}

package struct KeyringListCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the keys, and how many servers hold each.")

    @OptionGroup var options: ClientOptions

    package init() {}

    package func run() async throws {
        let answer = try await options.client().gossipKeys()
        Console.write(AgentOutput(shown: Shown(now: LocalEnvironment.now)).gossipKeys(answer))
    }
}

package struct KeyringInstallCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "install", abstract: "Have all servers accept a key; it is not used yet.")

    @OptionGroup var options: ClientOptions
    @OptionGroup var key: GossipKeyArgument

    package init() {}

    package func run() async throws { try await key.change("install", options, done: "Installed the key") }
}

package struct KeyringUseCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "use", abstract: "Have all servers encrypt with a key that is installed.")

    @OptionGroup var options: ClientOptions
    @OptionGroup var key: GossipKeyArgument

    package init() {}

    package func run() async throws { try await key.change("use", options, done: "The key is in use") }
}

package struct KeyringRemoveCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Have all servers accept a key no more; it must not be in use.")

    @OptionGroup var options: ClientOptions
    @OptionGroup var key: GossipKeyArgument

    package init() {}

    package func run() async throws { try await key.change("remove", options, done: "Removed the key") }
}

/// A gossip key on the command line.
struct GossipKeyArgument: ParsableArguments {
    @Argument(help: ArgumentHelp("The key: base64 of 16, 24 or 32 bytes.", valueName: "key"))
    var key: String

    func change(_ operation: String, _ options: ClientOptions, done: String) async throws {
        let answer = try await options.client().changeGossipKey(operation, key)
        Console.write("\(done) on \(answer.members) of \(answer.members) servers")
        for (member, text) in answer.messages.sorted(by: { $0.key < $1.key }) { Console.write("\(member): \(text)") }
    }
}
