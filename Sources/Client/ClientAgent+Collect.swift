internal import Basics
internal import Linux
internal import Logging
internal import Model
internal import PluginHost
internal import Synchronization

/// Clearing away ended allocations.
extension ClientAgent {
    /// Looks regularly, and a second after allocations have ended, for ended allocations beyond the limits.
    ///
    /// While more of them end in each second, what runs goes first: removing many files makes a disk slow to create others. The
    /// regular look comes all the same.
    func collectForever() async throws {
        var seen: UInt64 = 0
        while true {
            await collect()
            let begin = world.seam.time.uptime
            var last = seen
            seen = try await end(after: last, within: world.configuration.collectInterval)
            while seen != last, world.seam.time.uptime - begin < world.configuration.collectInterval {
                last = seen
                seen = try await end(after: last, within: .seconds(1))
            }
        }
    }

    /// How many allocations have ended: returns when there are more than `seen`, or after `time`.
    private func end(after seen: UInt64, within time: Duration) async throws -> UInt64 {
        try await race(
            [
                { [world] in
                    try await world.seam.time.sleep(for: time)
                    return seen
                },
                { [ended] in try await ended.changed(since: seen) },
            ] as [@Sendable () async throws -> UInt64])
    }

    private func collect() async {
        for runner in runners where runner.hasEnded && runner.isRemoved { await destroy(runner) }
        let done = runners.filter { $0.hasEnded }
            .sorted { ($0.endedAt, $0.id) < ($1.endedAt, $1.id) }
        let excess = max(0, done.count - world.configuration.endedAllocationsMax)
        // A full disk takes all that ended some time ago; its logs have had their chance to be read.
        let (now, age) = (world.seam.time.now, world.configuration.collectInterval)
        let count = await diskIsFull() ? max(excess, done.prefix { now - $0.endedAt > age }.count) : excess
        for runner in done.prefix(count) { await destroy(runner) }
    }

    private func diskIsFull() async -> Bool {
        guard !(world.modes is NoFileModes) else { return false }
        let folder = world.configuration.allocationFolder
        let use = try? await world.seam.blocking.run { try Machine.storage(at: folder) }
        guard let use, use.bytesTotal > 0 else { return false }
        return Double(use.bytesUsed) / Double(use.bytesTotal) * 100 > world.configuration.diskUsageMax
    }

    /// Removes an ended allocation's folders and records.
    func destroy(_ runner: AllocationRunner) async {
        table.withLock { _ = $0.leaving.insert(runner.id) }
        defer { table.withLock { _ = $0.leaving.remove(runner.id) } }
        let (disk, root) = (world.seam.disk, runner.folders.root)
        do {
            try await runner.network.clear(isLast: true)
            try await world.seam.blocking.run { try disk.remove(root) }
            try await world.store.remove(runner.id)
            table.withLock { _ = $0.runners.removeValue(forKey: runner.id) }
            world.log.info("allocation removed", metadata: ["alloc.id": "\(runner.id)"])
        } catch {
            world.log.warning(
                "cannot remove an allocation", metadata: ["alloc.id": "\(runner.id)", "error": "\(error)"])
        }
    }

    /// Folders of allocations that neither servers nor store know: their tasks are ended and the folders removed.
    func removeOrphans() async {
        let (disk, base) = (world.seam.disk, world.configuration.allocationFolder)
        let names = (try? await world.seam.blocking.run { try disk.list(base) }) ?? []
        for name in names {
            guard let id = ID(name), !id.isNone, runner(id) == nil else { continue }
            let folders = AllocationFolders(base: base, id: id)
            let tasks = (try? await world.seam.blocking.run { try disk.list(folders.root) }) ?? []
            for task in tasks { await endOrphan(folders.attemptFile(task)) }
            do {
                try await AllocationNetwork(id: id, folders: folders, world: world).clear(isLast: true)
                try await world.seam.blocking.run { try disk.remove(folders.root) }
                world.log.info("removed the folders of an unknown allocation", metadata: ["alloc.id": "\(id)"])
            } catch {
                world.log.warning("cannot remove folders", metadata: ["alloc.id": "\(id)", "error": "\(error)"])
            }
        }
    }

    private func endOrphan(_ attemptFile: String) async {
        let disk = world.seam.disk
        let bytes = try? await world.seam.blocking.run { try disk.read(attemptFile, limit: 4_096) }
        guard let bytes, let json = try? JSONParser.parse(bytes), let id = json["id"]?.string,
            let driver = world.drivers.driver(named: json["driver"]?.string ?? "")
        else { return }
        try? await driver.destroy(id, force: true)
    }

    /// Puts what drivers say of a task into its event list.
    func followDriverEvents() async {
        for await event in world.drivers.driverEvents() {
            guard case .task(_, let taskID, let message, let details) = event else { continue }
            var texts: [String: String] = [:]
            for (key, value) in details.object?.members ?? [] { texts[key] = value.string ?? value.text }
            for runner in runners {
                for (_, task, id) in runner.runningTasks() where id == taskID {
                    runner.task(task)?.emit(.driver(message, details: texts))
                }
            }
        }
    }
}
