internal import DroverSDK

/// What containers use: as their control groups count it, or the engine, where it is on another machine (Engine API:
/// ContainerStats).
enum ContainerStats {
    /// Samples asked for at the same time.
    static let parallelMax = 16
    /// The host waits a second for all of them.
    static let patienceNanoseconds: Int64 = 900_000_000

    private enum Answer: Sendable {
        case record([UInt8]?)
        case timeIsUp
    }

    /// The records of those `entries` that answer in time.
    static func collect(_ entries: [TaskTable.Entry], _ client: EngineClient) async -> [[UInt8]] {
        await withTaskGroup(of: Answer.self) { group in
            group.addTask {
                try? await client.clock.pause(nanoseconds: patienceNanoseconds)
                return .timeIsUp
            }
            var waiting = entries[...]
            var records: [[UInt8]] = []
            for entry in waiting.prefix(parallelMax) {
                group.addTask { .record(await sample(entry, client)) }
            }
            waiting = waiting.dropFirst(parallelMax)
            for _ in entries {
                guard case .record(let record)? = await group.next() else { break }
                if let record { records.append(record) }
                if let entry = waiting.popFirst() { group.addTask { .record(await sample(entry, client)) } }
            }
            group.cancelAll()
            return records
        }
    }

    private static func sample(_ entry: TaskTable.Entry, _ client: EngineClient) async -> [UInt8]? {
        if let group = ContainerCgroup(pid: entry.pid, container: entry.container),
            let stats = group.usage(entry.id, time: client.clock.wall)
        {
            return stats.record
        }
        // An engine elsewhere. "one-shot": it does not wait for a second sample.
        let request = EngineRequest(
            "GET", "/containers/\(entry.container)/stats", ["stream": "false", "one-shot": "true"])
        guard let answer = try? await client.ask(request, seconds: 5), answer.isSuccess else { return nil }
        return record(entry.id, answer.json, time: client.clock.wall)
    }

    /// The record of one sample; `nil` for one of a container that does not run.
    static func record(_ id: String, _ sample: JSON, time: Int64) -> [UInt8]? {
        guard let cpu = sample["cpu_stats"]?["cpu_usage"], (sample["pids_stats"]?["current"]?.integer ?? 1) > 0 else {
            return nil
        }
        func number(_ json: JSON?) -> UInt64? { json?.integer.flatMap { UInt64(exactly: $0) } }
        var stats = TaskStats(id: id, time: time)
        stats.cpuNanoseconds = number(cpu["total_usage"])
        stats.cpuUserNanoseconds = number(cpu["usage_in_usermode"])
        stats.cpuSystemNanoseconds = number(cpu["usage_in_kernelmode"])
        let throttling = sample["cpu_stats"]?["throttling_data"]
        stats.throttledPeriods = number(throttling?["throttled_periods"])
        stats.throttledNanoseconds = number(throttling?["throttled_time"])
        let memory = sample["memory_stats"]
        let detail = memory?["stats"]
        // Control groups v1 say rss and cache, v2 anon and file.
        stats.memoryRSSBytes = number(detail?["rss"]) ?? number(detail?["anon"])
        stats.memoryCacheBytes = number(detail?["cache"]) ?? number(detail?["file"])
        stats.memorySwapBytes = number(detail?["swap"])
        stats.memoryUsageBytes = number(memory?["usage"])
        stats.memoryUsageMaxBytes = number(memory?["max_usage"])
        stats.processes = number(sample["pids_stats"]?["current"])
        if let io = sample["blkio_stats"]?["io_service_bytes_recursive"]?.array {
            // The engine writes "Read" on version 1, "read" on version 2.
            func sum(_ kind: String) -> UInt64 {
                io.filter { $0["op"]?.string?.lowercased() == kind }.reduce(0) { $0 + (number($1["value"]) ?? 0) }
            }
            (stats.ioReadBytes, stats.ioWriteBytes) = (sum("read"), sum("write"))
        }
        return stats.record
    }
}
