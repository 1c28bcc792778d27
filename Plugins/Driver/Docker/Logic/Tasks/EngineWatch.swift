internal import DroverSDK
internal import Synchronization

/// Follows the engine's events over one connection: which containers end, and whether the engine is there.
///
///     unseen ──fingerprint, start, recover──► connecting ──► up
///                                                ▲           │ the connection ends
///                                                └──── down ◄┘ waits a little, tries again
final class EngineWatch: Sendable {
    private struct State {
        var hasBegun = false
        var isUp = false
        var wasSeen = false
        var runtimes: Set<String> = []
        /// Ends that are known but not told yet: the output is still being copied.
        var ends: [String: TaskExit] = [:]
    }

    private let client: EngineClient
    private let host: Host
    private let table: TaskTable
    private let operations: Operations
    private let state = Mutex(State())

    /// How long the engine may be silent after a task's end before the rest of its output is given up.
    static let silenceNanosecondsMax: Int64 = 10_000_000_000

    init(client: EngineClient, host: Host, table: TaskTable, operations: Operations) {
        self.client = client
        self.host = host
        self.table = table
        self.operations = operations
    }

    /// The engine's runtimes as last seen.
    var runtimes: Set<String> { state.withLock { $0.runtimes } }
    /// Whether the engine ever answered.
    var wasSeen: Bool { state.withLock { $0.wasSeen } }
    func endSeen(of id: String) -> TaskExit? { state.withLock { $0.ends[id] } }

    /// The engine has answered.
    func note(runtimes: Set<String>) {
        state.withLock { state in
            state.wasSeen = true
            state.runtimes = runtimes
        }
        begin()
    }

    /// Begins to follow events; once.
    func begin() {
        let isFirst = state.withLock { state in
            defer { state.hasBegun = true }
            return !state.hasBegun
        }
        if isFirst { operations.spawn { [self] in await run() } }
    }

    private func run() async {
        var delay: Int64 = 100_000_000
        while !Task.isCancelled {
            do { try await follow { delay = 100_000_000 } } catch {}
            let wasUp = state.withLock { state in
                defer { state.isUp = false }
                return state.isUp
            }
            if wasUp, !Task.isCancelled {
                host.log.warn("the container engine is gone", ["endpoint": client.endpoint.text])
                try? host.events.changed("fingerprint")
            }
            guard (try? await client.clock.pause(nanoseconds: delay)) != nil else { return }
            delay = min(delay * 2, 5_000_000_000)
        }
    }

    private func follow(_ connected: () -> Void) async throws {
        // Podman knows "die" as "died" (until its release 4.4) and "destroy" as "remove", and may leave labels out of events.
        let filters: JSON = ["type": ["container"], "event": ["die", "died", "destroy", "remove"]]
        let stream = try await client.open(EngineRequest("GET", "/events", ["filters": filters.text]))
        defer { stream.close() }
        guard stream.head.status == 200 else { throw PluginError(.io, "events: status \(stream.head.status)") }
        connected()
        state.withLock { $0.isUp = true }
        try? host.events.changed("fingerprint")
        // What ended while nobody followed.
        for entry in table.running { look(at: entry.id) }
        var lines = JSONLines()
        while true {
            let part = try await stream.next()
            if part.isEmpty { return }
            for event in try lines.feed(part) {
                guard let container = event["Actor"]?["ID"]?.string ?? event["id"]?.string else { continue }
                if let id = table.task(ofContainer: container) { look(at: id) }
            }
        }
    }

    /// Looks whether the task's container runs, and tells its end if it does not.
    func look(at id: String) {
        operations.spawn { [self] in
            while let entry = table.entry(id), entry.exit == nil, endSeen(of: id) == nil {
                if let exit = await exit(of: entry) {
                    if let exit { await end(id, exit) }
                    return
                }
                // Without the engine there is nothing to see; when it is back all tasks are looked at.
                guard state.withLock({ $0.isUp }), (try? await client.clock.pause(nanoseconds: 500_000_000)) != nil
                else { return }
            }
        }
    }

    /// How the container has ended: `.some(nil)` while it runs, `nil` when the engine does not say.
    private func exit(of entry: TaskTable.Entry) async -> TaskExit?? {
        guard let answer = try? await client.ask(EngineRequest("GET", "/containers/\(entry.container)/json")) else {
            return nil
        }
        if answer.status == 404 {
            return TaskExit(exitCode: -1, error: "the container was removed by somebody else")
        }
        guard answer.isSuccess else { return nil }
        let found = ContainerState(answer.json)
        return .some(found.hasEnded ? found.exit : nil)
    }

    private func end(_ id: String, _ exit: TaskExit) async {
        let isFirst = state.withLock { state in
            guard state.ends[id] == nil else { return false }
            state.ends[id] = exit
            return true
        }
        guard isFirst else { return }
        if let collection = table.entry(id)?.collection, !(await ends(collection)) {
            try? host.events.task(id, "Output may not be complete: the engine did not send its end within 10 s")
        }
        // The plug-in ends: a later one finds the container, copies the rest and tells the end then.
        guard !operations.isClosed else { return }
        table.finish(id, exit)
        state.withLock { $0.ends[id] = nil }
    }

    /// Waits until all output has been copied.
    ///
    /// - Returns: false when nothing came for too long: then the copying is ended.
    private func ends(_ collection: TaskTable.Collection) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await withTaskCancellationHandler {
                    await collection.work.value
                } onCancel: {
                    collection.work.cancel()
                }
                return true
            }
            group.addTask { [client] in
                var seen: Int
                repeat {
                    seen = collection.progress.count
                    guard (try? await client.clock.pause(nanoseconds: Self.silenceNanosecondsMax)) != nil else {
                        return true
                    }
                } while collection.progress.count != seen
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? true
        }
    }
}
