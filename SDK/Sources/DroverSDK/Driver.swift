/// A task driver: `drover.driver/1`, whose header says what each operation promises.
///
/// Functions are called from several threads at once. What they throw becomes the code and message of the C call; a
/// function that got a `Call` either throws or completes it. A driver whose tasks are processes conforms to
/// ``ExecutorDriver`` and writes three functions.
public protocol Driver: Sendable {
    /// What the driver can do; constant.
    var capabilities: DriverCapabilities { get }
    /// Whether tasks can run here.
    func fingerprint() throws -> DriverFingerprint
    /// Starts a task; completes with `{"handle": ...}` when it runs. Idempotent on the task's id.
    func start(_ task: TaskDocument, call: Call) throws
    /// Finds a task started before, maybe by another instance; `handle` is `nil` when the host never got one.
    func recover(_ task: TaskDocument, handle: JSON?, call: Call) throws
    /// Completes with ``TaskExit`` when the task has ended.
    func wait(id: String, call: Call) throws
    /// Ends a task: `signal` ("": the driver's default), by force after the timeout.
    func stop(id: String, signal: String, timeoutNanoseconds: Int64, call: Call) throws
    /// Sends a signal by name.
    func signal(id: String, name: String) throws
    /// Runs a program inside the task.
    func exec(id: String, execID: String, request: String, streams: StandardStreams, call: Call) throws
    /// Sets the terminal size of a running `exec`.
    func resize(execID: String, rows: Int32, columns: Int32) throws
    /// Writes `drover_task_stats` records; ``TaskStats`` makes them.
    func stats(ids: String, into sink: Sink) throws
    /// Forgets an ended task.
    func destroy(id: String, force: Bool) throws
    /// What is known of a task, for people.
    func inspect(id: String) throws -> JSON
    /// Makes the network that the tasks of one allocation share; completes with `{"path": ...}`. Only for drivers whose capabilities
    /// say ``DriverCapabilities/mustCreateNetwork``.
    func createNetwork(_ request: NetworkRequest, call: Call) throws
    /// Removes what ``createNetwork(_:call:)`` made for an allocation; an unknown one is no error.
    func destroyNetwork(allocation: String, call: Call) throws
}

extension Driver {
    public func createNetwork(_ request: NetworkRequest, call: Call) throws {
        throw PluginError(.unsupported, "this driver makes no networks")
    }

    public func destroyNetwork(allocation: String, call: Call) throws { call.succeed(JSON.null) }

    public func exec(id: String, execID: String, request: String, streams: StandardStreams, call: Call) throws {
        throw PluginError(.unsupported, "this driver cannot run commands inside a task")
    }

    public func resize(execID: String, rows: Int32, columns: Int32) throws {
        throw PluginError(.notFound, "no command \(execID) runs")
    }
}

/// A driver whose tasks are processes of the host's executor: everything but starting them is done here.
public protocol ExecutorDriver: Driver {
    var executor: Executor { get }
}

extension ExecutorDriver {
    public func recover(_ task: TaskDocument, handle: JSON?, call: Call) throws {
        executor.recover(task, handle: handle, call: call)
    }

    public func wait(id: String, call: Call) throws { executor.wait(id, call: call) }

    public func stop(id: String, signal: String, timeoutNanoseconds: Int64, call: Call) throws {
        executor.stop(id, signal: signal, timeoutNanoseconds: timeoutNanoseconds, call: call)
    }

    public func signal(id: String, name: String) throws { try executor.signal(id, name) }

    public func exec(id: String, execID: String, request: String, streams: StandardStreams, call: Call) throws {
        executor.exec(id, execID: execID, request: request, streams: streams, call: call)
    }

    public func resize(execID: String, rows: Int32, columns: Int32) throws {
        try executor.resize(execID: execID, rows: rows, columns: columns)
    }

