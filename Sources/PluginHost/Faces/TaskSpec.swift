package import Basics

/// One attempt of one task, as drivers see it: the task document of driver.h.
package struct TaskSpec: Sendable, Equatable {
    /// Unique, opaque, at most 256 bytes, without NUL or newline.
    package var id: String
    package var attempt = 0
    package var name = ""
    package var allocationID = ""
    package var allocationName = ""
    package var group = ""
    package var jobID = ""
    package var namespace = ""
    package var nodeID = ""
    /// The job's config block, interpolated and checked against the driver's schema.
    package var config: JSON = .object([])
    package var environment: [String: String] = [:]
    package var user = ""
    package var directories = Directories()
    package var logs = Logs()
    package var resources = Resources()
    package var ports: [Port] = []
    /// As driver.h "network": "host", "group" or "none", with "group" the file of the group's network, and its name if it has one.
    package var networkMode = "host"
    package var networkPath = ""
    package var hostname = ""
    /// As driver.h "devices"; what they add to the environment is in ``environment`` already.
    package var devices: [JSON] = []
    package var mounts: [Mount] = []
    package var killTimeout: Duration = .seconds(5)
    package var killSignal = ""

    package init(id: String) { self.id = id }

    /// Absolute paths; all exist.
    package struct Directories: Sendable, Equatable {
        package var allocation = ""
        package var task = ""
        package var local = ""
        package var secrets = ""

        package init() {}
    }

    package struct Logs: Sendable, Equatable {
        package var directory = ""
        /// File name prefixes: output goes to `<directory>/<prefix>.0`, `.1`, ...
        package var stdout = ""
        package var stderr = ""
        package var filesMax = 10
        package var fileBytesMax: Int64 = 10 << 20
        package var enabled = true

        package init() {}
    }

    package struct Resources: Sendable, Equatable {
        package var cpuMHz: Int64 = 0
        package var cores: [Int] = []
        package var memoryBytes: Int64 = 0
        /// 0: none given.
        package var memoryMaxBytes: Int64 = 0
        package var diskBytes: Int64 = 0

        package init() {}
    }

    package struct Port: Sendable, Equatable {
        package var label: String
        package var hostIP: String
        package var hostPort: Int
        /// The port inside the task's network; 0: the same.
        package var to: Int

        package init(label: String, hostIP: String, hostPort: Int, to: Int = 0) {
            self.label = label
            self.hostIP = hostIP
            self.hostPort = hostPort
            self.to = to
        }
    }

    package struct Mount: Sendable, Equatable {
        package var source: String
        package var target: String
        package var readOnly: Bool
        /// Of mount_namespaces(7): "private", "rslave" or "rshared".
        package var propagation: String

        package init(source: String, target: String, readOnly: Bool, propagation: String = "private") {
            self.source = source
            self.target = target
            self.readOnly = readOnly
            self.propagation = propagation
        }
    }

    /// The task document.
    package var document: [UInt8] {
        JSON.object([
            ("id", .string(id)), ("attempt", .integer(Int64(attempt))), ("name", .string(name)),
            ("alloc_id", .string(allocationID)), ("alloc_name", .string(allocationName)), ("group", .string(group)),
            ("job_id", .string(jobID)), ("namespace", .string(namespace)), ("node_id", .string(nodeID)),
            ("config", config), ("env", TaskSpec.texts(environment)), ("user", .string(user)),
            ("dirs", directoriesJSON), ("logs", logsJSON), ("resources", resourcesJSON),
            ("ports", .array(ports.map(TaskSpec.json))),
            (
                "network",
                .object([
                    ("mode", .string(networkMode)), ("path", .string(networkPath)), ("hostname", .string(hostname)),
                ])
            ),
            ("devices", .array(devices)), ("mounts", .array(mounts.map(TaskSpec.json))),
            ("kill_timeout_ns", .integer(killTimeout.nanosecondCount)), ("kill_signal", .string(killSignal)),
        ]).bytes
    }

    private var directoriesJSON: JSON {
        .object([
            ("alloc", .string(directories.allocation)), ("task", .string(directories.task)),
            ("local", .string(directories.local)), ("secrets", .string(directories.secrets)),
        ])
    }

    private var logsJSON: JSON {
        .object([
            ("dir", .string(logs.directory)), ("stdout", .string(logs.stdout)), ("stderr", .string(logs.stderr)),
            ("files_max", .integer(Int64(logs.filesMax))), ("file_bytes_max", .integer(logs.fileBytesMax)),
            ("enabled", .bool(logs.enabled)),
        ])
    }

    private var resourcesJSON: JSON {
        .object([
            ("cpu_mhz", .integer(resources.cpuMHz)), ("cores", .array(resources.cores.map { .integer(Int64($0)) })),
            ("memory_bytes", .integer(resources.memoryBytes)), ("memory_max_bytes", .integer(resources.memoryMaxBytes)),
            ("disk_bytes", .integer(resources.diskBytes)),
        ])
    }

    private static func json(_ port: Port) -> JSON {
        .object([
            ("label", .string(port.label)), ("host_ip", .string(port.hostIP)),
            ("host_port", .integer(Int64(port.hostPort))), ("to", .integer(Int64(port.to))),
        ])
    }

    private static func json(_ mount: Mount) -> JSON {
        .object([
            ("source", .string(mount.source)), ("target", .string(mount.target)), ("read_only", .bool(mount.readOnly)),
            ("propagation", .string(mount.propagation)),
        ])
    }

    /// An object of texts, keys in byte order.
    static func texts(_ map: [String: String]) -> JSON {
        .object(map.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
    }
}
