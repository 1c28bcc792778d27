internal import APIClient
package import ArgumentParser
internal import Basics
internal import Model

package struct JobRunCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run a job, or change a running one.",
        discussion: """
            Follows the job's evaluation until it is complete, unless told to -detach. \
            Exits with 2 when something could not be placed; it is placed later, once there is room. \
            With -immediate it exits with 2 as well when it was not placed within a few seconds.
            """)

    @OptionGroup var options: ClientOptions
    @OptionGroup var source: JobSource

    @Flag(name: .go("detach"), help: "Return at once instead of following the evaluation.")
    var detach = false

    @Flag(
        name: .go("immediate"),
        help: "Place it ahead of all that waits, and print where it was placed instead of following the evaluation.")
    var immediate = false

    @Flag(name: .go("output"), help: "Print the job as the API takes it, and do not run it.")
    var output = false

    @Flag(name: .go("preserve-counts"), help: "Keep the groups' present counts.")
    var preserveCounts = false

    @Option(
        name: .go("check-index"),
        help: ArgumentHelp("Run only if the job's modify index is this; 0 if there must be none.", valueName: "index"))
    var checkIndex: UInt64?

    @Option(
        name: .go("eval-priority"),
        help: ArgumentHelp("Priority of the evaluation, 1 to 100; 0 is the job's.", valueName: "number"))
    var evalPriority = 0

    @Flag(name: .go("verbose"), help: "Whole IDs.")
    var verbose = false

    package init() {}

    package func run() async throws {
        let read = try source.read()
        let job = read.job
        if output { return Console.write(JSON.object([("Job", job.json)]).prettyText) }
        let client = try options.client(for: job)
        let shown = Shown(now: LocalEnvironment.now, verbose: verbose, paint: options.paint)
        let response = try await read.asking {
            try await client.register(
                job, checkIndex: checkIndex, preserveCounts: preserveCounts, evalPriority: evalPriority,
                placement: immediate ? .immediate : .queued)
        }
        if !response.warnings.isEmpty { Console.write("Job Warnings:\n\(response.warnings)\n") }
        // Periodic and parameterized jobs run later, so there is no evaluation to follow.
        guard !response.evalID.isNone else { return Console.write("Job registration successful") }
        if let placement = response.placement { return try tell(placement, shown) }
        if detach {
            return Console.write("Job registration successful\nEvaluation ID: \(response.evalID)")
        }
        let code = try await Monitor(client: client, shown: shown).follow(response.evalID)
        if code != 0 { throw ExitCode(code) }
    }

    private func tell(_ placement: PlacementReport, _ shown: Shown) throws {
        Console.write(SchedulerOutput(shown: shown).placement(placement))
        let isPlaced = placement.status == .complete && placement.failed.isEmpty
        if !isPlaced { throw ExitCode(2) }
    }
}

extension ClientOptions {
    /// The client for a write of a job: the job's own namespace and region unless the options name others.
    func client(for job: Job) throws -> DroverClient {
        var client = try client()
        if namespace == nil, !job.namespace.isEmpty { client.namespace = job.namespace }
        if region == nil, !job.region.isEmpty, job.region != "global" { client.region = job.region }
        return client
    }
}

package struct JobValidateCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Check a job file.")

    @OptionGroup var options: ClientOptions
    @OptionGroup var source: JobSource

    package init() {}

    package func run() async throws {
        let read = try source.read()
        let response = try await options.client(for: read.job).validate(read.job)
        guard response.validationErrors.isEmpty, response.error.isEmpty else {
            throw CommandError("Job validation errors:\n\(read.located(response.error))")
        }
        if !response.warnings.isEmpty { Console.write("Job Warnings:\n\(response.warnings)\n") }
        Console.write("Job validation successful")
    }
}

package struct JobInitCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Write an example job file.")

    @Flag(name: .go("short"), help: "Without comments.")
    var short = false

    @Argument(help: ArgumentHelp("The file to write.", valueName: "path"))
    var path = "example.nomad.hcl"

    package init() {}

    package func run() throws {
        try LocalFile.create(path, short ? ExampleJob.short : ExampleJob.text, what: "Job file")
        Console.write("Example job file written to \(path)")
    }
}
