internal import APIClient
package import ArgumentParser
internal import Basics
internal import Model

package struct JobCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "job", abstract: "Run and watch jobs.",
        subcommands: [
            JobRunCommand.self, JobStatusCommand.self, JobAllocsCommand.self, JobStopCommand.self, JobPlanCommand.self,
            JobValidateCommand.self, JobInitCommand.self, JobInspectCommand.self, JobDispatchCommand.self,
        ])

    package init() {}
}

package struct JobStatusCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "status", abstract: "List jobs, or show one.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("short"), help: "Leave out allocations and evaluations.")
    var short = false

    @Flag(name: .go("evals"), help: "Show the job's evaluations.")
    var evals = false

    @Flag(name: .go("all-allocs"), help: "Show allocations of an earlier job of the same ID too.")
    var allAllocs = false

    @Flag(name: .go("verbose"), help: "Whole IDs and moments.")
    var verbose = false

    @Flag(name: .go("json"), help: "The API's JSON.")
    var json = false

    @Argument(help: ArgumentHelp("A job's ID, or the beginning of one.", valueName: "job"))
    var job: String?

    package init() {}

    package func run() async throws {
        let client = try options.client()
        let shown = Shown(now: LocalEnvironment.now, verbose: verbose, paint: options.paint)
        guard let job else {
            if json { return Console.write(try await client.get("/v1/jobs").json().prettyText) }
            let jobs = try await client.jobs()
            return Console.write(JobOutput(shown: shown).list(jobs, allNamespaces: client.namespace == "*"))
        }
        let (id, own) = try await Lookup(client: client, shown: shown).job(job)
        if json { return Console.write(try await own.get(DroverClient.jobPath(id)).json().prettyText) }
        Console.write(try await show(id, own, JobOutput(shown: shown)))
    }

    private func show(_ id: String, _ client: DroverClient, _ output: JobOutput) async throws -> String {
        let job = try await client.job(id)
        var parts = [output.facts(job)]
        if let wanted = job.parameterizedJob, job.isParameterized {
            parts.append(output.parameters(wanted))
            if let children = try await client.jobSummary(id).children { parts.append(output.children(children)) }
            if !short {
                let instances = try await client.jobs(prefix: id + Job.dispatchMark)
                parts.append(output.instances(instances, of: id))
            }
        } else if !short {
            parts.append(output.summary(try await client.jobSummary(id)))
            let evaluations = try await client.jobEvaluations(id)
            if evals || verbose { parts.append(output.evaluations(evaluations)) }
            if let failures = output.placementFailures(evaluations) { parts.append(failures) }
            parts.append(output.allocations(try await client.jobAllocations(id, all: allAllocs)))
        }
        return parts.joined(separator: "\n\n")
    }
}

package struct JobAllocsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "allocs", abstract: "List a job's allocations.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("all"), help: "Allocations of an earlier job of the same ID too.")
    var all = false

    @Flag(name: .go("verbose"), help: "Whole IDs and moments.")
    var verbose = false

    @Flag(name: .go("json"), help: "The API's JSON.")
    var json = false

    @Argument(help: ArgumentHelp("The job's ID, or the beginning of one.", valueName: "job"))
    var job: String

    package init() {}

    package func run() async throws {
        let shown = Shown(now: LocalEnvironment.now, verbose: verbose, paint: options.paint)
        let (id, client) = try await Lookup(client: try options.client(), shown: shown).job(job)
        if json {
            let query = all ? [("all", "true")] : []
            let answer = try await client.get(DroverClient.jobPath(id, "allocations"), query: query)
            return Console.write(try answer.json().prettyText)
        }
        let found = try await client.jobAllocations(id, all: all)
        Console.write(found.isEmpty ? "No allocations placed" : JobOutput(shown: shown).table(found))
    }
}

package struct JobStopCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stop a job's allocations.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("detach"), help: "Return at once instead of following the evaluation.")
    var detach = false

    @Flag(name: .go("purge"), help: "Forget the job as well.")
    var purge = false

    @Flag(name: .go("no-shutdown-delay"), help: "Skip the groups' and tasks' shutdown delays.")
    var noShutdownDelay = false

    @Flag(name: .go("yes"), help: "Do not ask when the ID is only the beginning of one.")
    var yes = false

    @Option(
        name: .go("eval-priority"),
        help: ArgumentHelp("Priority of the evaluation, 1 to 100; 0 is the job's.", valueName: "number"))
    var evalPriority = 0

    @Flag(name: .go("verbose"), help: "Whole IDs.")
    var verbose = false

    @Argument(help: ArgumentHelp("The job's ID, or the beginning of one.", valueName: "job"))
    var job: String

    package init() {}

    package func run() async throws {
        let shown = Shown(now: LocalEnvironment.now, verbose: verbose, paint: options.paint)
        let (id, client) = try await Lookup(client: try options.client(), shown: shown).job(job)
        if id != job, !yes {
            Console.raw(Array("Are you sure you want to stop job \"\(id)\"? [y/N] ".utf8))
            guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
                throw CommandError("Cancelling job stop")
            }
        }
        let response = try await client.deregister(
            id, purge: purge, noShutdownDelay: noShutdownDelay, evalPriority: evalPriority)
        // A stopped periodic job, or one that is purged with nothing left, needs no evaluation.
        guard !response.evalID.isNone else { return }
        if detach { return Console.write(response.evalID.description) }
        let code = try await Monitor(client: client, shown: shown).follow(response.evalID)
        if code != 0 { throw ExitCode(code) }
    }
}

package struct JobInspectCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show a job's specification as JSON.")

    @OptionGroup var options: ClientOptions

    @Option(
        name: .go("version"), help: ArgumentHelp("This version of the job instead of the newest.", valueName: "number"))
    var version: UInt64?

    @Flag(name: .go("json"), help: "The job alone, without the object around it.")
    var json = false

    @Argument(help: ArgumentHelp("The job's ID, or the beginning of one.", valueName: "job"))
    var job: String

    package init() {}

    package func run() async throws {
        let lookup = Lookup(client: try options.client(), shown: Shown(now: LocalEnvironment.now))
        let (id, client) = try await lookup.job(job)
        var found = try await client.get(DroverClient.jobPath(id)).json()
        if let version {
            let versions = try await client.get(DroverClient.jobPath(id, "versions")).json()["Versions"]?.array ?? []
            guard let match = versions.first(where: { $0["Version"]?.integer == Int64(clamping: version) }) else {
                throw CommandError("job \"\(id)\" has no version \(version) any more; see \"drover job status \(id)\"")
            }
            found = match
        }
        Console.write((json ? found : .object([("Job", found)])).prettyText)
    }
}
