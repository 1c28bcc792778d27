internal import APIClient
package import ArgumentParser
internal import Basics
internal import Model

package struct AllocCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "alloc", abstract: "Look at allocations, and act on them.",
        subcommands: [
            AllocStatusCommand.self, AllocLogsCommand.self, AllocFSCommand.self, AllocExecCommand.self,
            AllocStopCommand.self, AllocRestartCommand.self, AllocSignalCommand.self,
        ])

    package init() {}
}

package struct AllocStatusCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "status", abstract: "List allocations, or show one.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("short"), help: "Leave out resources and events of the tasks.")
    var short = false

    @Flag(name: .go("stats"), help: "All that is known of what the tasks use now.")
    var stats = false

    @Flag(name: .go("verbose"), help: "Whole IDs and moments, and how the node was chosen.")
    var verbose = false

    @Flag(name: .go("json"), help: "The API's JSON.")
    var json = false

    @Option(
        name: .go("node"),
        help: ArgumentHelp(
            "Why this node was not chosen for it, and what would have to change.", valueName: "node"))
    var nodes: [String] = []

    @Argument(help: ArgumentHelp("An allocation's ID, or the beginning of one.", valueName: "allocation"))
    var allocation: String?

    package init() {}

    package func run() async throws {
        let client = try options.client()
        let shown = Shown(now: LocalEnvironment.now, verbose: verbose, paint: options.paint)
        guard let allocation else {
            guard nodes.isEmpty else { throw CommandError("-node needs an allocation") }
            if json { return Console.write(try await client.get("/v1/allocations").json().prettyText) }
            let all = try await client.allocations()
            return Console.write(all.isEmpty ? "No allocations" : JobOutput(shown: shown).table(all))
        }
        let id = try await Lookup(client: client, shown: shown).allocationID(allocation)
        if json { return Console.write(try await client.get("/v1/allocation/\(id)").json().prettyText) }
        let found = try await client.allocation(id)
        let output = AllocationOutput(shown: shown)
        var parts = [output.facts(found), output.addresses(found), output.network(found)].compactMap { $0 }
        if !short { parts += await details(found, client, shown) }
        if !nodes.isEmpty {
            let placement = try await client.placement(of: found.evalID, nodes: nodes)
            parts.append(PlacementOutput(shown: shown).text(placement, group: found.taskGroup))
        }
        Console.write(parts.joined(separator: "\n\n"))
    }

    private func details(_ allocation: Allocation, _ client: DroverClient, _ shown: Shown) async -> [String] {
        // Usage is known only while the tasks run, and only by the node's own client: shown when it can be had.
        var usage = JSON.null
        if allocation.clientStatus == .running {
            usage = (try? await client.get("/v1/client/allocation/\(allocation.id)/stats").json()) ?? .null
        }
        var parts = AllocationOutput(shown: shown).tasks(allocation, usage: usage, whole: stats)
        if verbose, let metrics = allocation.metrics {
            let scores = MetricOutput(shown: shown).whole(metrics)
            parts.append(shown.paint.bold("Placement Metrics") + "\n" + scores)
        }
        return parts
    }
}

package struct AllocStopCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stop an allocation; its job replaces it.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("detach"), help: "Return at once instead of following the evaluation.")
    var detach = false

    @Flag(name: .go("no-shutdown-delay"), help: "Skip the group's and tasks' shutdown delays.")
    var noShutdownDelay = false

    @Flag(name: .go("verbose"), help: "Whole IDs.")
    var verbose = false

    @Argument(help: ArgumentHelp("The allocation's ID, or the beginning of one.", valueName: "allocation"))
    var allocation: String

    package init() {}

    package func run() async throws {
        let client = try options.client()
        let shown = Shown(now: LocalEnvironment.now, verbose: verbose, paint: options.paint)
        let id = try await Lookup(client: client, shown: shown).allocationID(allocation)
        let response = try await client.stopAllocation(id, noShutdownDelay: noShutdownDelay)
        guard !response.evalID.isNone else { return }
        if detach { return Console.write(response.evalID.description) }
        let code = try await Monitor(client: client, shown: shown).follow(response.evalID)
        if code != 0 { throw ExitCode(code) }
    }
}

package struct AllocRestartCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Restart an allocation's running tasks in place.")

    @OptionGroup var options: ClientOptions

    @Flag(name: .go("all-tasks"), help: "Tasks that have ended too.")
    var allTasks = false

    @Option(name: .go("task"), help: "Only this task.")
    var task: String?

    @Argument(help: ArgumentHelp("The allocation's ID, or the beginning of one.", valueName: "allocation"))
    var allocation: String

    @Argument(help: ArgumentHelp("Only this task.", valueName: "task"))
    var taskName: String?

    package init() {}

    package func run() async throws {
        guard !(allTasks && (task ?? taskName) != nil) else {
            throw CommandError("The -all-tasks option is not allowed with a task name")
        }
        let client = try options.client()
        let found = try await Lookup(client: client, shown: Shown(now: LocalEnvironment.now)).allocation(allocation)
        let name = try found.checkedTask(task ?? taskName)
        try await client.restartAllocation(found.id, task: name, allTasks: allTasks)
    }
}

package struct AllocSignalCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "signal", abstract: "Send a signal to an allocation's tasks.")

    @OptionGroup var options: ClientOptions

    @Option(name: .customShort("s"), help: ArgumentHelp("The signal.", valueName: "signal"))
    var signal = "SIGKILL"

    @Option(name: .go("task"), help: "Only this task.")
    var task: String?

    @Argument(help: ArgumentHelp("The allocation's ID, or the beginning of one.", valueName: "allocation"))
    var allocation: String

    @Argument(help: ArgumentHelp("Only this task.", valueName: "task"))
    var taskName: String?

    package init() {}

    package func run() async throws {
        let client = try options.client()
        let found = try await Lookup(client: client, shown: Shown(now: LocalEnvironment.now)).allocation(allocation)
        let name = try found.checkedTask(task ?? taskName)
        try await client.signalAllocation(found.id, task: name, signal: signal)
    }
}

extension Allocation {
    var taskNames: [String] { Set(taskStates.keys).union(allocatedResources.tasks.keys).sorted() }

    /// The name itself, once it is known to be one of the tasks'.
    func checkedTask(_ name: String?) throws(CommandError) -> String? {
        guard let name, !taskNames.isEmpty, !taskNames.contains(name) else { return name }
        throw CommandError(
            "no task named \"\(name)\" in this allocation; its tasks are \(taskNames.joined(separator: ", "))")
    }

    /// The task of that name, or the only one.
    func onlyTask(_ name: String?) throws(CommandError) -> String {
        if let name = try checkedTask(name) { return name }
        guard taskNames.count == 1 else {
            throw CommandError(
                "Allocation \"\(id.short)\" has several tasks; name one of them: \(taskNames.joined(separator: ", "))")
        }
        return taskNames[0]
    }
}
