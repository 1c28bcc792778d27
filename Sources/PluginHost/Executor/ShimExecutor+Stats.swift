internal import CDroverABI
internal import Glibc
internal import Linux

extension ShimExecutor {
    /// One `drover_task_stats` record for each running task of `ids` (separated by newlines; empty: all), one after the other.
    package func stats(ids: String) -> [[UInt8]] {
        let runs: [TaskRun]
        if ids.isEmpty {
            runs = allRuns()
        } else {
            runs = ids.split(separator: "\n").compactMap { try? known(String($0)) }
        }
        return runs.filter { $0.exit == nil }.map { record(of: $0) }
    }

    /// The processes of a running task.
    func pids(of run: TaskRun) -> [Int32] {
        if let cgroup = run.cgroup { return cgroup.pids() }
        guard let task = run.shimState.task else { return [] }
        return ProcessTable.tree(task.pid)
    }

    private func record(of run: TaskRun) -> [UInt8] {
        var stats = drover_task_stats()
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        stats.time_ns = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        fill(&stats, from: run.cgroup?.usage() ?? processUsage(run))
        // Not of a control group: it would cost every start another one.
        if let io = ProcessTable.blockIO(pids(of: run)) {
            stats.io_read_bytes = io.read
            stats.io_write_bytes = io.write
            stats.present |= DROVER_STATS_IO
        }
        let id = Array(run.id.utf8)
        let head = MemoryLayout<drover_task_stats>.size
        let size = (head + id.count + 7) & ~7
        stats.size = UInt32(size)
        stats.id_length = UInt32(id.count)
        stats.id_offset = UInt32(head)
        var bytes = withUnsafeBytes(of: stats) { Array($0) } + id
        bytes += [UInt8](repeating: 0, count: size - bytes.count)
        return bytes
    }

    private func fill(_ stats: inout drover_task_stats, from usage: CgroupUsage) {
        var present: UInt64 = 0
        func set(_ bit: UInt64, _ value: UInt64?, _ field: inout UInt64) {
            guard let value else { return }
            field = value
            present |= bit
        }
        // Bits in the order of driver.h, DROVER_STATS_CPU_NS ... DROVER_STATS_PIDS.
        set(1 << 0, usage.cpuNanoseconds, &stats.cpu_ns)
        set(1 << 1, usage.cpuUserNanoseconds, &stats.cpu_user_ns)
        set(1 << 2, usage.cpuSystemNanoseconds, &stats.cpu_system_ns)
        set(1 << 3, usage.throttledPeriods, &stats.throttled_periods)
        set(1 << 3, usage.throttledNanoseconds, &stats.throttled_ns)
        set(1 << 4, usage.memoryResident, &stats.memory_rss)
        set(1 << 5, usage.memoryCache, &stats.memory_cache)
        set(1 << 6, usage.memorySwap, &stats.memory_swap)
        set(1 << 7, usage.memoryUsage, &stats.memory_usage)
        set(1 << 8, usage.memoryUsageMax, &stats.memory_usage_max)
        set(1 << 9, usage.pids, &stats.pids)
        stats.present = present
    }

    /// Without a control group: the sum over the live processes of the task's tree.
    private func processUsage(_ run: TaskRun) -> CgroupUsage {
        var usage = CgroupUsage()
        var (user, system, resident, threads) = (UInt64(0), UInt64(0), UInt64(0), UInt64(0))
        for pid in pids(of: run) {
            guard let one = ProcessTable.usage(pid) else { continue }
            user += one.user
            system += one.system
            resident += one.resident
            threads += one.threads
        }
        usage.cpuNanoseconds = user + system
        usage.cpuUserNanoseconds = user
        usage.cpuSystemNanoseconds = system
        usage.memoryResident = resident
        usage.pids = threads
        return usage
    }
}
