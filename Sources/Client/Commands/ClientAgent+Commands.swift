package import Basics
internal import Model
internal import PluginHost
package import RPC
internal import Synchronization

/// Programs that are run inside tasks, for callers of this agent and, over relays, of others.
extension ClientAgent {
    /// Programs inside this node's tasks at a time; 256.
    private static let commandsMax = 256

    package func namespace(ofAllocation id: ID) -> String? { runner(id)?.allocation.namespace }

    package func run(_ command: TaskCommand, over channel: any CommandChannel) async throws {
        let (driver, taskID) = try target(of: command)
        let isFree = commandCount.withLock { count in
            guard count < ClientAgent.commandsMax else { return false }
            count += 1
            return true
        }
        guard isFree else {
            throw CallError(
                .limited, "\(ClientAgent.commandsMax) commands run on this node already; end some of them first")
        }
        defer { commandCount.withLock { $0 -= 1 } }
        let session = CommandSession(
            driver: driver, taskID: taskID, command: command, channel: channel, seam: world.seam)
        do {
            try await session.run()
        } catch {
            throw CallError(command: error)
        }
    }

    /// Where the program is to run, if it may.
    private func target(of command: TaskCommand) throws -> (any Driver, taskID: String) {
        guard !command.arguments.isEmpty, command.arguments.count <= TaskCommand.argumentsMax else {
            throw CallError(.invalid, "a command has 1 to \(TaskCommand.argumentsMax) words")
        }
        guard command.arguments.allSatisfy({ !$0.utf8.contains(0) }) else {
            throw CallError(.invalid, "a word of the command holds a NUL byte")
        }
        let runner = try known(command.allocation)
        guard let task = runner.task(command.task) else {
            throw CallError(
                .notFound,
                "task \"\(command.task)\" not found in allocation \(runner.id); its tasks are "
                    + runner.taskNames.joined(separator: ", "))
        }
        guard let taskID = task.runningTaskID else {
            throw CallError(.invalid, "task \"\(command.task)\" is not running")
        }
        guard let driver = world.drivers.driver(named: task.driverName) else {
            throw CallError(.unavailable, "driver \"\(task.driverName)\" of the task is not loaded at the moment")
        }
        guard driver.capabilities.exec else {
            throw CallError(.unsupported, "driver \"\(driver.name)\" cannot run commands inside a task")
        }
        guard command.mayReachNode || driver.capabilities.fsIsolation != "none" else {
            throw CallError(
                .permission,
                "Permission denied: tasks of driver \"\(driver.name)\" are not kept from the node's files, so this needs the "
                    + "capability alloc-node-exec")
        }
        return (driver, taskID)
    }

    /// Runs what callers elsewhere ask for, each as a child of this task.
    func serveRelays() async {
        await withDiscardingTaskGroup { group in
            for await ticket in newTickets { group.addTask { await self.serve(ticket) } }
        }
    }

    private func serve(_ ticket: RelayTicket) async {
        let connection = RelayConnection(ticket.end, servers: world.servers, context: context)
        do {
            try await connection.alive(world.seam.time) {
                if let request = ticket.request { return try await answer(request, over: connection) }
                try await run(ticket.command, over: RelayedCaller(connection))
            }
            await connection.close()
        } catch {
            await connection.close(CallError(anything: error))
        }
    }
}

extension CallError {
    /// What went wrong, for a caller elsewhere.
    init(anything error: any Error) { self = error as? CallError ?? CallError(.failed, "\(error)") }

    /// What went wrong with a command, be it in its driver.
    init(command error: any Error) {
        guard let error = error as? PluginError else {
            self.init(anything: error)
            return
        }
        switch error.code {
        case .invalid, .state: self.init(.invalid, error.message)
        case .notFound: self.init(.notFound, error.message)
        case .unsupported: self.init(.unsupported, error.message)
        case .denied: self.init(.permission, error.message)
        default: self.init(.failed, error.message)
        }
    }
}
