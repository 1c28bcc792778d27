internal import DroverSDK
internal import Glibc

/// Ending and removing containers.
extension DockerDriver {
    /// Names that a signal may have (signal(7)).
    static let signals = Set(
        [
            "SIGABRT", "SIGALRM", "SIGBUS", "SIGCHLD", "SIGCONT", "SIGFPE", "SIGHUP", "SIGILL", "SIGINT", "SIGIO",
            "SIGKILL", "SIGPIPE", "SIGPROF", "SIGPWR", "SIGQUIT", "SIGSEGV", "SIGSTKFLT", "SIGSTOP", "SIGSYS",
            "SIGTERM",
            "SIGTRAP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGUSR1", "SIGUSR2", "SIGVTALRM", "SIGWINCH",
            "SIGXCPU", "SIGXFSZ", "SIGRTMIN", "SIGRTMAX",
        ] + (1...15).map { "SIGRTMIN+\($0)" } + (1...14).map { "SIGRTMAX-\($0)" })

    /// - Throws: ``PluginError``: `invalid` for a name that is none.
    static func require(_ signal: String) throws {
        guard signals.contains(signal) else {
            throw PluginError(.invalid, "\"\(signal)\" is no signal such as SIGTERM")
        }
    }

    /// Sends a signal to the main process.
    ///
    /// - Throws: ``PluginError``: `state` when the container does not run, `notFound`.
    func kill(_ container: String, _ signal: String) async throws {
        try await client.demand(
            EngineRequest("POST", "/containers/\(container)/kill", ["signal": signal]),
            "cannot send \(signal) to container \(container)")
    }

    /// Sends `signal`, or where it is empty what the image wants, and kills after the timeout; returns when the task has ended. The
    /// engine may be away for a while.
    func end(_ entry: TaskTable.Entry, _ signal: String, _ timeoutNanoseconds: Int64) async {
        do {
            try await kill(entry.container, signal.isEmpty ? entry.stopSignal : signal)
        } catch {
            watch.look(at: entry.id)
        }
        var patience = timeoutNanoseconds
        while !Task.isCancelled {
            if await hasEnded(entry.id, within: patience) { return }
            do {
                try await kill(entry.container, "SIGKILL")
                patience = 10_000_000_000
            } catch {
                watch.look(at: entry.id)
                patience = 500_000_000
            }
        }
    }

    private func hasEnded(_ id: String, within nanoseconds: Int64) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { [self] in (try? await table.end(of: id)) != nil }
            group.addTask { [self] in
                try? await client.clock.pause(nanoseconds: nanoseconds)
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
    }

    /// Removes what an earlier instance may have left of a task that the host never had found again.
    ///
    /// - Throws: ``PluginError/Code/state`` when its container runs and `force` is false.
    func remove(unknown id: String, force: Bool) async throws {
        for container in try await containers(labelled: id, also: settings.collection.removesContainers) {
            let what = "cannot remove container \(container)"
            let answer = try await client.ask(
                EngineRequest("DELETE", "/containers/\(container)", ["force": force ? "1" : "0", "v": "1"]))
            guard answer.isSuccess || answer.status == 404 else {
                throw EngineClient.failure(answer.status, answer.message, what)
            }
        }
    }

    /// Removes an ended task's container, and a running one with it.
    func remove(_ entry: TaskTable.Entry) async throws {
        if entry.exit == nil {
            try? await kill(entry.container, "SIGKILL")
            // Its end is told to those who wait; what does not end is removed all the same.
            _ = await hasEnded(entry.id, within: 10_000_000_000)
        }
        if settings.collection.removesContainers || entry.exit == nil {
            let answer = try await client.ask(
                EngineRequest("DELETE", "/containers/\(entry.container)", ["force": "1", "v": "1"]))
            // 409: the removal is under way already.
            guard answer.isSuccess || answer.status == 404 || answer.status == 409 else {
                throw EngineClient.failure(answer.status, answer.message, "cannot remove container \(entry.container)")
            }
        }
        entry.collection?.work.cancel()
        await entry.collection?.work.value
        table.remove(entry.id)
        images.release(entry.image, by: entry.id)
        if let own = try? host.folders.own() { unlink(DockerDriver.positionFile(own, entry.container)) }
    }
}
