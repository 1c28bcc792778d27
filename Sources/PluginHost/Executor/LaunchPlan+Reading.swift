internal import Basics
internal import CDroverABI
internal import CLinux
internal import Linux

extension LaunchPlan {
    /// Reads the task document (driver.h) and the launch specification (executor.h). Keys the specification does not know are
    /// refused by name: a misspelt limit must not pass.
    package init(task: [UInt8], spec: [UInt8]) throws(ExecutorError) {
        self.init()
        let task = try LaunchPlan.parse(task, "task document")
        let spec = try LaunchPlan.parse(spec, "launch specification")
        try ObjectReader.only(
            ["argv", "env", "cwd", "user", "stdin", "logs", "limits", "isolation", "cgroup"], in: spec, at: "")
        id = task["id"]?.string ?? ""
        guard !id.isEmpty, id.utf8.count <= 256, !id.utf8.contains(0), !id.contains("\n") else {
            throw .invalid("task document: \"id\" must be 1 to 256 bytes without NUL and newline")
        }
        let environment = ObjectReader(spec["env"] == nil ? task["env"] : spec["env"], "env")
        self.environment = try environment.texts()
        let user = try ObjectReader.text(spec["user"], "user") ?? task["user"]?.string ?? ""
        if !user.isEmpty {
            guard let found = UserIdentity.find(user) else {
                throw ExecutorError(DROVER_E_NOT_FOUND, "user \"\(user)\" does not exist on this machine")
            }
            self.user = found
        }
        if let input = spec["stdin"]?.string, input != "null" {
            throw .invalid("launch specification: stdin must be \"null\", not \"\(input)\"")
        }
        try readIsolation(ObjectReader(spec["isolation"], "isolation"))
        let folder = task["dirs"]?["task"]?.string ?? ""
        cwd = try ObjectReader.text(spec["cwd"], "cwd") ?? (root == .host ? folder : "/")
        try readLogs(ObjectReader(spec["logs"] ?? task["logs"], "logs"))
        try readLimits(ObjectReader(spec["limits"], "limits"), task["resources"])
        try readCgroup(ObjectReader(spec["cgroup"], "cgroup"))
        try readArguments(ObjectReader(spec["argv"], "argv"), folder: folder)
    }

    private static func parse(_ bytes: [UInt8], _ what: String) throws(ExecutorError) -> JSON {
        let json: JSON
        do {
            json = try JSONParser.parse(bytes)
        } catch {
            throw .invalid("\(what): \(error)")
        }
        guard json.object != nil else { throw .invalid("\(what): not a JSON object") }
        return json
    }

    private mutating func readArguments(_ reader: ObjectReader, folder: String) throws(ExecutorError) {
        arguments = try reader.textArray()
        guard (1...4_096).contains(arguments.count), let name = arguments.first, !name.isEmpty else {
            throw .invalid("launch specification: argv must hold 1 to 4,096 texts, the first not empty")
        }
        let size = arguments.reduce(0) { $0 + $1.utf8.count + 1 }
        let total = environment.reduce(size) { $0 + $1.0.utf8.count + $1.1.utf8.count + 2 }
        guard total <= 1 << 20 else {
            throw .invalid("launch specification: argv and env take \(total) bytes; 1 MiB is the most")
        }
        for text in arguments + environment.flatMap({ [$0.0, $0.1] }) + [cwd] where text.utf8.contains(0) {
            throw .invalid("launch specification: argv, env and cwd must not hold NUL bytes")
        }
        let search = ProgramSearch(root: root, binds: binds, folder: folder, environment: environment)
        program = try search.find(name)
    }

    private mutating func readLogs(_ reader: ObjectReader) throws(ExecutorError) {
        guard reader.isPresent else { return }
        try reader.only(["dir", "stdout", "stderr", "files_max", "file_bytes_max", "enabled"])
        if try reader.flag("enabled") == false { return }
        guard let folder = try reader.text("dir"), let stdout = try reader.text("stdout"),
            let stderr = try reader.text("stderr")
        else { throw .invalid("logs: wants dir, stdout and stderr") }
        var logs = Logs(folder: folder, stdout: stdout, stderr: stderr)
        logs.filesMax = try reader.integer("files_max", in: 1...1_000) ?? logs.filesMax
        logs.fileBytesMax = try reader.integer("file_bytes_max", in: 1...(1 << 40)) ?? logs.fileBytesMax
        self.logs = logs
    }

    private mutating func readLimits(_ reader: ObjectReader, _ resources: JSON?) throws(ExecutorError) {
        try reader.only([
            "cpu_shares", "cpu_quota_us_per_100ms", "cores", "memory_bytes", "memory_max_bytes", "pids_max", "nofile",
            "core_bytes", "oom_score_adj", "enforce",
        ])
        let enforce = try reader.flag("enforce") ?? true
        let most: ClosedRange<Int64> = 0...(1 << 60)
        let memory = try reader.integer("memory_bytes", in: most) ?? resources?["memory_bytes"]?.integer ?? 0
        let askedMax = try reader.integer("memory_max_bytes", in: most)
        let memoryMax = askedMax ?? max(memory, resources?["memory_max_bytes"]?.integer ?? 0)
        let shares = try reader.integer("cpu_shares", in: 2...262_144) ?? resources?["cpu_mhz"]?.integer ?? 0
        let quota = try reader.integer("cpu_quota_us_per_100ms", in: 0...1_000_000_000) ?? 0
        let pids = try reader.integer("pids_max", in: 0...(1 << 22)) ?? 0
        if enforce {
            if shares > 0 { limits.cpuShares = UInt64(min(max(shares, 2), 262_144)) }
            if quota > 0 { limits.cpuQuotaMicroseconds = UInt64(max(quota, 1_000)) }
            let assigned = try ObjectReader(resources, "resources").integers("cores")
            limits.cores = try reader.integers("cores") ?? assigned ?? []
            if memoryMax > 0 { limits.memoryMaxBytes = UInt64(memoryMax) }
            if memory > 0 && memory < memoryMax { limits.memoryReservedBytes = UInt64(memory) }
        }
        if pids > 0 { limits.pidsMax = UInt64(pids) }
        if let files = try reader.integer("nofile", in: 3...(1 << 30)) {
            resourceLimits.append(Limit(resource: clinux_rlimit_nofile, soft: files, hard: files))
        }
        if let core = try reader.integer("core_bytes", in: 0...(1 << 60)) {
            resourceLimits.append(Limit(resource: clinux_rlimit_core, soft: core, hard: core))
        }
        oomScore = try reader.integer("oom_score_adj", in: -1_000...1_000)
    }

    private mutating func readCgroup(_ reader: ObjectReader) throws(ExecutorError) {
        try reader.only(["parent", "v2_override", "v1_override"])
        cgroupParent = try reader.text("parent")
        guard let host = CgroupHost.current else { return }
        if let path = try reader.text("v2_override"), !path.isEmpty {
            guard host.version == .v2 else { throw .invalid("cgroup.v2_override: this machine has cgroups v1") }
            let mount = host.mounts[""] ?? ""
            cgroupsJoined = [path.hasPrefix(mount + "/") ? path : mount + "/" + path]
        }
        let overrides = try reader.objects("v1_override")
        for entry in overrides {
            guard host.version == .v1 else { throw .invalid("cgroup.v1_override: this machine has cgroups v2") }
            let paths = try entry.texts()
            for (controller, path) in paths {
                guard let mount = host.mounts[controller] else {
                    throw .invalid("cgroup.v1_override: controller \"\(controller)\" is not mounted here")
                }
                cgroupsJoined.append(mount + "/" + path)
            }
        }
    }
}
