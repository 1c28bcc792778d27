package import Basics
internal import Logging
package import Model
internal import PluginHost
internal import RPC
internal import Synchronization

/// The client side of an agent: registers its node, runs the allocations the servers place on it, reports on them.
///
/// ``run()`` is one tree of child tasks; it ends by cancellation only, and then lets go of its tasks: they keep running, and a later
/// client on the same folders finds them again.
package final class ClientAgent: Sendable {
    package let nodeID: ID
    let world: ClientWorld
    let secretID: ID
    let updates = UpdateQueue()
    let contact: ServerContact
    let table: Mutex<Table>
    /// Runners waiting to become children of ``run()``.
    let newRunners: AsyncStream<AllocationRunner>
    private let addRunner: AsyncStream<AllocationRunner>.Continuation
    /// What callers elsewhere ask for, waiting to become children of ``run()``; those beyond 256 are dropped, and told so by time.
    let newTickets: AsyncStream<RelayTicket>
    let addTicket: AsyncStream<RelayTicket>.Continuation
    /// Programs that run inside tasks for callers.
    let commandCount = Mutex(0)
    let requestCount = Mutex(0)
    /// The node as last fingerprinted; changes are registered.
    let nodeState: Mutex<Node>
    let nodeChanged = ChangeSignal()
    let due = DueLooks()
    /// What fingerprinters are told; the configuration's until they are reloaded.
    let options: Mutex<[String: String]>
    let registered = OneShot<Void>()
    private let ready = OneShot<Void>()
    /// Notified when an allocation ended.
    let ended = ChangeSignal()

    struct Table {
        var runners: [ID: AllocationRunner] = [:]
        /// Being cleared away; not to be added again meanwhile.
        var leaving: Set<ID> = []
        /// Nothing is begun any more: the servers may still list what has been stopped and cleared away here.
        var isStopping = false
    }

    /// Reads or makes the node's identity. Throws when the state folder cannot be used.
    package init(_ world: ClientWorld) async throws {
        let (disk, folder, random) = (world.seam.disk, world.configuration.stateFolder, world.seam.random)
        let identity = try await world.seam.blocking.run {
            try NodeIdentity.load(disk: disk, folder: folder, random: random)
        }
        self.world = world
        contact = ServerContact(now: world.seam.time.uptime)
        nodeID = identity.id
        secretID = identity.secret
        table = Mutex(Table())
        options = Mutex(world.configuration.options)
        (newRunners, addRunner) = AsyncStream.makeStream()
        (newTickets, addTicket) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(256))
        nodeState = Mutex(NodeBuilder.initial(identity, world.configuration))
    }

    /// The node as last fingerprinted.
    package var node: Node { nodeState.withLock { $0 } }

    /// Returns once the node has been registered and reported as ready; throws `CancellationError`.
    package func waitUntilReady() async throws { try await ready.get() }

    /// Notes that a server has heard of this node being ready.
    ///
    /// From then on the node registers as ready: a registration as initializing would take it out of scheduling until
    /// the next heartbeat, and it registers whenever something about it changes.
    func setReady() {
        nodeState.withLock { $0.status = .ready }
        ready.set(())
    }

    /// Runs until cancelled.
    package func run() async throws {
        await makeAllocationFolder()
        try await restore()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.runAllocations() }
            group.addTask { try await self.fingerprintForever() }
            group.addTask { try await self.keepRegistered() }
            group.addTask { try await self.watchAllocations() }
            group.addTask { try await self.sendUpdates() }
            group.addTask { try await self.collectForever() }
            group.addTask { await self.followDriverEvents() }
            group.addTask { await self.serveRelays() }
            // The first to end, by cancellation or by an error nothing can mend, ends all.
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Each allocation is a child of this task.
    private func runAllocations() async {
        await withDiscardingTaskGroup { group in
            for await runner in newRunners {
                group.addTask {
                    await runner.run()
                    self.ended.notify()
                }
            }
        }
    }

    private func makeAllocationFolder() async {
        let (folder, disk, modes) = (world.configuration.allocationFolder, world.seam.disk, world.modes)
        do {
            try await world.seam.blocking.run { try modes.makeTop(folder, disk: disk) }
        } catch {
            // The allocations say so themselves, each by failing.
            world.log.warning(
                "cannot make the folder of allocations", metadata: ["path": "\(folder)", "error": "\(error)"])
        }
    }

    /// Begins what an earlier client left.
    private func restore() async throws {
        if let last = try await world.store.lastContact() {
            contact.resume(world.seam.time.now - last, now: world.seam.time.uptime)
        }
        for stored in try await world.store.load() {
            add(stored.allocation, restored: stored.tasks)
        }
    }

    /// Makes a runner for the allocation, unless there is one; it runs as a child of ``run()``.
    func add(_ allocation: Allocation, restored: [String: TaskRecord] = [:]) {
        let runner = AllocationRunner(
            allocation, restored: restored, world: world, updates: updates, contact: contact
        ) { [weak self] in self?.node ?? Node() }
        let isNew = table.withLock { table in
            guard !table.isStopping, table.runners[allocation.id] == nil, !table.leaving.contains(allocation.id)
            else { return false }
            table.runners[allocation.id] = runner
            return true
        }
        if isNew { addRunner.yield(runner) }
    }

    /// Allocations on this node, ended ones included that are not collected yet.
    package var allocationCount: Int { table.withLock { $0.runners.count } }

    /// All runners, in the order of their ids.
    var runners: [AllocationRunner] { table.withLock { $0.runners.sorted { $0.key < $1.key }.map(\.value) } }

    func runner(_ id: ID) -> AllocationRunner? { table.withLock { $0.runners[id] } }

    /// Stops every task and waits until all have ended: for an agent that takes its work along, such as `-dev`.
    package func stopAll() async throws {
        table.withLock { $0.isStopping = true }
        for runner in runners { runner.remove() }
        while true {
            let seen = ended.count
            if runners.allSatisfy({ $0.hasEnded }) { return }
            _ = try await ended.changed(since: seen)
        }
    }
}
