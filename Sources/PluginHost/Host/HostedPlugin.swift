internal import Basics
internal import CDroverABI
internal import Synchronization

/// One plug-in of the agent: its library, its present instance, and how to call it whichever instance that is.
package final class HostedPlugin: Sendable {
    /// Where a plug-in stands.
    ///
    ///     loading ──► running ──crash──► restarting ──► running
    ///        │                               │
    ///        └─────────► quarantined ◄───────┘          any ──► stopped
    ///                         └───(reason may pass)──► running
    enum Phase: Sendable {
        /// Found; its first instance is being made.
        case loading
        /// Answers calls.
        case running(any PluginInstance)
        /// Its process has ended; a new one will come.
        case restarting
        /// Will not be tried again until its file or the configuration changes, or, where it failed for a reason that may pass,
        /// a while later.
        case quarantined
        /// Not wanted: by configuration, because another library has its name, or because the agent ends.
        case stopped

        var word: String {
            switch self {
            case .loading: "loading"
            case .running: "running"
            case .restarting: "restarting"
            case .quarantined: "quarantined"
            case .stopped: "stopped"
            }
        }
    }

    private struct State {
        var manifest: Manifest
        /// Of the file that the running instance was made from.
        var contentHash: String?
        var phase = Phase.loading
        /// Counts instances, so that a caller can wait for a newer one.
        var generation = 0
        var restarts = 0
        var reason = ""
        /// When its processes have crashed of late.
        var crashes: [Uptime] = []
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter: UInt64 = 1
    }

    let file: PluginFile
    package let name: String
    let isolation: PluginIsolation
    let time: any TimeSource
    let hangGrace: Duration
    /// For calls into a library in the agent, and for what its process asks of the agent; nil: all runs on the caller's thread.
    let threads: ThreadPool?
    private let watch: TimerThread
    private let state: Mutex<State>

    init(
        file: PluginFile, manifest: Manifest, isolation: PluginIsolation, time: any TimeSource, hangGrace: Duration,
        threads: ThreadPool?, watch: TimerThread
    ) {
        self.file = file
        name = manifest.name
        state = Mutex(State(manifest: manifest))
        self.isolation = isolation
        self.time = time
        self.hangGrace = hangGrace
        self.threads = threads
        self.watch = watch
    }

    /// Of the instance that runs, or is to run.
    package var manifest: Manifest { state.withLock { $0.manifest } }

    /// ``ContentHash`` of the file that the running instance was made from.
    var contentHash: String? {
        get { state.withLock { $0.contentHash } }
        set { state.withLock { $0.contentHash = newValue } }
    }

    // MARK: - Phases

    var phase: Phase { state.withLock { $0.phase } }

    /// The running instance and its number.
    var current: (instance: any PluginInstance, generation: Int)? {
        state.withLock { state in
            guard case .running(let instance) = state.phase else { return nil }
            return (instance, state.generation)
        }
    }

    /// Enters a phase and wakes who waits for one. A stopped plug-in stays stopped; returns false then.
    @discardableResult
    func enter(_ phase: Phase, reason: String? = nil) -> Bool {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>]? in
            if case .stopped = state.phase { return nil }
            if case .running = phase { state.generation += 1 }
            state.phase = phase
            if let reason { state.reason = reason }
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters ?? [] { waiter.resume() }
        return waiters != nil
    }

    /// Puts `instance`, made from a library with `manifest`, in the place of the running one, and returns that.
    ///
    /// Nil, and nothing has changed, when none is running.
    func replace(by instance: any PluginInstance, _ manifest: Manifest, reason: String) -> (any PluginInstance)? {
        let (old, waiters) = state.withLock { state -> ((any PluginInstance)?, [CheckedContinuation<Void, Never>]) in
            guard case .running(let old) = state.phase else { return (nil, []) }
            state.phase = .running(instance)
            state.manifest = manifest
            state.generation += 1
            state.reason = reason
            defer { state.waiters = [:] }
            return (old, Array(state.waiters.values))
        }
        for waiter in waiters { waiter.resume() }
        return old
    }

    /// Enters ``Phase/restarting`` if the process `pid` runs the present instance; false otherwise.
    func leave(pid: Int32, reason: String) -> Bool {
        state.withLock { state in
            guard case .running(let instance) = state.phase, (instance as? RemoteInstance)?.pid == pid else {
                return false
            }
            state.phase = .restarting
            state.restarts += 1
            state.reason = reason
            return true
        }
    }

    var status: PluginStatus {
        let (phase, restarts, reason, manifest) = state.withLock { ($0.phase, $0.restarts, $0.reason, $0.manifest) }
        var status = PluginStatus()
        status.name = name
        status.file = file.path
        status.kind = manifest.kinds.map(\.rawValue).joined(separator: ",")
        status.version = manifest.version
        status.abi = manifest.abi
        status.isolation = isolation.rawValue
        status.state = phase.word
        if case .running(let instance) = phase { status.pid = (instance as? RemoteInstance)?.pid ?? 0 }
        status.restarts = restarts
        status.reason = reason
        return status
    }

    /// Notes a crash; returns how many there were before it within the last five minutes, at most 10.
    func recentCrashes(now: Uptime) -> Int {
        state.withLock { state in
            state.crashes = state.crashes.suffix(10).filter { now - $0 < .seconds(300) }
            defer { state.crashes.append(now) }
            return state.crashes.count
        }
    }

    /// The running instance, newer than `generation`; waits while there is none but one is to come.
    func ready(after generation: Int = 0) async throws -> (instance: any PluginInstance, generation: Int) {
        while true {
            let found = try state.withLock { state -> (instance: any PluginInstance, generation: Int)? in
                switch state.phase {
                case .running(let instance) where state.generation > generation: return (instance, state.generation)
                case .running, .loading, .restarting: return nil
                case .quarantined, .stopped: throw unavailable(state)
                }
            }
            if let found { return found }
            try Task.checkCancellation()
            await change(from: generation)
        }
    }

    private func unavailable(_ state: State) -> PluginError {
        let reason = state.reason.isEmpty ? "" : ": \(state.reason)"
        return PluginError(.unavailable, "plug-in \(name) is \(state.phase.word)\(reason); see drover plugin status")
    }

    /// Returns once the phase has changed, or at once when it is no longer what ``ready(after:)`` saw, or on cancellation.
    private func change(from generation: Int) async {
        let number = state.withLock { state in
            defer { state.nextWaiter += 1 }
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isLate = state.withLock { state in
                    let isReady: Bool
                    switch state.phase {
                    case .running: isReady = state.generation > generation
                    case .loading, .restarting: isReady = false
                    case .quarantined, .stopped: isReady = true
                    }
                    if !isReady, !Task.isCancelled { state.waiters[number] = continuation }
                    return isReady || Task.isCancelled
                }
                if isLate { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
        }
    }

    // MARK: - Calls

    /// Asks the running instance, waiting for one if need be.
    ///
    /// `timeout` is for all of it; nil: for ever. A process that has not answered a while after it counts as hung.
    /// Throws ``PluginError``, or `CancellationError`.
    package func call(
        _ interface: String, _ operation: String, _ arguments: [Argument] = [], within timeout: Duration?
    ) async throws -> [UInt8] {
        guard let timeout else {
            let ready = try await ready()
            return try await perform(ready.instance, interface, operation, arguments, deadline: nil)
        }
        let deadline = time.uptime + timeout
        return try await limited(to: timeout, operation) { [self] in
            let ready = try await ready()
            return try await perform(ready.instance, interface, operation, arguments, deadline: deadline)
        }
    }

    /// Runs `body`, for at most `timeout`.
    func limited<Result: Sendable>(
        to timeout: Duration, _ operation: String, _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask { try await body() }
            group.addTask { [time] in
                try await time.sleep(for: timeout)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let result = first else {
                throw PluginError(.deadline, "plug-in \(name): \(operation) took longer than \(timeout.goText)")
            }
            return result
        }
    }

    /// Asks `instance`. Cancellation of the task cancels the call and returns at once.
    func perform(
        _ instance: any PluginInstance, _ interface: String, _ operation: String, _ arguments: [Argument],
        deadline: Uptime?
    ) async throws -> [UInt8] {
        let request = try request(interface, operation, arguments, deadline)
        let call = AsyncCall()
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                call.begin(continuation)
                let start: @Sendable () -> Void = { call.started(instance.begin(request) { call.finish($0) }) }
                // Another process takes a message at once; a library in the agent may block.
                guard let threads, instance is LocalInstance else { return start() }
                if !threads.submit(start) { call.finish(Answer(PluginError(.limit, "too many plug-in calls wait"))) }
            }
        } onCancel: {
            call.cancel()
            overdue(call, instance, operation, deadline)
        }
        return try result(answer, operation)
    }

    /// Asks the running instance and blocks the calling thread until the answer or the deadline.
    func callBlocking(
        _ interface: String, _ operation: String, _ arguments: [Argument], deadline: Uptime
    ) throws -> [UInt8] {
        guard let (instance, _) = current else { throw state.withLock { unavailable($0) } }
        let call = BlockingCall()
        if let threads, instance is LocalInstance, !file.isStock {
            // Not ours: if it hangs, only a thread is lost, which then still holds the blocks.
            let owned = arguments.map(\.owned)
            let request = try request(interface, operation, owned, deadline)
            let isTaken = threads.submit { call.started(instance.begin(request) { call.finish($0) }) }
            if !isTaken { throw PluginError(.limit, "too many plug-in calls wait") }
        } else {
            let request = try request(interface, operation, arguments, deadline)
            call.started(instance.begin(request) { call.finish($0) })
        }
        guard let answer = call.wait(for: deadline - time.uptime) else {
            overdue(call, instance, operation, deadline)
            throw PluginError(.deadline, "plug-in \(name): \(operation) did not answer by its deadline")
        }
        return try result(answer, operation)
    }

    /// Runs `body`, a library's code outside any instance, and blocks the calling thread until its end or the deadline.
    /// What `body` uses is its own: when it hangs it is left behind with its thread.
    func run(_ operation: String, deadline: Uptime, _ body: @escaping @Sendable () -> Answer) -> Answer {
        guard let threads, !file.isStock else { return body() }
        let call = BlockingCall()
        guard threads.submit({ call.finish(body()) }) else {
            return Answer(PluginError(.limit, "too many plug-in calls wait"))
        }
        if let answer = call.wait(for: deadline - time.uptime) { return answer }
        overdue(call, nil, operation, deadline)
        return Answer(PluginError(.deadline, "plug-in \(name): \(operation) did not answer by its deadline"))
    }

    private func request(
        _ interface: String, _ operation: String, _ arguments: [Argument], _ deadline: Uptime?
    ) throws -> PluginRequest {
        guard let description = try Interface(id: interface, manifest: manifest),
            let index = description.index(of: operation)
        else { throw PluginError(.unsupported, "interface \(interface) has no operation \(operation)") }
        return PluginRequest(interface: description, operation: index, arguments: arguments, deadline: deadline)
    }

    private func result(_ answer: Answer, _ operation: String) throws -> [UInt8] {
        do {
            return try answer.result()
        } catch {
            throw error.code == .crashed ? error : error.during("plug-in \(name), \(operation)")
        }
    }

    /// The caller has gone at the deadline: a process that still has the call some time later is hung.
    private func overdue(
        _ call: any AbandonedCall, _ instance: (any PluginInstance)?, _ operation: String, _ deadline: Uptime?
    ) {
        guard let deadline, time.uptime >= deadline else { return }
        let grace = hangGrace.goText
        guard let remote = instance as? RemoteInstance else {
            _ = watch.schedule(after: hangGrace.nanosecondCount) { [self] in
                guard !call.isFinished else { return }
                let text =
                    "\(operation) has not returned \(grace) after its deadline; its thread is lost: "
                    + "run the plug-in with isolation = \"process\""
                state.withLock { $0.reason = text }
            }
            return
        }
        _ = watch.schedule(after: hangGrace.nanosecondCount) {
            if !call.isFinished { remote.kill("it hung: \(operation) was still open \(grace) after its deadline") }
        }
    }
}
