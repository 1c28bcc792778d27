package import Basics
internal import Linux
internal import Model
internal import PluginHost

/// Use of resources by tasks and machine.
extension ClientAgent {
    package func statistics(allocation: ID, task: String?) async throws -> JSON {
        let runner = try known(allocation)
        if let task, runner.task(task) == nil { throw CallError(.notFound, "task \"\(task)\" not found") }
        let ticks = ClientAgent.ticks(node)
        var tasks: [(String, JSON)] = []
        var total = TaskStats()
        var share = ProcessorShare()
        let resources = runner.allocation.allocatedResources.tasks.filter { task == nil || task == $0.key }
        let held = resources.mapValues { Set($0.heldDevices.map(\.device)) }
        let devices = held.values.allSatisfy(\.isEmpty) ? [] : await deviceStatistics()
        for (driverName, name, id) in runner.runningTasks() where task == nil || task == name {
            guard let driver = world.drivers.driver(named: driverName),
                let stats = try? await driver.stats([id]).first
            else { continue }
            let own = ProcessorShare(stats, since: runner.task(name)?.state.startedAt.time ?? stats.time, ticks: ticks)
            share.add(own)
            tasks.append(
                (name, ClientAgent.taskUsage(stats, own, DeviceStatistics.filter(devices, held[name] ?? []))))
            total.time = max(total.time, stats.time)
            total.cpu = ClientAgent.sum(total.cpu, stats.cpu)
            total.cpuUser = ClientAgent.sum(total.cpuUser, stats.cpuUser)
            total.cpuSystem = ClientAgent.sum(total.cpuSystem, stats.cpuSystem)
            total.memoryRSSBytes = (total.memoryRSSBytes ?? 0) + (stats.memoryRSSBytes ?? 0)
            if let read = stats.ioReadBytes { total.ioReadBytes = (total.ioReadBytes ?? 0) + read }
            if let written = stats.ioWriteBytes { total.ioWriteBytes = (total.ioWriteBytes ?? 0) + written }
            total.memoryUsageBytes = (total.memoryUsageBytes ?? 0) + (stats.memoryUsageBytes ?? 0)
        }
        return .object([
            (
                "ResourceUsage",
                ClientAgent.usage(total, share, DeviceStatistics.filter(devices, Set(held.values.joined())))
            ), ("Tasks", .object(tasks)),
            ("Timestamp", .integer(total.time.nanoseconds)),
        ])
    }

    package func hostStatistics() async throws -> JSON {
        let folder = world.configuration.allocationFolder
        let (now, uptime) = (world.seam.time.now, world.seam.time.uptime)
        let devices = await deviceStatistics()
        return try await world.seam.blocking.run {
            let memory = ClientAgent.memory()
            let disk = try Machine.storage(at: folder)
            let used = Double(disk.bytesUsed) / Double(max(1, disk.bytesTotal)) * 100
            let inodes = disk.inodesTotal - min(disk.inodesTotal, disk.inodesFree)
            let diskJSON = JSON.object([
                ("Device", .string("")), ("Mountpoint", .string(folder)),
                ("Size", .integer(Int64(disk.bytesTotal))), ("Used", .integer(Int64(disk.bytesUsed))),
                ("Available", .integer(Int64(disk.bytesFree))), ("UsedPercent", .number(used)),
                ("InodesUsedPercent", .number(Double(inodes) / Double(max(1, disk.inodesTotal)) * 100)),
            ])
            return .object([
                ("Timestamp", .integer(now.nanoseconds)), ("Uptime", .integer(uptime.nanoseconds / 1_000_000_000)),
                ("Memory", memory), ("CPU", .array(ClientAgent.processors())), ("AllocDirStats", diskJSON),
                ("DiskStats", .array([diskJSON])), ("DeviceStats", .array(devices)),
            ])
        }
    }

