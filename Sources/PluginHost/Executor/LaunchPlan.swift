package import Linux

/// Everything the shim is told, as read from the task document and the launch specification.
package struct LaunchPlan: Equatable, Sendable {
    /// A mount of a host's path; the target is a path inside the root.
    package struct Bind: Equatable, Sendable {
        package var source: String
        package var target: String
        package var readOnly: Bool
    }

    /// What the task sees as "/".
    package enum Root: Equatable, Sendable {
        case host
        case folder(String)
        /// Made in memory, of binds alone.
        case memory
    }

    package struct Limit: Equatable, Sendable {
        package var resource: Int32
        package var soft: Int64
        package var hard: Int64
    }

    package struct Logs: Equatable, Sendable {
        package var folder: String
        package var stdout: String
        package var stderr: String
        package var filesMax: Int64 = 10
        package var fileBytesMax: Int64 = 10 << 20
    }

    package var id = ""
    package var program = ""
    package var arguments: [String] = []
    package var environment: [(String, String)] = []
    package var cwd = ""
    package var user: UserIdentity?
    package var logs: Logs?
    package var limits = CgroupLimits()
    package var resourceLimits: [Limit] = []
    package var oomScore: Int64?
    package var namespaces: UInt64 = 0
    /// A network namespace of others to enter, as a path on the host.
    package var network: String?
    package var root = Root.host
    package var pivotsRoot = true
    package var hostname: String?
    package var binds: [Bind] = []
    package var capabilities: UInt64?
    package var noNewPrivileges = false
    package var filtersSystemCalls = false
    package var cgroupParent: String?
    /// Control groups of others, joined and never killed.
    package var cgroupsJoined: [String] = []

    package init() {}

    package static func == (left: LaunchPlan, right: LaunchPlan) -> Bool {
        left.records(cgroups: [], runFolder: "") == right.records(cgroups: [], runFolder: "")
    }

    /// The file `spec` (Sources/drover-shim/spec.h): records ended by NUL. A root in memory is made on `<runFolder>/root`.
    package func records(cgroups: [String], runFolder: String) -> [UInt8] {
        var out: [UInt8] = []
        func add(_ record: String) {
            out += Array(record.utf8)
            out.append(0)
        }
        add("drover-shim-spec 1")
        add("id=\(id)")
        add("path=\(program)")
        for argument in arguments { add("argv=\(argument)") }
        for (name, value) in environment { add("env=\(name)=\(value)") }
        if !cwd.isEmpty { add("cwd=\(cwd)") }
        if let user {
            add("uid=\(user.uid)")
            add("gid=\(user.gid)")
            for group in user.groups { add("group=\(group)") }
        }
        for cgroup in cgroups { add("cgroup=\(cgroup)") }
        for cgroup in cgroupsJoined { add("cgroup_join=\(cgroup)") }
        for limit in resourceLimits { add("limit=\(limit.resource) \(limit.soft) \(limit.hard)") }
        if let oomScore { add("oom_score_adj=\(oomScore)") }
        addIsolation(add, runFolder)
        if let logs {
            add("log_dir=\(logs.folder)")
            add("log_stdout=\(logs.stdout)")
            add("log_stderr=\(logs.stderr)")
            add("log_files_max=\(logs.filesMax)")
            add("log_bytes_max=\(logs.fileBytesMax)")
        }
        add("end")
        return out
    }

    private func addIsolation(_ add: (String) -> Void, _ runFolder: String) {
        if namespaces != 0 { add("namespaces=\(namespaces)") }
        if let network { add("network=\(network)") }
        switch root {
        case .host: break
        case .folder(let path): add("root=\(path)")
        case .memory:
            add("root=\(runFolder)/root")
            add("root_tmpfs=1")
        }
        if !pivotsRoot { add("no_pivot=1") }
        if let hostname { add("hostname=\(hostname)") }
        for bind in binds { add("bind=\(bind.readOnly ? "ro" : "rw") \(bind.source)\t\(bind.target)") }
        if namespaces & LaunchPlan.pidAndMount == LaunchPlan.pidAndMount { add("mount_proc=1") }
        if let capabilities { add("capabilities=\(capabilities)") }
        if noNewPrivileges { add("no_new_privs=1") }
        if filtersSystemCalls { add("seccomp=1") }
    }

    /// CLONE_NEWNET.
    static let networks: UInt64 = 0x4000_0000
    /// CLONE_NEWPID and CLONE_NEWNS.
    private static let pidAndMount: UInt64 = 0x2000_0000 | 0x0002_0000
}
