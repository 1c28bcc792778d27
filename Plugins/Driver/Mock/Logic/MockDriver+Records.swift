internal import DroverSDK

/// What survives of a task in the host's key-value store, under the task's id.
struct MockRecord {
    /// Wall clock, in nanoseconds.
    let startedAt: Int64
    /// How it ended; `nil` while it runs.
    let exit: TaskExit?

    init(startedAt: Int64, exit: TaskExit?) {
        self.startedAt = startedAt
        self.exit = exit
    }

    init(_ json: JSON) throws(PluginError) {
        startedAt = try json.int("started_ns")
        guard let exit = json["exit"] else {
            self.exit = nil
            return
        }
        let message = try exit.text("error")
        self.exit = TaskExit(
            exitCode: try exit.int("exit_code"), signal: try exit.int("signal"),
            outOfMemory: try exit.flag("oom_killed"), error: message.isEmpty ? nil : message)
    }

    var json: JSON {
        ["version": 1, "started_ns": .integer(startedAt), "exit": exit?.json ?? .null]
    }
}

extension MockDriver {
    /// Stores the record; a host without a store keeps tasks for the life of the instance only.
    func record(_ id: String, _ record: MockRecord) {
        do {
            try host.store.put(id, Array(record.json.text.utf8))
        } catch {
            host.log.warn("cannot record a task", ["task": id, "error": error.message])
        }
    }

    /// The record of a task that an earlier instance started; `nil` when there is none.
    func recorded(_ id: String) throws(PluginError) -> MockRecord? {
        guard let bytes = try host.store.get(id) else { return nil }
        return try MockRecord(JSON(parsing: String(decoding: bytes, as: UTF8.self)))
    }
}
