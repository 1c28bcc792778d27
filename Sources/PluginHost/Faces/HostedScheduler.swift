internal import Basics
internal import CDroverABI
internal import Synchronization

/// A scheduler plug-in behind ``Scheduler``.
final class HostedScheduler: Scheduler {
    let plugin: HostedPlugin
    let name: String
    let kinds: [String]

    /// Shared memory that no call uses now: where views are copied to that do not lie in shared memory themselves.
    private let copies = Mutex<[SharedMemory]>([])

    init(_ plugin: HostedPlugin, name: String, kinds: [String]) {
        self.plugin = plugin
        self.name = name
        self.kinds = kinds
    }

    /// Reads what `describe` answered.
    static func description(_ answer: [UInt8], plugin: String) throws(PluginError) -> (name: String, kinds: [String]) {
        let json = try DriverAnswers.object(answer, "describe", plugin: plugin)
        let kinds = json["kinds"]?.array?.compactMap(\.string) ?? []
        guard let name = json["name"]?.string, !name.isEmpty, !kinds.isEmpty else {
            throw DriverAnswers.garbage(plugin, "describe", "\"name\" or \"kinds\" is missing")
        }
        return (name, kinds)
    }

    func place(view: Block, batch: Block, deadline: Uptime) throws -> [UInt8] {
        let shape = try SchedulerBlocks.check(view: view, batch: batch)
        let shared = plugin.isolation == .process ? try share(view) : view
        let records = try plugin.callBlocking(
            DROVER_SCHEDULER_1, "place", [.block(shared), .block(batch)], deadline: deadline)
        // After a timeout the plug-in may still read it; then it goes with the last reference instead.
        if view.shared == nil, let memory = shared.shared { copies.withLock { $0.append(memory) } }
        guard plugin.time.uptime <= deadline else {
            throw PluginError(.deadline, "plug-in \(plugin.name): place answered after its deadline")
        }
        try SchedulerBlocks.check(records: records, shape, plugin: plugin.name)
        return records
    }

    /// `view`, or a copy of it that another process can map.
    private func share(_ view: Block) throws -> Block {
        guard view.shared == nil else { return view }
        let free = copies.withLock { copies in
            let fitting = copies.firstIndex { $0.length >= view.length }
            if fitting == nil { copies = [] }
            return fitting.map { copies.remove(at: $0) }
        }
        // Room to grow, so that a growing cluster does not need new memory for every node.
        let memory = try free ?? SharedMemory(length: view.length + view.length / 4, name: "drover view")
        memory.base.copyMemory(from: view.base, byteCount: view.length)
        return Block(memory, length: view.length)
    }
}