    public func stats(ids: String, into sink: Sink) throws { try executor.stats(ids, into: sink) }
    public func destroy(id: String, force: Bool) throws { try executor.destroy(id, force: force) }
    public func inspect(id: String) throws -> JSON { try executor.inspect(id) }
}

/// The network of an allocation that a driver is to make.
public struct NetworkRequest: Sendable {
    public let allocation: String
    /// The name of the machine that the tasks are to seem to be; "": any.
    public let hostname: String

    init(_ json: JSON) throws(PluginError) {
        allocation = try json.requiredText("alloc_id")
        hostname = try json.text("hostname")
    }
}

/// What a driver can do.
public struct DriverCapabilities: Sendable {
    public var sendSignals: Bool
    public var exec: Bool
    /// "none", "chroot", "image" or "unveil".
    public var filesystemIsolation: String
    /// Of "host", "group", "task", "none".
    public var networkIsolation: [String]
    /// "all", "none" or "read_only".
    public var mounts: String
    /// Whom tasks that name no user run as; "": the agent's own.
    public var defaultUser: String
    /// Its tasks join no network namespace but one that it makes itself (``Driver/createNetwork(_:call:)``).
    public var mustCreateNetwork: Bool

    public init(
        sendSignals: Bool = false, exec: Bool = false, filesystemIsolation: String = "none",
        networkIsolation: [String] = ["host"], mounts: String = "none", defaultUser: String = "",
        mustCreateNetwork: Bool = false
    ) {
        self.sendSignals = sendSignals
        self.exec = exec
        self.filesystemIsolation = filesystemIsolation
        self.networkIsolation = networkIsolation
        self.mounts = mounts
        self.defaultUser = defaultUser
        self.mustCreateNetwork = mustCreateNetwork
    }

    var json: JSON {
        [
            "send_signals": .bool(sendSignals), "exec": .bool(exec), "fs_isolation": .string(filesystemIsolation),
            "network_isolation": .array(networkIsolation.map(JSON.string)), "mounts": .string(mounts),
            "default_user": .string(defaultUser), "must_create_network": .bool(mustCreateNetwork),
        ]
    }
}

/// Whether a driver's tasks can run on this machine.
public struct DriverFingerprint: Sendable {
    public enum Health: String, Sendable {
        case healthy
        case unhealthy
        /// What the driver needs is absent: no error.
        case undetected
    }

    public var health: Health
    /// Why, in words for `node status`.
    public var message: String
    public var attributes: [String: String]
    /// When to ask again; `nil`: the host's default of 30 s; 0: only when the plug-in says so.
    public var periodNanoseconds: Int64?

    public init(
        _ health: Health, _ message: String, attributes: [String: String] = [:], periodNanoseconds: Int64? = nil
    ) {
        self.health = health
        self.message = message
        self.attributes = attributes
        self.periodNanoseconds = periodNanoseconds
    }

    var json: JSON {
        var members: [String: JSON] = [
            "health": .string(health.rawValue), "message": .string(message),
            "attributes": .object(attributes.mapValues(JSON.string)),
        ]
        members["period_ns"] = periodNanoseconds.map(JSON.integer)
        return .object(members)
    }
}

/// How a task ended: the result of `wait`.
public struct TaskExit: Hashable, Sendable {
    public var exitCode: Int64
    /// 0: it was not a signal.
    public var signal: Int64
    public var outOfMemory: Bool
    /// Why the end is not known, or what the driver has to say about it.
    public var error: String?

    public init(exitCode: Int64 = 0, signal: Int64 = 0, outOfMemory: Bool = false, error: String? = nil) {
        self.exitCode = exitCode
        self.signal = signal
        self.outOfMemory = outOfMemory
        self.error = error
    }

    /// The document that `wait` completes with.
    public var json: JSON {
        var members: [String: JSON] = [
            "exit_code": .integer(exitCode), "signal": .integer(signal), "oom_killed": .bool(outOfMemory),
        ]
        members["error"] = error.map(JSON.string)
        return .object(members)
    }
}
