internal import Basics
internal import CDroverABI
internal import Linux
internal import Synchronization

/// A driver plug-in behind ``Driver``. It remembers the tasks it started, so that a new instance can take them over.
final class HostedDriver: Driver {
    /// How long calls may take; `stop` has its own timeout on top.
    enum Limit {
        static let quick: Duration = .seconds(10)
        static let fingerprint: Duration = .seconds(30)
        /// Images are pulled and guests booted within it.
        static let start: Duration = .seconds(3_600)
        static let recover: Duration = .seconds(60)
        static let stop: Duration = .seconds(60)
    }

    private struct KnownTask {
        var document: [UInt8]
        var handle: [UInt8]
    }

    let plugin: HostedPlugin
    private let abilities: Mutex<DriverCapabilities>
    private let tasks = Mutex<[String: KnownTask]>([:])

    /// Tasks taken over at the same time after a crash.
    private static let takeoversMax = 16

    init(_ plugin: HostedPlugin, capabilities: DriverCapabilities) {
        self.plugin = plugin
        abilities = Mutex(capabilities)
    }

    var name: String { plugin.name }

    var capabilities: DriverCapabilities { abilities.withLock { $0 } }

    /// Takes over what another version of the library can do.
    func update(_ capabilities: DriverCapabilities) { abilities.withLock { $0 = capabilities } }

    var taskSchema: JSON? { plugin.manifest.taskSchema }

    func fingerprint() async throws -> DriverFingerprint {
        try DriverAnswers.fingerprint(await call("fingerprint", within: Limit.fingerprint), plugin: name)
    }

    func start(_ task: TaskSpec) async throws -> TaskHandle {
        var task = task
        task.config = try Schema.apply(taskSchema, to: task.config, what: "task \"\(task.name)\" config")
        let document = task.document
        let generation = plugin.current?.generation ?? 0
        // Known before it is started: if the answer is lost, the next instance looks for it.
        tasks.withLock { $0[task.id] = KnownTask(document: document, handle: []) }
        do {
            let answer = try await call("start", [.bytes(document)], within: Limit.start)
            FaultPoint.before(.agentAnswer)
            let handle = try keep(answer, task.id)
            FaultPoint.after(.agentAnswer)
            return handle
        } catch let error as PluginError where error.code == .crashed {
            return try await startedBeforeCrash(task.id, document, after: generation, error)
        } catch {
            tasks.withLock { $0[task.id] = nil }
            throw error
        }
    }

    /// The process ended before it answered: whether the task runs only the next instance can find out.
    private func startedBeforeCrash(
        _ id: String, _ document: [UInt8], after generation: Int, _ error: PluginError
    ) async throws -> TaskHandle {
        do {
            let answer = try await plugin.limited(to: Limit.recover, "recover") { [self] in
                let ready = try await plugin.ready(after: generation)
                return try await plugin.perform(
                    ready.instance, DROVER_DRIVER_1, "recover", [.bytes(document), .bytes([])],
                    deadline: plugin.time.uptime + Limit.recover)
            }
            return try keep(answer, id)
        } catch {
            tasks.withLock { $0[id] = nil }
        }
        throw error
    }

    func recover(_ task: TaskSpec, handle: TaskHandle?) async throws -> TaskHandle {
        var task = task
        task.config = (try? Schema.apply(taskSchema, to: task.config, what: "config")) ?? task.config
        let document = task.document
        let answer = try await call(
            "recover", [.bytes(document), .bytes(handle?.bytes ?? [])], within: Limit.recover)
        tasks.withLock { $0[task.id] = KnownTask(document: document, handle: []) }
        return try keep(answer, task.id)
    }

    private func keep(_ answer: [UInt8], _ id: String) throws -> TaskHandle {
        let handle = try DriverAnswers.handle(answer, plugin: name)
        tasks.withLock { $0[id]?.handle = handle.bytes }
        return handle
    }

