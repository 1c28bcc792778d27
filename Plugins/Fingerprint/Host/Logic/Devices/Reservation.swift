internal import DroverSDK

/// How a task uses its devices, while it is being put together.
struct Reservation: Sendable, Equatable {
    var environment: [String: String] = [:]
    private(set) var files: [String] = []
    /// Whether the task sees the machine's /sys, read-only.
    var showsSys = false

    /// Device files that the task may read and write, each once.
    mutating func add(files more: [String]) {
        for file in more where !files.contains(file) { files.append(file) }
    }

    /// The answer of `reserve` (device.h).
    var json: JSON {
        [
            "env": .object(environment.mapValues(JSON.string)),
            "mounts": .array(showsSys ? [["source": "/sys", "target": "/sys", "read_only": true]] : []),
            "devices": .array(
                files.map { ["host_path": .string($0), "task_path": .string($0), "permissions": "rw"] }),
        ]
    }
}
