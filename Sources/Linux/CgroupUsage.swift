/// Use of resources by a control group since it was made; nil where the hierarchy does not say.
package struct CgroupUsage: Equatable, Sendable {
    package var cpuNanoseconds: UInt64?
    package var cpuUserNanoseconds: UInt64?
    package var cpuSystemNanoseconds: UInt64?
    package var throttledPeriods: UInt64?
    package var throttledNanoseconds: UInt64?
    package var memoryResident: UInt64?
    package var memoryCache: UInt64?
    package var memorySwap: UInt64?
    package var memoryUsage: UInt64?
    package var memoryUsageMax: UInt64?
    package var pids: UInt64?

    package init() {}
}

extension Cgroup {
    /// Reads the counters of every controller the group has.
    package func usage() -> CgroupUsage {
        switch version {
        case .v1: usageV1()
        case .v2: usageV2()
        }
    }

    private func usageV1() -> CgroupUsage {
        var usage = CgroupUsage()
        if let cpu = folders["cpuacct"] ?? folders["cpu"] {
            usage.cpuNanoseconds = Cgroup.number(cpu + "/cpuacct.usage")
            usage.cpuUserNanoseconds = Cgroup.number(cpu + "/cpuacct.usage_user")
            usage.cpuSystemNanoseconds = Cgroup.number(cpu + "/cpuacct.usage_sys")
        }
        if let cpu = folders["cpu"] {
            let table = Cgroup.table(cpu + "/cpu.stat")
            usage.throttledPeriods = table["nr_throttled"]
            usage.throttledNanoseconds = table["throttled_time"]
        }
        if let memory = folders["memory"] {
            let table = Cgroup.table(memory + "/memory.stat")
            usage.memoryResident = table["rss"]
            usage.memoryCache = table["cache"]
            usage.memorySwap = table["swap"]
            usage.memoryUsage = Cgroup.number(memory + "/memory.usage_in_bytes")
            usage.memoryUsageMax = Cgroup.number(memory + "/memory.max_usage_in_bytes")
        }
        if let pids = folders["pids"] {
            usage.pids = Cgroup.number(pids + "/pids.current")
        } else if let any = folders.values.min(), let threads = SmallFile.text(any + "/tasks") {
            // Every hierarchy lists what pids.current counts.
            usage.pids = UInt64(threads.split(separator: "\n").count)
        }
        return usage
    }

    private func usageV2() -> CgroupUsage {
        var usage = CgroupUsage()
        guard let folder = folders[""] else { return usage }
        let cpu = Cgroup.table(folder + "/cpu.stat")
        usage.cpuNanoseconds = cpu["usage_usec"].map { $0 * 1_000 }
        usage.cpuUserNanoseconds = cpu["user_usec"].map { $0 * 1_000 }
        usage.cpuSystemNanoseconds = cpu["system_usec"].map { $0 * 1_000 }
        usage.throttledPeriods = cpu["nr_throttled"]
        usage.throttledNanoseconds = cpu["throttled_usec"].map { $0 * 1_000 }
        let memory = Cgroup.table(folder + "/memory.stat")
        usage.memoryResident = memory["anon"]
        usage.memoryCache = memory["file"]
        usage.memorySwap = Cgroup.number(folder + "/memory.swap.current")
        usage.memoryUsage = Cgroup.number(folder + "/memory.current")
        usage.memoryUsageMax = Cgroup.number(folder + "/memory.peak")
        usage.pids = Cgroup.number(folder + "/pids.current")
        return usage
    }

    private static func number(_ path: String) -> UInt64? { SmallFile.text(path).flatMap { UInt64($0) } }

    /// "key value" lines.
    private static func table(_ path: String) -> [String: UInt64] {
        var table: [String: UInt64] = [:]
        for line in (SmallFile.text(path) ?? "").split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, let value = UInt64(words[1]) { table[String(words[0])] = value }
        }
        return table
    }
}
