internal import APIClient
package import ArgumentParser
internal import Basics
internal import Model

package struct AllocFSCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "fs", abstract: "List an allocation's folders and show its files.")

    @OptionGroup var options: ClientOptions
    @OptionGroup var end: TailOptions

    @Flag(name: .customShort("H"), help: "Sizes in bytes.")
    var machineSizes = false

    @Flag(name: .go("stat"), help: "The file's entry instead of its contents.")
    var stat = false

    @Argument(help: ArgumentHelp("The allocation's ID, or the beginning of one.", valueName: "allocation"))
    var allocation: String

    @Argument(help: ArgumentHelp("A path in the allocation's folder.", valueName: "path"))
    var path = "/"

    package init() {}

    package func run() async throws {
        let client = try options.client()
        let shown = Shown(now: LocalEnvironment.now)
        let id = try await Lookup(client: client, shown: shown).allocationID(allocation)
        let file = try await client.file(allocation: id, path: path)
        let output = FileOutput(isExact: machineSizes)
        if stat { return Console.write(output.list([file])) }
        guard !file.isDir else {
            return Console.write(output.list(try await client.files(allocation: id, path: path)))
        }
        let query = [("path", path)] + end.query
        try await FileEnd(client: client, path: "/v1/client/fs/stream/\(id)", query: query, options: end).show()
    }
}

/// Entries of a folder.
struct FileOutput {
    /// Sizes in bytes.
    var isExact: Bool

    func list(_ files: [AllocationFile]) -> String {
        let rows = files.map { file in
            [
                file.fileMode, isExact ? String(file.size) : Shown.bytes(file.size), Shown.moment(file.modTime.time),
                file.isDir && !file.name.hasSuffix("/") ? file.name + "/" : file.name,
            ]
        }
        return Table.list(["Mode", "Size", "Modified Time", "Name"], rows)
    }
}
