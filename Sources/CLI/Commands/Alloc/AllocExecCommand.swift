internal import APIClient
package import ArgumentParser
internal import Basics
internal import Glibc
internal import Model

package struct AllocExecCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "exec", abstract: "Run a command inside a running task.",
        discussion: """
            Options come before the allocation; all after it is the command. It runs with the task's user, limits and \
            isolation, and ends with this one, whose exit code is the command's.

              drover alloc exec 8ba85cef /bin/sh
              drover alloc exec -job -task web shop cat /local/config.json
            """)

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("job"), help: "The argument is a job; use its newest running allocation.")
    var job = false

    @Option(name: .go("group"), help: ArgumentHelp("With -job: an allocation of this group.", valueName: "name"))
    var group: String?

    @Option(name: .go("task"), help: ArgumentHelp("The task; needed when there are several.", valueName: "name"))
    var task: String?

    @Flag(name: .customShort("i"), help: "Pass standard input on, as it does unless -i=false is given.")
    var input = false

    @Flag(
        name: .customShort("t"),
        help: "Run it on a terminal, as it does when this one is on one unless -t=false is given.")
    var terminal = false

    // What `-i=false` and `-t=false` become: see ArgumentForm.
    @Flag(name: .go("no-i"), help: .hidden)
    var withoutInput = false

    @Flag(name: .go("no-t"), help: .hidden)
    var withoutTerminal = false

    @Option(
        name: .customShort("e"),
        help: ArgumentHelp(
            "Before a dot at the beginning of a line, on a terminal, it ends the session; none for no such character.",
            valueName: "character"))
    var escape = "~"

    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("The allocation's ID, or the beginning of one, and the command.", valueName: "allocation"))
    var arguments: [String]

    package init() {}

    package func run() async throws {
        let words = arguments.first == "--" ? Array(arguments.dropFirst()) : arguments
        // Everything from the first word on that is no option of this command's is taken as it is.
        if let word = arguments.first, word.hasPrefix("-"), word != "--" {
            guard ["-h", "-help"].contains(word) else { throw CommandError("unknown option \(word); see -h") }
            throw CleanExit.helpRequest(self)
        }
        guard let subject = words.first else {
            throw CommandError(job ? "A job ID is required" : "An allocation ID is required")
        }
        let command = Array(words.dropFirst())
        guard !command.isEmpty else { throw CommandError("A command is required") }
        let isOnTerminal = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1
        let isTerminal = terminal || (isOnTerminal && !withoutTerminal)
        guard !isTerminal || !withoutInput else { throw CommandError("-i must be enabled if running with tty") }
        guard !isTerminal || isatty(STDIN_FILENO) == 1 else {
            throw CommandError("-t needs a terminal as standard input; leave it out, or give -t=false")
        }
        let escape = try escapeCharacter()
        var client = try options.client()
        let lookup = Lookup(client: client, shown: Shown(now: LocalEnvironment.now))
        let found =
            job ? try await lookup.newestAllocation(ofJob: subject, group: group) : try await lookup.allocation(subject)
        client.namespace = found.namespace
        let name = try found.onlyTask(task)
        do {
            let code = try await client.runCommand(command, in: found.id, task: name, terminal: isTerminal) { running in
                try await RemoteCommand(
                    command: running, isTerminal: isTerminal, sendsInput: !withoutInput, escape: escape
                ).run()
            }
            throw ExitCode(Int32(truncatingIfNeeded: code))
        } catch let error as CommandFailure {
            throw CommandError("failed to exec into task: \(error)")
        } catch let error as APIError {
            throw CommandError("failed to exec into task: \(error.message)")
        }
    }

    private func escapeCharacter() throws -> UInt8? {
        if escape == "none" { return nil }
        guard escape.utf8.count == 1, let byte = escape.utf8.first else {
            throw CommandError("-e requires 'none' or a single character")
        }
        return byte
    }
}
