import Basics
import Client
import PluginHost
import Synchronization

/// A driver whose tasks are records: a test ends them, makes starts fail, and counts what was asked.
final class FakeDriver: Driver {
    struct Record: Sendable {
        var spec: TaskSpec
        var exit: TaskExit?
        var signals: [String] = []
        var starts = 0
        var isDestroyed = false
    }

    struct State {
        var records: [String: Record] = [:]
        var order: [String] = []
        var waiters: [String: [CheckedContinuation<TaskExit, any Error>]] = [:]
        var startErrors: [PluginError] = []
        /// Thrown by `start` after the task has started.
        var lateErrors: [PluginError] = []
        var recoverErrors: [PluginError] = []
        /// Answers of `start` are withheld from now on, though the task runs.
        var withholdsAnswers = false
        var scripts: [String: TaskExit] = [:]
        var ignoresStop = false
        /// Of allocations, with the name that each was given.
        var networks: [String: String] = [:]
    }

    let name: String
    let capabilities: DriverCapabilities
    let taskSchema: JSON?
    let state = Mutex(State())
    /// What becomes of a program inside a task; nil where the driver runs none.
    private let exec: (@Sendable () throws -> TaskExit)?

    init(
        _ name: String = "fake", schema: JSON? = nil, networkIsolation: [String] = ["host", "none"],
        exec: (@Sendable () throws -> TaskExit)? = nil,
        makesNetworks: Bool = false
    ) {
        self.name = name
        var capabilities = DriverCapabilities()
        capabilities.sendSignals = true
        capabilities.networkIsolation = networkIsolation
        capabilities.exec = exec != nil
        capabilities.mustCreateNetwork = makesNetworks
        self.capabilities = capabilities
        self.exec = exec
        taskSchema = schema
    }

    /// Tasks of this name end at once, with this exit.
    func script(_ task: String, _ exit: TaskExit) { state.withLock { $0.scripts[task] = exit } }

    /// Names of started tasks in order.
    var started: [String] { state.withLock { state in state.order.compactMap { state.records[$0]?.spec.name } } }

    func spec(_ name: String) -> TaskSpec? { state.withLock { $0.records.values.first { $0.spec.name == name }?.spec } }

    func running(_ name: String) -> String? {
        state.withLock { $0.records.first { $0.value.spec.name == name && $0.value.exit == nil }?.key }
    }

    func end(_ name: String, _ exit: TaskExit = TaskExit()) {
        guard let id = running(name) else { return }
        finish(id, exit)
    }

    private func finish(_ id: String, _ exit: TaskExit) {
        let waiters = state.withLock { state in
            if state.records[id]?.exit == nil { state.records[id]?.exit = exit }
            return state.waiters.removeValue(forKey: id) ?? []
        }
        for waiter in waiters { waiter.resume(returning: exit) }
    }

    func fingerprint() async throws -> DriverFingerprint {
        var found = DriverFingerprint()
        found.health = .healthy
        found.attributes = ["driver.\(name)": "1"]
        found.period = .zero
        return found
    }

    func start(_ task: TaskSpec) async throws -> TaskHandle {
        let (withheld, script) = try state.withLock { state -> (Bool, TaskExit?) in
            if !state.startErrors.isEmpty { throw state.startErrors.removeFirst() }
            state.order.append(task.id)
            state.records[task.id, default: Record(spec: task)].starts += 1
            return (state.withholdsAnswers, state.scripts[task.name])
        }
        if let error = state.withLock({ $0.lateErrors.popLast() }) { throw error }
        if withheld { try await Task.sleep(for: .seconds(3_600)) }
        if let script { finish(task.id, script) }
        return TaskHandle(bytes: Array(#"{"version":1}"#.utf8))
    }

    func recover(_ task: TaskSpec, handle: TaskHandle?) async throws -> TaskHandle {
        if let error = state.withLock({ $0.recoverErrors.popLast() }) { throw error }
        let known = state.withLock { $0.records[task.id].map { !$0.isDestroyed } ?? false }
        guard known else { throw PluginError(.notFound, "no such task") }
        return TaskHandle(bytes: Array(#"{"version":1}"#.utf8))
    }

    func wait(_ taskID: String) async throws -> TaskExit {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let now = state.withLock { state -> Result<TaskExit, any Error>? in
                    if Task.isCancelled { return .failure(PluginError(.cancelled, "cancelled")) }
                    guard let record = state.records[taskID] else { return .failure(PluginError(.notFound, "unknown")) }
                    if let exit = record.exit { return .success(exit) }
                    state.waiters[taskID, default: []].append(continuation)
                    return nil
                }
                if let now { continuation.resume(with: now) }
            }
        } onCancel: {
            let waiters = state.withLock { $0.waiters.removeValue(forKey: taskID) ?? [] }
            for waiter in waiters { waiter.resume(throwing: PluginError(.cancelled, "cancelled")) }
        }
    }

    func stop(_ taskID: String, signal: String, timeout: Duration) async throws {
        state.withLock { $0.records[taskID]?.signals.append("stop " + signal) }
        finish(taskID, TaskExit(code: 0, signal: 15))
    }

    func signal(_ taskID: String, _ signal: String) async throws {
        state.withLock { $0.records[taskID]?.signals.append(signal) }
    }

    func stats(_ taskIDs: [String]) async throws -> [TaskStats] { [] }

    func destroy(_ taskID: String, force: Bool) async throws {
        finish(taskID, TaskExit(signal: 9))
        state.withLock { $0.records[taskID]?.isDestroyed = true }
    }

    func inspect(_ taskID: String) async throws -> JSON { .null }

    func exec(_ taskID: String, _ request: ExecRequest) async throws -> TaskExit { try exec?() ?? TaskExit() }

    func resize(exec id: String, rows: Int, columns: Int) async throws {}

    func createNetwork(_ allocation: String, hostname: String) async throws -> String {
        state.withLock { $0.networks[allocation] = hostname }
        return "/proc/7/ns/net"
    }

    func destroyNetwork(_ allocation: String) async throws { state.withLock { $0.networks[allocation] = nil } }
}

/// Drivers and fingerprinters of a test.
struct FakePlugins: DriverRegistry, FingerprinterRegistry, DeviceRegistry {
    let drivers: [any Driver]
    var devices: FakeDevices?

    var deviceProviders: [any DeviceProvider] { devices.map { [$0] } ?? [] }

    var driverNames: [String] { drivers.map(\.name).sorted() }

    func driver(named name: String) -> (any Driver)? { drivers.first { $0.name == name } }

    func driverEvents() -> AsyncStream<DriverEvent> { AsyncStream { _ in } }

    var fingerprinters: [any Fingerprinter] { [FakeFingerprinter()] }

    func fingerprintChanges() -> AsyncStream<String> { devices?.changes.stream ?? AsyncStream { _ in } }
}

struct FakeFingerprinter: Fingerprinter {
    let name = "host"

    func probe(_ known: KnownMachine) async throws -> MachineFingerprint {
        var found = MachineFingerprint()
        found.attributes = ["cpu.arch": "amd64", "unique.hostname": "box"]
        for (name, value) in known.options { found.attributes["option." + name] = value }
        found.resources.cpuMHz = 4_000
        found.resources.memoryBytes = 1 << 30
        var network = MachineFingerprint.Network()
        network.device = "eth0"
        network.mbits = 1_000
        found.resources.networks = [network]
        return found
    }
}
