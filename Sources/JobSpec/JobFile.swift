import Basics
package import HCL
package import Model

/// A job file taken apart: the job in the API's form, with the parser's own normalisations but without defaults, for
/// which see `Job.canonicalized()`.
package struct JobFile: Sendable {
    package let job: Job
    /// Faults that do not stop the job, such as a variable nobody declared in non-strict mode.
    package let warnings: [Diagnostic]
    /// Final values of all input variables.
    package let variables: [String: Value]
    /// Where the tasks' `config` blocks are.
    package let places: ConfigPlaces

    /// Parses a job file written in HCL2.
    ///
    /// - Parameters:
    ///   - source: the text, UTF-8, at most `limits.sourceBytesMax` bytes.
    ///   - file: the name used in messages.
    ///   - inputs: variable files, flags and environment.
    ///   - functions: what expressions may call; the command line merges in functions that read local files.
    ///   - limits: bounds of size, nesting and evaluation.
    /// - Returns: the job and the faults that do not stop it.
    /// - Throws: every fault found, each with file, line and column.
    package static func parse(
        _ source: [UInt8], file: String = "job.nomad.hcl", inputs: JobInputs = JobInputs(),
        functions: FunctionTable = .standard, limits: Limits = Limits()
    ) throws(Diagnostics) -> JobFile {
        let body: Body
        do throws(Diagnostic) {
            body = try Parser.parse(SourceFile(name: file, bytes: source), limits: limits)
        } catch {
            throw Diagnostics([error])
        }
        // A name that nobody defined belongs to the node the task will run on; it stays as the text it was written as.
        let evaluator = Evaluator(functions: functions, limits: limits) { _, text in .string("${\(text)}") }
        let context = ReadingContext(evaluator: evaluator, dialect: .native)
        return try JobFileReader(body: body, inputs: inputs, context: context, limits: limits).read()
    }

    /// Parses a job file given as a string.
    package static func parse(
        _ source: String, file: String = "job.nomad.hcl", inputs: JobInputs = JobInputs(),
        functions: FunctionTable = .standard, limits: Limits = Limits()
    ) throws(Diagnostics) -> JobFile {
        try parse(Array(source.utf8), file: file, inputs: inputs, functions: functions, limits: limits)
    }
}

/// One pass over a job file: variables, then locals, then the job.
struct JobFileReader {
    let body: Body
    let inputs: JobInputs
    let context: ReadingContext
    let limits: Limits

    func read() throws(Diagnostics) -> JobFile {
        let reader = BodyReader(body, title: "a job file", context: context)
        // Asked for first, so that a misspelt top-level block is told what there is.
        let jobs = reader.blocks("job", labels: ["name"])
        let variables = VariableSet(reader: reader, context: context, limits: limits)
        let values = variables.values(inputs)
        try context.throwErrors()
        context.evaluator.variables["var"] = .object(values)
        LocalValues(reader: reader, context: context).evaluate()
        reader.finish()
        guard jobs.count == 1 else {
            let place = jobs.count > 1 ? jobs[1].range : body.range.startPoint
            context.report(
                jobs.isEmpty ? "Missing job block" : "Duplicate job block",
                "A job file holds exactly one block job \"name\" { … }, but this has \(jobs.count).", at: place)
            throw context.diagnostics
        }
        try context.throwErrors()
        let object = BlockSchema.job.read(jobs[0])
        try context.throwErrors()
        do throws(DocumentError) {
            let job = try Job(json: .object(object))
            return JobFile(
                job: job, warnings: context.diagnostics.items, variables: values, places: ConfigPlaces(body: body))
        } catch {
            throw Diagnostics([Diagnostic("Invalid job", error.description, at: jobs[0].range)])
        }
    }
}
