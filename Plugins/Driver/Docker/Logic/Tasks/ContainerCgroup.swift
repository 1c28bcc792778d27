internal import DroverSDK
internal import PluginSupport

/// The control groups of a container on this machine: the engine's own counters are these, but it makes callers wait up to a
/// second for them.
struct ContainerCgroup: Sendable {
    /// Folders by controller; "" is the one of version 2.
    let folders: [String: String]

    /// Those of the process `pid`; `nil` unless they bear the container's name, for then the process is not here, or not it.
    init?(pid: Int64, container: String, read: (String) -> String? = SmallFile.read) {
        guard pid > 0, let text = read("/proc/\(pid)/cgroup") else { return nil }
        var folders: [String: String] = [:]
        for line in text.split(separator: "\n") {
            // cgroups(7): hierarchy-ID:controller-list:path.
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 3, parts[2].contains(container), !parts[2].contains("/..") else { continue }
            for controller in parts[1].split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
                let mount = controller.isEmpty ? "/sys/fs/cgroup" : "/sys/fs/cgroup/\(controller)"
                folders[controller] = mount + parts[2]
            }
        }
        guard !folders.isEmpty else { return nil }
        self.folders = folders
    }

    /// What the task uses now; `nil` when the groups are gone.
    func usage(_ id: String, time: Int64, read: (String) -> String? = SmallFile.read) -> TaskStats? {
        var stats = TaskStats(id: id, time: time)
        if let folder = folders[""], read(folder + "/cpu.stat") != nil {
            unified(folder, &stats, read)
        } else {
            separate(&stats, read)
        }
        return stats.cpuNanoseconds == nil ? nil : stats
    }

    /// Version 2: one folder (cgroup-v2.rst).
    private func unified(_ folder: String, _ stats: inout TaskStats, _ read: (String) -> String?) {
        let cpu = table(read(folder + "/cpu.stat"))
        stats.cpuNanoseconds = cpu["usage_usec"].map { $0 * 1_000 }
        stats.cpuUserNanoseconds = cpu["user_usec"].map { $0 * 1_000 }
        stats.cpuSystemNanoseconds = cpu["system_usec"].map { $0 * 1_000 }
        stats.throttledPeriods = cpu["nr_throttled"]
        stats.throttledNanoseconds = cpu["throttled_usec"].map { $0 * 1_000 }
        let memory = table(read(folder + "/memory.stat"))
        stats.memoryRSSBytes = memory["anon"]
        stats.memoryCacheBytes = memory["file"]
        stats.memorySwapBytes = number(read(folder + "/memory.swap.current"))
        stats.memoryUsageBytes = number(read(folder + "/memory.current"))
        stats.memoryUsageMaxBytes = number(read(folder + "/memory.peak"))
        stats.processes = number(read(folder + "/pids.current"))
        guard let io = read(folder + "/io.stat") else { return }
        let words = io.split { $0 == " " || $0 == "\n" }
        func sum(_ key: String) -> UInt64 {
            words.filter { $0.hasPrefix(key) }.reduce(0) { $0 + (UInt64($1.dropFirst(key.utf8.count)) ?? 0) }
        }
        (stats.ioReadBytes, stats.ioWriteBytes) = (sum("rbytes="), sum("wbytes="))
    }

    /// Version 1: a folder a controller (cgroup-v1/*.rst).
    private func separate(_ stats: inout TaskStats, _ read: (String) -> String?) {
        if let cpu = folders["cpuacct"] {
            stats.cpuNanoseconds = number(read(cpu + "/cpuacct.usage"))
            stats.cpuUserNanoseconds = number(read(cpu + "/cpuacct.usage_user"))
            stats.cpuSystemNanoseconds = number(read(cpu + "/cpuacct.usage_sys"))
        }
        if let cpu = folders["cpu"] {
            let throttling = table(read(cpu + "/cpu.stat"))
            stats.throttledPeriods = throttling["nr_throttled"]
            stats.throttledNanoseconds = throttling["throttled_time"]
        }
        if let memory = folders["memory"] {
            let detail = table(read(memory + "/memory.stat"))
            stats.memoryRSSBytes = detail["rss"]
            stats.memoryCacheBytes = detail["cache"]
            stats.memorySwapBytes = detail["swap"]
            stats.memoryUsageBytes = number(read(memory + "/memory.usage_in_bytes"))
            stats.memoryUsageMaxBytes = number(read(memory + "/memory.max_usage_in_bytes"))
        }
        if let pids = folders["pids"] { stats.processes = number(read(pids + "/pids.current")) }
        guard let io = folders["blkio"].flatMap({ read($0 + "/blkio.throttle.io_service_bytes_recursive") }) else {
            return
        }
        // "8:0 Read 4096", a line a device and kind.
        let lines = io.split(separator: "\n").map { $0.split(separator: " ") }
        func sum(_ kind: String) -> UInt64 {
            lines.filter { $0.count == 3 && $0[1] == kind }.reduce(0) { $0 + (UInt64($1[2]) ?? 0) }
        }
        (stats.ioReadBytes, stats.ioWriteBytes) = (sum("Read"), sum("Write"))
    }

    private func number(_ text: String?) -> UInt64? { text.flatMap { UInt64(SmallFile.trim(Substring($0))) } }

    /// "key value" lines.
    private func table(_ text: String?) -> [String: UInt64] {
        var table: [String: UInt64] = [:]
        for line in (text ?? "").split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, let value = UInt64(words[1]) { table[String(words[0])] = value }
        }
        return table
    }
}
