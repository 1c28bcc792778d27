internal import ArgumentParser
internal import Basics
internal import HCL
internal import JobSpec
internal import Model

/// The job file a command is given, and what fills its variables.
struct JobSource: ParsableArguments {
    @Flag(name: .go("json"), help: "The file is JSON: a job, or an object with it under \"Job\".")
    var json = false

    @Option(name: .go("var"), help: ArgumentHelp("Sets an input variable; may be repeated.", valueName: "name=value"))
    var variables: [String] = []

    @Option(name: .go("var-file"), help: ArgumentHelp("A file of variables; may be repeated.", valueName: "path"))
    var variableFiles: [String] = []

    @Flag(
        name: .go("hcl2-strict"), inversion: .prefixedNo,
        help: "Whether variable files may only set variables the job file declares.")
    var isStrict = true

    @Argument(help: ArgumentHelp("The job file; - is standard input.", valueName: "path"))
    var path: String

    /// Reads and parses the file; throws what is wrong with it, with line and column.
    func read() throws -> ReadJob {
        let text = try LocalFile.read(path)
        if json { return ReadJob(job: try fromJSON(text)) }
        var inputs = JobInputs()
        inputs.isStrict = isStrict
        inputs.environment = LocalEnvironment.variables
        for variable in variables {
            let parts = variable.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw CommandError("-var \"\(variable)\" must have the form name=value")
            }
            inputs.flags.append((String(parts[0]), String(parts[1])))
        }
        for file in variableFiles { inputs.files.append(.init(name: file, text: try LocalFile.read(file))) }
        let functions = FunctionTable.standard.merging(LocalFunctions.table) { _, local in local }
        do {
            let name = path == "-" ? "<stdin>" : path
            let file = try JobFile.parse(text, file: name, inputs: inputs, functions: functions)
            for warning in file.warnings { Console.fail(warning.snippet()) }
            return ReadJob(job: file.job, places: file.places)
        } catch {
            throw CommandError("Error getting job struct: the job file has errors\n\n" + JobSource.text(of: error))
        }
    }

    private func fromJSON(_ text: [UInt8]) throws -> Job {
        do {
            let value = try JSONParser.parse(text)
            return try Job(json: value["Job"] ?? value)
        } catch {
            throw CommandError("Error getting job struct: \(path): \(error)")
        }
    }

    private static func text(of diagnostics: Diagnostics) -> String {
        diagnostics.items.map { $0.snippet() }.joined(separator: "\n")
    }
}

/// Functions of job files that read the files beside them; only the command line offers these.
enum LocalFunctions {
    static let table: FunctionTable = [
        "file": Function(1) { (arguments: inout Arguments) throws(FunctionError) in
            let path = try arguments.string(0)
            do throws(CommandError) {
                guard let text = String(validating: try LocalFile.read(path), as: UTF8.self) else {
                    throw CommandError("\(path) is not UTF-8 text; use filebase64")
                }
                return .string(text)
            } catch {
                throw FunctionError(error.message)
            }
        },
        "fileexists": Function(1) { (arguments: inout Arguments) throws(FunctionError) in
            .bool(LocalFile.exists(try arguments.string(0)))
        },
        "basename": Function(1) { (arguments: inout Arguments) throws(FunctionError) in
            .string(String(try arguments.string(0).split(separator: "/").last ?? "."))
        },
        "dirname": Function(1) { (arguments: inout Arguments) throws(FunctionError) in
            let path = try arguments.string(0)
            guard let slash = path.lastIndex(of: "/") else { return .string(".") }
            return .string(slash == path.startIndex ? "/" : String(path[..<slash]))
        },
    ]
}
