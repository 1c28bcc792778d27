package import Basics
internal import Linux
internal import Model
internal import PluginHost
package import RPC

/// What the HTTP API asks of the client in its process.
extension ClientAgent: ClientEndpoint {
    package func files(allocation: ID, path: String) async throws -> [FileInfo] {
        let access = try fileAccess(allocation)
        return try await world.seam.blocking.run { try access.list(path).map { FileInfo($0) } }
    }

    package func file(allocation: ID, path: String) async throws -> FileInfo {
        let access = try fileAccess(allocation)
        return FileInfo(try await world.seam.blocking.run { try access.entry(path) })
    }

    package func stream(
        allocation: ID, path: String, from: FilePosition, follow: Bool
    ) async throws -> any FileStream {
        let access = try fileAccess(allocation)
        let seam = world.seam
        return try await seam.blocking.run {
            try FollowedFile(access, path: path, from: from, follow: follow, seam: seam)
        }
    }

    package func logs(allocation: ID, request: LogRequest) async throws -> any FileStream {
        let runner = try known(allocation)
        guard let task = runner.task(request.task) else {
            throw CallError(.notFound, "task \"\(request.task)\" not found in allocation \(allocation)")
        }
        if task.state.state == .pending, task.state.startedAt.time == .never {
            throw CallError(.notFound, "task \"\(request.task)\" not started yet. No logs available")
        }
        return TaskLog(FileAccess(runner.folders.root), request, seam: world.seam) { task.state.state != .dead }
    }

    package func restart(allocation: ID, task: String?, allTasks: Bool) async throws {
        let runner = try known(allocation)
        let reason = "User requested task to restart"
        if let task, !task.isEmpty {
            guard let found = runner.task(task) else { throw CallError(.notFound, "task \"\(task)\" not found") }
            guard found.runningTaskID != nil else { throw CallError(.invalid, "Task not running") }
            found.control.restart(reason)
            return
        }
        let running = runner.taskNames.compactMap { runner.task($0) }.filter { $0.runningTaskID != nil }
        guard !running.isEmpty else { throw CallError(.invalid, "Task not running") }
        for found in running { found.control.restart(reason) }
    }

    package func signal(allocation: ID, task: String?, signal: String) async throws {
        let runner = try known(allocation)
        var names = runner.taskNames.filter { runner.task($0)?.runningTaskID != nil }
        if let task, !task.isEmpty {
            guard runner.task(task) != nil else { throw CallError(.notFound, "task \"\(task)\" not found") }
            names = [task]
        }
        do {
            for name in names { try await runner.task(name)?.signal(signal, reason: "User requested signal") }
        } catch let error as PluginError {
            throw CallError(error.code == .invalid ? .invalid : .failed, error.message)
        }
    }

    package func collectGarbage(allocation: ID?) async throws {
        guard let allocation else {
            for runner in runners where runner.hasEnded { await destroy(runner) }
            return
        }
        let runner = try known(allocation)
        guard runner.hasEnded else {
            throw CallError(.invalid, "allocation \(allocation) still runs; stop it before collecting it")
        }
        await destroy(runner)
    }

    func known(_ id: ID) throws -> AllocationRunner {
        guard let runner = runner(id) else { throw CallError(.notFound, "Unknown allocation \"\(id)\"") }
        return runner
    }

    private func fileAccess(_ id: ID) throws -> FileAccess { FileAccess(try known(id).folders.root) }
}