    func wait(_ taskID: String) async throws -> TaskExit {
        var generation = 0
        while true {
            let ready = try await plugin.ready(after: generation)
            do {
                let answer = try await plugin.perform(
                    ready.instance, DROVER_DRIVER_1, "wait", [.text(taskID)], deadline: nil)
                return try DriverAnswers.exit(answer, plugin: name)
            } catch let error as PluginError where error.code == .crashed {
                generation = ready.generation
            } catch let error as PluginError
                where DriverAnswers.isReplaced(error) && plugin.current?.generation != ready.generation
            {
                generation = ready.generation
            }
        }
    }

    func stop(_ taskID: String, signal: String, timeout: Duration) async throws {
        let arguments: [Argument] = [.text(taskID), .text(signal), .i64(timeout.nanosecondCount)]
        do {
            _ = try await call("stop", arguments, within: timeout + Limit.stop)
        } catch let error as PluginError where error.code == .crashed {
            // Stopping twice is harmless: the next instance goes on.
            _ = try await call("stop", arguments, within: timeout + Limit.stop)
        }
    }

    func signal(_ taskID: String, _ signal: String) async throws {
        _ = try await call("signal", [.text(taskID), .text(signal)], within: Limit.quick)
    }

    func stats(_ taskIDs: [String]) async throws -> [TaskStats] {
        let ids = taskIDs.joined(separator: "\n")
        return try DriverAnswers.stats(await call("stats", [.text(ids)], within: Limit.quick), plugin: name)
    }

    func destroy(_ taskID: String, force: Bool) async throws {
        _ = try await call("destroy", [.text(taskID), .i32(force ? 1 : 0)], within: Limit.stop)
        _ = tasks.withLock { $0.removeValue(forKey: taskID) }
    }

    func inspect(_ taskID: String) async throws -> JSON {
        try DriverAnswers.object(await call("inspect", [.text(taskID)], within: Limit.quick), "inspect", plugin: name)
    }

    func exec(_ taskID: String, _ request: ExecRequest) async throws -> TaskExit {
        let document = JSON.object([
            ("argv", .array(request.arguments.map { .string($0) })), ("tty", .bool(request.terminal)),
            ("env", TaskSpec.texts(request.environment)),
        ])
        let answer = try await call(
            "exec",
            [
                .text(taskID), .text(request.id), .bytes(document.bytes), .fd(request.input), .fd(request.output),
                .fd(request.error),
            ], within: nil)
        return try DriverAnswers.exit(answer, plugin: name)
    }

    func resize(exec id: String, rows: Int, columns: Int) async throws {
        _ = try await call(
            "resize", [.text(id), .i32(Int32(clamping: rows)), .i32(Int32(clamping: columns))], within: Limit.quick)
    }

    func createNetwork(_ allocation: String, hostname: String) async throws -> String {
        let request = JSON.object([("alloc_id", .string(allocation)), ("hostname", .string(hostname))])
        let answer = try await call("create_network", [.bytes(request.bytes)], within: Limit.start)
        return try DriverAnswers.network(answer, plugin: name)
    }

    func destroyNetwork(_ allocation: String) async throws {
        _ = try await call("destroy_network", [.text(allocation)], within: Limit.stop)
    }

    private func call(
        _ operation: String, _ arguments: [Argument] = [], within limit: Duration?
    ) async throws -> [UInt8] {
        try await plugin.call(DROVER_DRIVER_1, operation, arguments, within: limit)
    }

    // MARK: - A new instance

    /// Makes `instance`, which nobody calls yet, find the tasks of the one before it. A task it cannot find is left to its waiter.
    func takeOver(_ instance: any PluginInstance) async {
        var left = tasks.withLock { Array($0.values) }[...]
        await withTaskGroup(of: Void.self) { group in
            let recoverOne: @Sendable (KnownTask) async -> Void = { [plugin] task in
                _ = try? await plugin.limited(to: Limit.recover, "recover") {
                    try await plugin.perform(
                        instance, DROVER_DRIVER_1, "recover", [.bytes(task.document), .bytes(task.handle)],
                        deadline: plugin.time.uptime + Limit.recover)
                }
            }
            for task in left.prefix(HostedDriver.takeoversMax) { group.addTask { await recoverOne(task) } }
            left = left.dropFirst(HostedDriver.takeoversMax)
            while await group.next() != nil {
                if let task = left.popFirst() { group.addTask { await recoverOne(task) } }
            }
        }
    }
}
