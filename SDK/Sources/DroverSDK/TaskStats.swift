internal import CDroverABI

/// One task's use of resources: makes a `drover_task_stats` record. What is `nil` is reported as not measured.
public struct TaskStats: Sendable {
    public var id: String
    /// Wall clock of the sample, in nanoseconds.
    public var time: Int64
    /// CPU time since the start of the task, in nanoseconds.
    public var cpuNanoseconds: UInt64?
    public var cpuUserNanoseconds: UInt64?
    public var cpuSystemNanoseconds: UInt64?
    /// Both or neither.
    public var throttledPeriods: UInt64?
    public var throttledNanoseconds: UInt64?
    public var memoryRSSBytes: UInt64?
    public var memoryCacheBytes: UInt64?
    public var memorySwapBytes: UInt64?
    public var memoryUsageBytes: UInt64?
    public var memoryUsageMaxBytes: UInt64?
    /// Processes and threads.
    public var processes: UInt64?
    /// Of block devices; both or neither.
    public var ioReadBytes: UInt64?
    public var ioWriteBytes: UInt64?

    public init(id: String, time: Int64) {
        self.id = id
        self.time = time
    }

    /// The record, with the id after it, padded to a multiple of 8.
    public var record: [UInt8] {
        let header = MemoryLayout<drover_task_stats>.size
        let size = (header + id.utf8.count + 7) & ~7
        var stats = drover_task_stats()
        stats.size = UInt32(size)
        stats.id_length = UInt32(id.utf8.count)
        stats.id_offset = UInt32(header)
        stats.time_ns = time
        set(&stats, \.cpu_ns, DROVER_STATS_CPU_NS, cpuNanoseconds)
        set(&stats, \.cpu_user_ns, DROVER_STATS_CPU_USER_NS, cpuUserNanoseconds)
        set(&stats, \.cpu_system_ns, DROVER_STATS_CPU_SYSTEM_NS, cpuSystemNanoseconds)
        set(&stats, \.throttled_periods, DROVER_STATS_THROTTLED, throttledPeriods)
        set(&stats, \.throttled_ns, DROVER_STATS_THROTTLED, throttledNanoseconds)
        set(&stats, \.memory_rss, DROVER_STATS_RSS, memoryRSSBytes)
        set(&stats, \.memory_cache, DROVER_STATS_CACHE, memoryCacheBytes)
        set(&stats, \.memory_swap, DROVER_STATS_SWAP, memorySwapBytes)
        set(&stats, \.memory_usage, DROVER_STATS_USAGE, memoryUsageBytes)
        set(&stats, \.memory_usage_max, DROVER_STATS_USAGE_MAX, memoryUsageMaxBytes)
        set(&stats, \.pids, DROVER_STATS_PIDS, processes)
        set(&stats, \.io_read_bytes, DROVER_STATS_IO, ioReadBytes)
        set(&stats, \.io_write_bytes, DROVER_STATS_IO, ioWriteBytes)
        var bytes = withUnsafeBytes(of: &stats) { Array($0) }
        bytes.append(contentsOf: id.utf8)
        bytes.append(contentsOf: repeatElement(0, count: size - bytes.count))
        return bytes
    }

    private func set(
        _ stats: inout drover_task_stats, _ field: WritableKeyPath<drover_task_stats, UInt64>, _ bit: UInt64,
        _ value: UInt64?
    ) {
        guard let value else { return }
        stats[keyPath: field] = value
        stats.present |= bit
    }
}