    private static func memory() -> JSON {
        var values: [String: Int64] = [:]
        for line in (SmallFile.text("/proc/meminfo") ?? "").split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count > 1, let kib = Int64(words[1]) { values[String(words[0].dropLast())] = kib << 10 }
        }
        let (total, available) = (values["MemTotal"] ?? 0, values["MemAvailable"] ?? 0)
        return .object([
            ("Total", .integer(total)), ("Available", .integer(available)), ("Used", .integer(total - available)),
            ("Free", .integer(values["MemFree"] ?? 0)),
        ])
    }

    /// Shares of the time since boot, per processor, in percent (proc(5), /proc/stat).
    private static func processors() -> [JSON] {
        var found: [JSON] = []
        for line in (SmallFile.text("/proc/stat") ?? "").split(separator: "\n") where line.hasPrefix("cpu") {
            let words = line.split(separator: " ")
            guard words[0] != "cpu", words.count > 8 else { continue }
            let ticks = words.dropFirst().prefix(8).compactMap { Double($0) }
            let all = max(1, ticks.reduce(0, +))
            found.append(
                .object([
                    ("CPU", .string(String(words[0]))), ("User", .number(ticks[0] / all * 100)),
                    ("System", .number(ticks[2] / all * 100)), ("Idle", .number(ticks[3] / all * 100)),
                    ("TotalPercent", .number((all - ticks[3] - ticks[4]) / all * 100)),
                ]))
        }
        return found
    }

    /// MHz of one of the node's processors; 0 if unknown.
    private static func ticks(_ node: Node) -> Double {
        let cpu = node.nodeResources.cpu
        return cpu.totalCpuCores > 0 ? Double(cpu.cpuShares) / Double(cpu.totalCpuCores) : 0
    }

    private static func taskUsage(_ stats: TaskStats, _ share: ProcessorShare, _ devices: [JSON]) -> JSON {
        .object([
            ("ResourceUsage", usage(stats, share, devices)), ("Timestamp", .integer(stats.time.nanoseconds)),
            ("Pids", .object([])),
        ])
    }

    private static func usage(_ stats: TaskStats, _ share: ProcessorShare, _ devices: [JSON]) -> JSON {
        var measured: [JSON] = []
        func number(_ name: String, _ value: UInt64?) -> (String, JSON) {
            if value != nil { measured.append(.string(name)) }
            return (name, .integer(Int64(clamping: value ?? 0)))
        }
        var memory = [
            number("RSS", stats.memoryRSSBytes), number("Cache", stats.memoryCacheBytes),
            number("Swap", stats.memorySwapBytes), number("Usage", stats.memoryUsageBytes),
            number("MaxUsage", stats.memoryUsageMaxBytes),
        ]
        memory.append(("Measured", .array(measured)))
        func seconds(_ time: Duration?) -> JSON { .number(Double((time ?? .zero).nanosecondCount) / 1e9) }
        let cpu: [(String, JSON)] = [
            ("TotalSeconds", seconds(stats.cpu)), ("UserSeconds", seconds(stats.cpuUser)),
            ("SystemSeconds", seconds(stats.cpuSystem)),
            ("Percent", .number(share.percent)), ("UserMode", .number(share.user)),
            ("SystemMode", .number(share.system)), ("TotalTicks", .number(share.ticks)),
            ("Measured", .array(["Percent", "User Mode", "System Mode", "Total Ticks"].map { .string($0) })),
            ("ThrottledPeriods", .integer(Int64(clamping: stats.throttledPeriods ?? 0))),
            ("ThrottledTime", .integer((stats.throttled ?? .zero).nanosecondCount)),
        ]
        measured = []
        var disk = [number("ReadBytes", stats.ioReadBytes), number("WriteBytes", stats.ioWriteBytes)]
        disk.append(("Measured", .array(measured)))
        return .object([
            ("MemoryStats", .object(memory)), ("CpuStats", .object(cpu)), ("IOStats", .object(disk)),
            ("DeviceStats", .array(devices)),
        ])
    }

    private static func sum(_ left: Duration?, _ right: Duration?) -> Duration? {
        right.map { (left ?? .zero) + $0 } ?? left
    }
}

/// What tasks use of the processors, on average since they started: a driver counts time used, and no rate.
private struct ProcessorShare {
    /// Percent of one processor.
    var percent = 0.0
    var user = 0.0
    var system = 0.0
    /// MHz.
    var ticks = 0.0

    init() {}

    /// `ticks` is MHz of one processor.
    init(_ stats: TaskStats, since start: Timestamp, ticks: Double) {
        let lifetime = Double(stats.time.nanoseconds - start.nanoseconds)
        guard start != .never, lifetime > 0 else { return }
        func share(_ time: Duration?) -> Double { Double((time ?? .zero).nanosecondCount) / lifetime * 100 }
        (percent, user, system) = (share(stats.cpu), share(stats.cpuUser), share(stats.cpuSystem))
        self.ticks = percent / 100 * ticks
    }

    mutating func add(_ other: ProcessorShare) {
        percent += other.percent
        user += other.user
        system += other.system
        ticks += other.ticks
    }
}
