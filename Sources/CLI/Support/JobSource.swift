internal import ArgumentParser
internal import Basics
internal import HCL
internal import JobSpec
internal import Model

/// The job file a command is given, and what fills its variables.
struct JobSource: ParsableArguments {
    @Flag(
        name: .go("json"),
        help: "The file is JSON: a job, or an object with it under \"Job\". Unknown keys are refused.")
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

    /// The file's name in messages.
    private var name: String { path == "-" ? "<stdin>" : path }

    /// Reads and parses the file; throws what is wrong with it, with line and column.
    func read() throws -> ReadJob {
        let text = try LocalFile.read(path)
        if json { return ReadJob(job: try fromJSON(text)) }
        // Nomad reads HCL's own JSON form here, which nobody has specified; what people have is the API's.
        if text.first(where: { !" \t\r\n".utf8.contains($0) }) == UInt8(ascii: "{") {
            throw CommandError(
                "Error getting job struct: \(name) is JSON, but without -json a job file is HCL: repeat the command with -json \(path)"
            )
        }
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
            let file = try JobFile.parse(text, file: name, inputs: inputs, functions: functions)
            for warning in file.warnings { Console.fail(warning.snippet()) }
            return ReadJob(job: file.job, places: file.places)
        } catch {
            throw CommandError("Error getting job struct: the job file has errors\n\n" + JobSource.text(of: error))
        }
    }

    /// A job in the API's form, alone or under "Job". Other than the API it refuses unknown keys, as for HCL.
    private func fromJSON(_ text: [UInt8]) throws -> Job {
        let value: JSON
        let job: Job
        do {
            value = try JSONParser.parse(text)
            job = try Job(json: value.object?.member(foldingCase: "Job") ?? value)
        } catch {
            throw CommandError("Error getting job struct: \(path): \(error)")
        }
        let unknown = JobRequestKeys.unknown(in: value)
        guard unknown.count == 0 else {
            throw CommandError("Error getting job struct: " + JobSource.list(unknown, text, file: name))
        }
        return job
    }

    /// A line for each unknown key: file, line and column, and the path.
    private static func list(_ unknown: UnknownKeys, _ text: [UInt8], file: String) -> String {
        let body = try? Parser.parseJSON(SourceFile(name: file, bytes: text))
        let lines = unknown.paths.map { path in
            let steps = path.steps.map { step -> Body.JSONStep in
                switch step {
                case .key(let key): .key(key)
                case .index(let index): .index(index)
                }
            }
            let place = body?.jsonPlace(of: steps).map(\.description) ?? file
            return "\n  \(place): unknown key \(path)"
        }
        let more = unknown.count - unknown.paths.count
        let rest = more > 0 ? "\n  and \(more) more" : ""
        return "keys that no job has; remove them, or mend their names:" + lines.joined() + rest
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
