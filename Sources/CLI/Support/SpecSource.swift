internal import ArgumentParser
internal import Basics
internal import HCL
internal import Model

/// The file of a quota, namespace or the like that a command is given.
struct SpecSource: ParsableArguments {
    @Flag(name: .go("json"), help: "The file is JSON, as the API takes it.")
    var json = false

    @Argument(help: ArgumentHelp("The file; - is standard input.", valueName: "path"))
    var path: String

    /// Reads the file as JSON, or with `parse` as HCL; throws what is wrong with it, with line and column.
    func read<Kind: Document>(_ parse: ([UInt8], String) throws(Diagnostics) -> Kind) throws -> Kind {
        try SpecSource.read(path, json: json, parse)
    }

    static func read<Kind: Document>(
        _ path: String, json: Bool, _ parse: ([UInt8], String) throws(Diagnostics) -> Kind
    ) throws -> Kind {
        let text = try LocalFile.read(path)
        guard json else {
            do throws(Diagnostics) {
                return try parse(text, path == "-" ? "<stdin>" : path)
            } catch {
                let faults = error.items.map { $0.snippet() }.joined(separator: "\n")
                throw CommandError("Error parsing \(path)\n\n\(faults)")
            }
        }
        do {
            return try Kind(json: try JSONParser.parse(text))
        } catch {
            throw CommandError("Error parsing \(path): \(error)")
        }
    }
}
