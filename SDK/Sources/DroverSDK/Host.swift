public import CDroverABI

/// What the host offers this instance. Copy it freely; it works until the instance is destroyed, and then throws
/// `revoked`. An interface that the host does not offer throws `unsupported`, or, where nothing is returned, does nothing.
public struct Host: @unchecked Sendable {
    /// The C table. (Safe to share: the ABI lets any thread use it for the life of the process.)
    public let raw: UnsafePointer<drover_host>
    public let log: Log
    public let metrics: Metrics
    public let events: Events
    public let store: KeyValueStore
    public let clock: Clock
    public let folders: Folders
    public let executor: Executor

    /// Wraps the table handed to `create`.
    public init(_ raw: UnsafePointer<drover_host>) {
        self.raw = raw
        let host = copyTable(UnsafeRawPointer(raw), over: drover_host())
        func table<Table: BitwiseCopyable>(_ id: String, _ zero: Table) -> Table {
            copyTable(host.get_interface?(id), over: zero)
        }
        log = Log(table: table(DROVER_LOG_1, drover_log()))
        metrics = Metrics(table: table(DROVER_METRICS_1, drover_metrics()))
        events = Events(table: table(DROVER_EVENT_1, drover_event()))
        store = KeyValueStore(table: table(DROVER_KV_1, drover_kv()))
        clock = Clock(table: table(DROVER_CLOCK_1, drover_clock()))
        folders = Folders(table: table(DROVER_DIRS_1, drover_dirs()))
        executor = Executor(table: table(DROVER_EXECUTOR_1, drover_executor()))
    }

    /// The table of an interface that this SDK has no face for; `nil` when the host does not offer it.
    public func interface(_ id: String) -> UnsafeRawPointer? {
        copyTable(UnsafeRawPointer(raw), over: drover_host()).get_interface?(id)
    }
}

/// `drover.log/1`: lines under the plug-in's name.
public struct Log: @unchecked Sendable {
    let table: drover_log

    /// Logs a constant message; data goes into `fields` with stable keys.
    public func debug(_ message: String, _ fields: [String: String] = [:]) { write(DROVER_LOG_DEBUG, message, fields) }
    public func info(_ message: String, _ fields: [String: String] = [:]) { write(DROVER_LOG_INFO, message, fields) }
    public func warn(_ message: String, _ fields: [String: String] = [:]) { write(DROVER_LOG_WARN, message, fields) }
    public func error(_ message: String, _ fields: [String: String] = [:]) { write(DROVER_LOG_ERROR, message, fields) }

    private func write(_ level: Int32, _ message: String, _ fields: [String: String]) {
        guard let write = table.write else { return }
        let json = fields.isEmpty ? "" : JSON.object(fields.mapValues(JSON.string)).text
        message.withDroverText { text in json.withDroverText { write(level, text, $0) } }
    }
}

/// `drover.metrics/1`: counters, gauges and distributions.
public struct Metrics: @unchecked Sendable {
    let table: drover_metrics

    /// Adds to a counter.
    public func add(_ name: String, _ value: Double = 1) { call(table.add, name, value) }
    /// Sets a gauge.
    public func set(_ name: String, _ value: Double) { call(table.set, name, value) }
    /// Records a sample; seconds for times.
    public func observe(_ name: String, _ value: Double) { call(table.observe, name, value) }

    private func call(
        _ function: (@convention(c) (drover_text, Double, drover_text) -> Void)?, _ name: String, _ value: Double
    ) {
        name.withDroverText { function?($0, value, drover_text()) }
    }
}

/// `drover.event/1`: what users see, and "ask me again".
public struct Events: @unchecked Sendable {
    let table: drover_event

    /// Adds an event of type "Driver" to a task.
    public func task(_ id: String, _ message: String) throws(PluginError) {
        try check(
            "drover.event/1 task",
            id.withDroverText { id in message.withDroverText { table.task?(id, $0, drover_text()) } })
    }

    /// Asks the host to call `fingerprint`, or the probe of devices, again: "fingerprint", "devices", "health".
    public func changed(_ what: String) throws(PluginError) {
        try check("drover.event/1 changed", what.withDroverText { table.changed?($0) })
    }
}

/// `drover.kv/1`: small state that survives restarts. Keys to 256 bytes, values to 64 KiB.
public struct KeyValueStore: @unchecked Sendable {
    let table: drover_kv

    /// The value of `key`; `nil` when there is none.
    public func get(_ key: String) throws(PluginError) -> [UInt8]? {
        do throws(PluginError) {
            return try key.withDroverText { key throws(PluginError) in
                try Sink.collect("drover.kv/1") { table.get?(key, $0) }
            }
        } catch  where error.code == .notFound {
            return nil
        }
    }

    /// Stores a value; it survives a kill of any process from here on.
    public func put(_ key: String, _ value: [UInt8]) throws(PluginError) {
        try check("drover.kv/1", key.withDroverText { key in value.withDroverBytes { table.put?(key, $0) } })
    }

    /// Forgets a key.
    public func remove(_ key: String) throws(PluginError) {
        try check("drover.kv/1", key.withDroverText { table.remove?($0) })
    }

    /// The keys that begin with `prefix`, sorted.
    public func keys(prefix: String) throws(PluginError) -> [String] {
        let bytes = try prefix.withDroverText { prefix throws(PluginError) in
            try Sink.collect("drover.kv/1") { table.list?(prefix, $0) }
        }
        return try JSON(parsing: String(decoding: bytes, as: UTF8.self)).strings ?? []
    }
}

/// `drover.clock/1`: time, timers and randomness, real or simulated.
public struct Clock: @unchecked Sendable {
    let table: drover_clock

    /// Nanoseconds of a clock that never steps back; 0 if the host has none.
    public var monotonic: Int64 { table.monotonic_ns?() ?? 0 }
    /// Nanoseconds since 1970-01-01 UTC; 0 if the host has none.
    public var wall: Int64 { table.wall_ns?() ?? 0 }
    /// 64 random bits.
    public var random: UInt64 { table.random?() ?? 0 }

    /// Completes `call` after a while.
    public func sleep(nanoseconds: Int64, call: Call) {
        guard let sleep = table.sleep else {
            return call.fail(PluginError(.unsupported, "this host does not offer drover.clock/1"))
        }
        sleep(nanoseconds, call.raw)
    }

    /// Runs `body` after a while, unless cancelled before.
    public func after(nanoseconds: Int64, _ body: @escaping @Sendable () -> Void) -> PendingCall {
        let timer = PendingCall { result in
            if case .success = result { body() }
        }
        sleep(nanoseconds: nanoseconds, call: timer.call)
        return timer
    }
}

/// `drover.dirs/1`: folders.
public struct Folders: @unchecked Sendable {
    let table: drover_dirs

    /// A folder of a task: "alloc", "task", "local", "secrets" or "logs".
    public func task(_ id: String, _ name: String) throws(PluginError) -> String {
        let bytes = try id.withDroverText { id throws(PluginError) in
            try name.withDroverText { name throws(PluginError) in
                try Sink.collect("drover.dirs/1") { table.task?(id, name, $0) }
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The plug-in's own writable folder.
    public func own() throws(PluginError) -> String {
        String(decoding: try Sink.collect("drover.dirs/1") { table.own?($0) }, as: UTF8.self)
    }
}

/// Turns the answer of a host function without a sink into an error.
private func check(_ name: String, _ code: Int32?) throws(PluginError) {
    guard let code else { throw PluginError(.unsupported, "this host does not offer \(name)") }
    guard code == DROVER_OK else { throw PluginError(.init(rawValue: code), "\(name) failed") }
}
