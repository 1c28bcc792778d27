internal import APIClient
internal import Archive
package import ArgumentParser
internal import Basics
internal import Filter
internal import StateStore

package struct OperatorSnapshotCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "snapshot", abstract: "Save the cluster's state as an archive, and restore it.",
        discussion: """
            An archive holds jobs, nodes, allocations, evaluations, namespaces, quotas and settings. It does not hold \
            the servers' root keys, with which variables are encrypted: keep <data_dir>/server/keystore of one server \
            beside it.
            """,
        subcommands: [
            SnapshotSaveCommand.self, SnapshotRestoreCommand.self, SnapshotInspectCommand.self,
            SnapshotStateCommand.self, SnapshotRedactCommand.self, SnapshotAgentCommand.self,
        ])

    package init() {}
}

package struct SnapshotSaveCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "save", abstract: "Save the cluster's state to a file.")

    @OptionGroup var options: ClientOptions
    @OptionGroup var content: SnapshotContentOptions

    @Argument(help: ArgumentHelp("A file that is not there yet; named after the time if left out.", valueName: "file"))
    var file: String?

    package init() {}

    package func run() async throws {
        let unnamed = SnapshotFolder(path: ".", prefix: "drover-state").file(at: LocalEnvironment.now)
        let target = file.map { SnapshotFile(path: $0) } ?? unnamed
        _ = try await target.save(from: try options.client(), stale: content.stale, redact: content.redact)
        Console.write("State file written to \(target.path)")
    }
}

/// What is saved.
struct SnapshotContentOptions: ParsableArguments {
    @Flag(name: .go("stale"), help: "Let any server answer with the state it knows, also without a leader.")
    var stale = false

    @Flag(name: .go("redact"), help: "Leave the nodes' secrets out; such an archive cannot be restored.")
    var redact = false
}

package struct SnapshotRestoreCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Let a saved state take the place of the cluster's.",
        discussion: """
            The archive is checked first; one that is damaged, redacted, or of a later release is refused and nothing \
            changes. All servers then go over to the saved state at once, at a new index, and go on from there: what was \
            done since it was saved is undone, and clients end or start tasks accordingly.
            """)

    @OptionGroup var options: ClientOptions

    @Argument(help: ArgumentHelp("The archive.", valueName: "file"))
    var file: String

    package init() {}

    package func run() async throws {
        // Refuse here what the servers would refuse after all of it was sent.
        let metadata = try SnapshotFile(path: file).check()
        let archive = try LocalFile.read(file, bytesMax: SnapshotFile.bytesMax)
        let index = try await options.client().restoreSnapshot(archive)
        Console.write("Snapshot of index \(metadata.index) restored; the cluster is at index \(index)")
    }
}

package struct SnapshotInspectCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Check an archive and show what it is of.")

    @Flag(name: .go("json"), help: "As JSON.")
    var json = false

    @Argument(help: ArgumentHelp("The archive.", valueName: "file"))
    var file: String

    package init() {}

    package func run() throws {
        let (metadata, snapshot) = try SnapshotFile(path: file).state()
        if json { return Console.write(metadata.json.prettyText) }
        Console.write(SnapshotOutput().archive(metadata, snapshot))
    }
}

package struct SnapshotStateCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "state", abstract: "Show the state in an archive as JSON.")

    @Option(
        name: .go("filter"),
        help: ArgumentHelp("Show the objects that this accepts, such as ID == \"web\".", valueName: "expression"))
    var filter: String?

    @Argument(help: ArgumentHelp("The archive.", valueName: "file"))
    var file: String

    package init() {}

    package func run() throws {
        let expression: FilterExpression?
        do {
            expression = try filter.map { try FilterExpression($0) }
        } catch {
            throw CommandError("-filter: \(error)")
        }
        let (_, snapshot) = try SnapshotFile(path: file).state()
        // Objects without the fields that it names are not meant.
        let state = try SnapshotOutput().state(snapshot) { object in
            expression.map { (try? $0.matches(object)) ?? false } ?? true
        }
        Console.write(state.prettyText)
    }
}

package struct SnapshotRedactCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "redact", abstract: "Take the nodes' secrets out of an archive, in place.",
        discussion: "For archives that are given away to be looked at. A redacted archive cannot be restored.")

    @Argument(help: ArgumentHelp("The archive.", valueName: "file"))
    var file: String

    package init() {}

    package func run() async throws {
        try await SnapshotFile(path: file).redact()
        Console.write("Redacted \(file)")
    }
}

package struct SnapshotAgentCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "agent", abstract: "Save the cluster's state again and again, and keep the newest archives.",
        discussion: """
            Runs until it is stopped, best as a service on a machine that is no server: \
            drover operator snapshot agent -interval 1h -retain 48 -path /var/backups/drover
            """)

    @OptionGroup var options: ClientOptions
    @OptionGroup var content: SnapshotContentOptions

    @Option(name: .go("interval"), help: ArgumentHelp("Between two archives; 0 saves one and ends.", valueName: "time"))
    var interval = "1h"

    @Option(name: .go("retain"), help: ArgumentHelp("Archives that are kept.", valueName: "count"))
    var retain = 30

    @Option(name: .go("path"), help: ArgumentHelp("The folder for them, which must be there.", valueName: "folder"))
    var path = "."

    @Option(name: .go("prefix"), help: ArgumentHelp("What their names begin with.", valueName: "name"))
    var prefix = "drover"

    @Option(name: .go("max-failures"), help: ArgumentHelp("Ends after so many failures in a row.", valueName: "count"))
    var failuresMax = 3

    package init() {}

    package func run() async throws {
        guard let interval = Duration(goText: interval), interval >= .zero else {
            throw CommandError("-interval \"\(interval)\" is not a duration such as 30m or 1h30m")
        }
        guard retain > 0, failuresMax > 0 else { throw CommandError("-retain and -max-failures must be 1 or more") }
        let (client, folder) = (try options.client(), SnapshotFolder(path: path, prefix: prefix))
        var failures = 0
        while true {
            do {
                try await saveOne(from: client, to: folder)
                failures = 0
            } catch {
                failures += 1
                Console.fail("\(Shown.moment(LocalEnvironment.now)) no archive was saved: \(error)")
                if interval == .zero || failures == failuresMax { throw ExitCode(1) }
            }
            if interval == .zero { return }
            try await Task.sleep(for: interval)
        }
    }

    private func saveOne(from client: DroverClient, to folder: SnapshotFolder) async throws {
        let now = LocalEnvironment.now
        let file = folder.file(at: now)
        let saved = try await file.save(from: client, stale: content.stale, redact: content.redact)
        Console.write("\(Shown.moment(now)) saved index \(saved.index) to \(file.path)")
        for removed in try folder.prune(keeping: retain) { Console.write("\(Shown.moment(now)) removed \(removed)") }
    }
}
