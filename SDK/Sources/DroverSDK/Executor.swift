internal import CDroverABI

/// `drover.executor/1`: processes that outlive plug-in and agent. `drover/executor.h` says what each operation does.
public struct Executor: @unchecked Sendable {
    let table: drover_executor

    /// Starts the task of `task` as `spec`, a launch specification, says; idempotent on the task's id.
    public func launch(_ task: TaskDocument, spec: JSON, call: Call) {
        guard let launch = table.launch else { return unsupported(call) }
        let text = spec.text
        task.text.withDroverText { task in text.withDroverText { launch(task, $0, call.raw) } }
    }

    /// Finds a task launched before; `handle` is `nil` when the answer of `launch` was lost.
    public func recover(_ task: TaskDocument, handle: JSON?, call: Call) {
        guard let recover = table.recover else { return unsupported(call) }
        let text = handle?.text ?? ""
        task.text.withDroverText { task in text.withDroverText { recover(task, $0, call.raw) } }
    }

    /// Completes when the task has ended.
    public func wait(_ id: String, call: Call) {
        guard let wait = table.wait else { return unsupported(call) }
        id.withDroverText { wait($0, call.raw) }
    }

    /// Sends a signal ("" is SIGTERM), and kills after the timeout.
    public func stop(_ id: String, signal: String, timeoutNanoseconds: Int64, call: Call) {
        guard let stop = table.stop else { return unsupported(call) }
        id.withDroverText { id in signal.withDroverText { stop(id, $0, timeoutNanoseconds, call.raw) } }
    }

    /// Sends a signal by name.
    public func signal(_ id: String, _ name: String) throws(PluginError) {
        _ = try id.withDroverText { id throws(PluginError) in
            try name.withDroverText { name throws(PluginError) in
                try Sink.collect("drover.executor/1") { table.signal?(id, name, $0) }
            }
        }
    }

    /// Runs one more program inside the task.
    public func exec(_ id: String, execID: String, request: String, streams: StandardStreams, call: Call) {
        guard let exec = table.exec else { return unsupported(call) }
        id.withDroverText { id in
            execID.withDroverText { execID in
                request.withDroverText { request in
                    exec(id, execID, request, streams.input, streams.output, streams.error, call.raw)
                }
            }
        }
    }

    /// Sets the terminal size of a running `exec`.
    public func resize(execID: String, rows: Int32, columns: Int32) throws(PluginError) {
        _ = try execID.withDroverText { execID throws(PluginError) in
            try Sink.collect("drover.executor/1") { table.resize?(execID, rows, columns, $0) }
        }
    }

    /// Writes `drover_task_stats` records of the tasks in `ids` (separated by newlines; empty: all).
    public func stats(_ ids: String, into sink: Sink) throws(PluginError) {
        let bytes = try ids.withDroverText { ids throws(PluginError) in
            try Sink.collect("drover.executor/1") { table.stats?(ids, $0) }
        }
        if !bytes.isEmpty { try sink.write(bytes) }
    }

    /// Forgets an ended task; kills a running one first if `force`.
    public func destroy(_ id: String, force: Bool) throws(PluginError) {
        _ = try id.withDroverText { id throws(PluginError) in
            try Sink.collect("drover.executor/1") { table.destroy?(id, force ? 1 : 0, $0) }
        }
    }

    /// What the executor knows of a task.
    public func inspect(_ id: String) throws(PluginError) -> JSON {
        let bytes = try id.withDroverText { id throws(PluginError) in
            try Sink.collect("drover.executor/1") { table.inspect?(id, $0) }
        }
        return try JSON(parsing: String(decoding: bytes, as: UTF8.self))
    }

    private func unsupported(_ call: Call) {
        call.fail(PluginError(.unsupported, "this host does not offer drover.executor/1"))
    }
}

/// The standard streams of an `exec`, borrowed until its call completes.
public struct StandardStreams: Sendable {
    public let input: Int32
    public let output: Int32
    public let error: Int32

    public init(input: Int32, output: Int32, error: Int32) {
        self.input = input
        self.output = output
        self.error = error
    }
}
