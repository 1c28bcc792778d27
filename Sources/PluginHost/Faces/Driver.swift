package import Basics

/// Tasks of one kind: the typed face of `drover.driver/1` (driver.h has the full contract).
///
/// Every function throws ``PluginError``. A driver whose process crashes is started again and finds its tasks again by itself:
/// an open ``wait(_:)`` simply goes on, other calls that were under way throw ``PluginError/Code/crashed`` unless they could be
/// settled. While it is down calls wait for it, up to their own deadline.
package protocol Driver: Sendable {
    /// What jobs call it, such as "raw_exec".
    var name: String { get }

    /// Changes only when another version of the library is loaded.
    var capabilities: DriverCapabilities { get }

    /// The schema of a task's `config` block (plugin.h), when the plug-in has one.
    var taskSchema: JSON? { get }

    /// Looks whether tasks can run here.
    func fingerprint() async throws -> DriverFingerprint

    /// Starts the task, or reports it when it runs already; idempotent on ``TaskSpec/id``.
    func start(_ task: TaskSpec) async throws -> TaskHandle

    /// Finds a task started before; `handle` is nil when the answer of ``start(_:)`` was lost. Throws
    /// ``PluginError/Code/notFound`` when there is no such task.
    func recover(_ task: TaskSpec, handle: TaskHandle?) async throws -> TaskHandle

    /// Returns when the task has ended; at once when it has. Cancelling ends the wait, not the task.
    func wait(_ taskID: String) async throws -> TaskExit

    /// Ends the task: `signal` (a name; empty: the driver's default), and after `timeout` by force. Returns when it has ended.
    func stop(_ taskID: String, signal: String, timeout: Duration) async throws

    func signal(_ taskID: String, _ signal: String) async throws

    /// Usage of those of `taskIDs` (empty: all) that run.
    func stats(_ taskIDs: [String]) async throws -> [TaskStats]

    /// Forgets an ended task; with `force` ends a running one first.
    func destroy(_ taskID: String, force: Bool) async throws

    func inspect(_ taskID: String) async throws -> JSON

    /// Runs one more program inside the task on the three descriptors, which stay the caller's.
    func exec(_ taskID: String, _ request: ExecRequest) async throws -> TaskExit

    /// Sets the terminal size of a running ``exec(_:_:)``.
    func resize(exec id: String, rows: Int, columns: Int) async throws

    /// Makes the network that an allocation's tasks share, or finds it; only where ``DriverCapabilities/mustCreateNetwork`` says so.
    ///
    /// - Returns: the path of the network namespace.
    func createNetwork(_ allocation: String, hostname: String) async throws -> String

    /// Removes what ``createNetwork(_:hostname:)`` made; an unknown one is fine.
    func destroyNetwork(_ allocation: String) async throws
}

/// The drivers of this agent.
package protocol DriverRegistry: Sendable {
    /// Names of the drivers that are loaded or being restarted, in byte order.
    var driverNames: [String] { get }

    func driver(named name: String) -> (any Driver)?

    /// What happens from now on. The newest 1,024 unread events are kept for each reader.
    func driverEvents() -> AsyncStream<DriverEvent>
}

/// News of a driver.
package enum DriverEvent: Sendable, Equatable {
    /// Fingerprint it again now.
    case changed(driver: String)
    /// For the task's event list.
    case task(driver: String, taskID: String, message: String, details: JSON)
    /// Loaded for the first time, replaced, or running again after a crash.
    case available(driver: String)
    case unavailable(driver: String, reason: String)
}

/// What a driver can do; the defaults are those of an empty answer.
package struct DriverCapabilities: Sendable, Equatable {
    package var sendSignals = false
    package var exec = false
    /// "none", "chroot", "image" or "unveil".
    package var fsIsolation = "none"
    package var networkIsolation = ["host"]
    package var mounts = "none"
    /// Whom tasks that name no user run as; "": the agent's own.
    package var defaultUser = ""
    package var mustCreateNetwork = false
    package var remoteTasks = false

    package init() {}
}

/// Whether a driver can run tasks here.
package struct DriverFingerprint: Sendable, Equatable {
    package enum Health: String, Sendable {
        case healthy
        case unhealthy
        /// The software it needs is absent: no error.
        case undetected
    }

    package var health = Health.undetected
    package var message = ""
    package var attributes: [String: String] = [:]
    /// When to ask again; zero: only after ``DriverEvent/changed(driver:)``.
    package var period: Duration = .seconds(30)

    package init() {}
}

/// What a driver said of a task it started.
package struct TaskHandle: Sendable, Equatable {
    /// The driver's own JSON value, to be stored and handed back as it is.
    package var bytes: [UInt8]
    /// The main process, where there is one.
    package var pid: Int32?
    package var network: DriverNetwork?

    package init(bytes: [UInt8], pid: Int32? = nil, network: DriverNetwork? = nil) {
        self.bytes = bytes
        self.pid = pid
        self.network = network
    }
}

/// A network that the driver made for the task.
package struct DriverNetwork: Sendable, Equatable {
    package var ip: String
    package var portMap: [String: Int]

    package init(ip: String, portMap: [String: Int]) {
        self.ip = ip
        self.portMap = portMap
    }
}

/// How a task ended.
package struct TaskExit: Sendable, Equatable {
    package var code: Int
    /// Number of the signal that ended it; 0: none.
    package var signal: Int
    package var oomKilled: Bool
    /// Why the exit code is unknown: the shim or the machine failed.
    package var error: String?

    package init(code: Int = 0, signal: Int = 0, oomKilled: Bool = false, error: String? = nil) {
        self.code = code
        self.signal = signal
        self.oomKilled = oomKilled
        self.error = error
    }

    package var isSuccess: Bool { code == 0 && signal == 0 && error == nil }
}

/// One more program in a task. The descriptors are borrowed until the call returns.
package struct ExecRequest: Sendable {
    /// Unique in the node; made by the caller.
    package var id: String
    package var arguments: [String]
    package var terminal = false
    package var environment: [String: String] = [:]
    package var input: Int32
    package var output: Int32
    package var error: Int32

    package init(id: String, arguments: [String], input: Int32, output: Int32, error: Int32) {
        self.id = id
        self.arguments = arguments
        self.input = input
        self.output = output
        self.error = error
    }
}

/// A task's use of resources; nil where the driver does not know.
package struct TaskStats: Sendable, Equatable {
    package var taskID = ""
    package var time = Timestamp.never
    package var cpu: Duration?
    package var cpuUser: Duration?
    package var cpuSystem: Duration?
    package var throttledPeriods: UInt64?
    package var throttled: Duration?
    package var memoryRSSBytes: UInt64?
    package var memoryCacheBytes: UInt64?
    package var memorySwapBytes: UInt64?
    package var memoryUsageBytes: UInt64?
    package var memoryUsageMaxBytes: UInt64?
    package var pids: UInt64?
    package var ioReadBytes: UInt64?
    package var ioWriteBytes: UInt64?

    package init() {}
}
