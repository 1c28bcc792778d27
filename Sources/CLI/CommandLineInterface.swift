internal import APIClient
public import ArgumentParser
internal import Certificates
internal import Glibc

/// The command line, put together: the executable declares its root command with ``configuration(adding:)`` and hands
/// over to ``run(_:arguments:)``.
///
/// ```swift
/// @main struct Drover: AsyncParsableCommand {
///     static let configuration = CommandLineInterface.configuration(adding: [AgentCommand.self])
///     static func main() async { await CommandLineInterface.run(Drover.self) }
/// }
/// ```
public enum CommandLineInterface {
    /// The root's configuration: all commands here, and `extra` ones of the executable.
    public static func configuration(adding extra: [any ParsableCommand.Type] = []) -> CommandConfiguration {
        CommandConfiguration(
            commandName: "drover", abstract: "Runs jobs on a cluster of machines.",
            discussion: """
                Commands speak to an agent at -address, DROVER_ADDR or NOMAD_ADDR, \
                http://127.0.0.1:4646 if none is given.
                Long options have one dash, as in Nomad; two dashes work as well. To try it out:

                  drover agent -dev
                  drover job init
                  drover job run example.nomad.hcl
                """,
            subcommands: [
                JobCommand.self, AllocCommand.self, NodeCommand.self, EvalCommand.self, ServerCommand.self,
                NamespaceCommand.self, QuotaCommand.self, VarCommand.self, PluginCommand.self, SystemCommand.self,
                OperatorCommand.self, TLSCommand.self, StatusCommand.self, VersionCommand.self,
            ] + extra,
            groupedSubcommands: [
                CommandGroup(
                    name: "Common",
                    subcommands: [
                        JobRunCommand.self, JobPlanCommand.self, JobStopCommand.self, JobValidateCommand.self,
                        JobInitCommand.self, JobInspectCommand.self, AllocLogsCommand.self, AllocFSCommand.self,
                        AllocExecCommand.self,
                    ])
            ], helpNames: [.customShort("h"), .customLong("help", withSingleDash: true)])
    }

    /// Runs the command the arguments name and ends the process.
    ///
    /// Exit codes: 0 for success, 1 for errors and wrong usage, or what the command says (`job plan`: 1 for changes,
    /// 255 for errors).
    public static func run<Root: AsyncParsableCommand>(
        _ root: Root.Type, arguments: [String] = Array(CommandLine.arguments.dropFirst())
    ) async -> Never {
        do {
            var command = try root.parseAsRoot(ArgumentForm.normalized(arguments))
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            exit(0)
        } catch {
            finish(root, error)
        }
    }

    /// What is said of wrong usage, with a word about options of Nomad's that no command here has.
    static func explained(_ text: String) -> String {
        let templates = "Go templates are left out: take the JSON (-json, or -out json) and a program such as jq."
        let leftOut = [
            "Unknown option '-t'": templates, "Unknown option '-template'": templates, "'go-template'": templates,
            "Unknown option '-ui'": "There is no web interface to open.",
        ]
        return leftOut.first { text.contains($0.key) }.map { "\(text)\n\($0.value)" } ?? text
    }

    private static func finish<Root: AsyncParsableCommand>(_ root: Root.Type, _ error: any Error) -> Never {
        switch error {
        case let code as ExitCode: exit(code.rawValue)
        case let error as CommandError:
            Console.fail(error.message)
            exit(error.exitCode)
        case is APIError, is ConnectionError, is AgentAddressError, is CertificateError:
            Console.fail("\(error)")
            exit(1)
        case is CancellationError: exit(1)
        default: break
        }
        let text = explained(root.fullMessage(for: error))
        let code = root.exitCode(for: error)
        if code == .success { Console.write(text) } else { Console.fail(text) }
        exit(code == .success ? 0 : 1)
    }
}

/// A failure said in full; its exit code is 1 unless the command has others.
struct CommandError: Error, CustomStringConvertible {
    let message: String
    var exitCode: Int32 = 1

    init(_ message: String, exitCode: Int32 = 1) {
        self.message = message
        self.exitCode = exitCode
    }

    var description: String { message }
}
