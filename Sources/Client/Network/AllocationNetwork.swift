internal import Basics
internal import Linux
internal import Logging
internal import Model
internal import PluginHost

/// Makes, finds again and takes away the network of one allocation. Each call is made after the one before has returned.
///
/// The record (``NetworkRecord``) is written before each step, and a plug-in that a killed client leaves running is waited for, so
/// that the next client finds out what there is and clears it away.
struct AllocationNetwork: Sendable {
    let id: ID
    let folders: AllocationFolders
    let world: ClientWorld

    /// No task may be named so: `JobTask.isReserved`.
    private static let file = ".network"
    private static let attemptsMax = 3
    /// How often a plug-in that is under way is asked for its end, each 10 ms.
    private static let turnsMax = 6_000

    /// The network of `allocation`, made if it is not there; nil when its group asks for none of its own.
    ///
    /// - Throws: ``TaskSetupError`` with what failed, when several attempts have; nothing is left then, or `clear` has to be called.
    func prepare(_ allocation: Allocation) async throws -> GroupNetwork? {
        guard let group = allocation.job?.taskGroup(allocation.taskGroup), let wish = group.networks.first,
            wish.isOwn
        else { return nil }
        if let record = try await stored() {
            let isHeld = try await blocking { $0.isHeld(at: record.path) }
            if record.step(isHeld: isHeld) == .keep { return try network(record, wish) }
            try await clear()
        }
        for attempt in 1... {
            do {
                return try network(await make(allocation, group, wish), wish)
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                world.log.warning(
                    "cannot make an allocation's network",
                    metadata: ["alloc.id": "\(id)", "attempt": "\(attempt)", "error": "\(error)"])
                try await clear()
                guard attempt < AllocationNetwork.attemptsMax else {
                    throw TaskSetupError(message: "cannot make the network of mode \"\(wish.mode)\": \(error)")
                }
                try await world.seam.time.sleep(for: .milliseconds(500))
            }
        }
        return nil
    }

    /// Takes the network away; none is fine. After an error the record is still there, and another call goes on.
    ///
    /// Of a driver that is not loaded only its part stays: an error, and where the call `isLast`, for the log to tell.
    func clear(isLast: Bool = false) async throws {
        guard let record = try await stored() else { return }
        let isHeld = try await blocking { $0.isHeld(at: record.path) }
        if !record.network.isNull {
            let attachment = try record.attachment(
                of: id, isHeld: isHeld, folders: world.configuration.cniFolders)
            for index in attachment.network.plugins.indices.reversed() {
                _ = try await call(attachment, .delete, index, previous: record.result)
            }
        }
        try await blocking { try $0.release(record.path) }
        if !record.driver.isEmpty { try await clear(record.driver, isLast: isLast) }
        let (disk, path) = (world.seam.disk, folders.root + "/" + AllocationNetwork.file)
        try await world.seam.blocking.run { for name in [path, path + ".lock"] { try disk.remove(name) } }
    }

    /// What the driver made.
    private func clear(_ name: String, isLast: Bool) async throws {
        if let driver = try await world.driverExpected(name) { return try await driver.destroyNetwork("\(id)") }
        let reason =
            "driver \"\(name)\", which made the allocation's network, is not loaded: what it holds it with stays until the driver "
            + "is loaded again or it is removed by hand; see \"drover plugin status\""
        guard isLast else { throw TaskSetupError(message: reason) }
        world.log.error(
            "part of an allocation's network stays", metadata: ["alloc.id": "\(id)", "reason": "\(reason)"])
    }

    // MARK: - Making

    private func make(
        _ allocation: Allocation, _ group: TaskGroup, _ wish: NetworkResource
    ) async throws -> NetworkRecord {
        guard world.network.isAble else { throw CNIError("the client does not run as root") }
        var attachment = CNIAttachment(
            try await configuration(wish.mode), allocation: "\(id)", path: world.network.place(of: id))
        attachment.ports = CNIAttachment.mappings(allocation.allocatedResources.shared.ports)
        attachment.folders = world.configuration.cniFolders
        attachment.arguments = arguments(allocation, wish)
        let driver = try await creator(group)
        var record = NetworkRecord(attachment, driver: driver?.name ?? "")
        try await store(record)
        FaultPoint.before(.clientNetwork)
        if let driver {
            let source = try await driver.createNetwork("\(id)", hostname: wish.hostname)
            try await blocking { [path = record.path] in try $0.hold(source, at: path) }
        } else {
            try await blocking { [path = record.path] in try $0.make(at: path) }
        }
        for index in attachment.network.plugins.indices {
            FaultPoint.after(.clientNetwork)
            let answer = try await call(attachment, .add, index, previous: record.result)
            FaultPoint.before(.clientNetwork)
            if !answer.isNull { record.result = answer }
            try await store(record)
        }
        record.phase = .ready
        try await store(record)
        FaultPoint.after(.clientNetwork)
        return record
    }

    private func network(_ record: NetworkRecord, _ wish: NetworkResource) throws -> GroupNetwork {
        var status = try AllocationNetworkStatus(cni: record.result)
        if let dns = wish.dns { status.dns = dns }
        return GroupNetwork(path: record.path, status: status, hostname: wish.hostname)
    }

    private func configuration(_ mode: String) async throws -> CNINetwork {
        guard mode != "bridge" else { return .bridge(world.configuration.bridge) }
        let name = String(mode.dropFirst(4))
        let found = try await CNIFolder(world.configuration.cniConfigurationFolder).read(world)
        guard let network = found.networks[name] else {
            let faults = found.faults.map { " (\($0))" }.joined()
            throw CNIError("no file in \(world.configuration.cniConfigurationFolder) configures \"\(name)\"\(faults)")
        }
        return network
    }

    /// What plug-ins are told besides (Nomad docs: CNI).
    private func arguments(_ allocation: Allocation, _ wish: NetworkResource) -> [(String, String)] {
        var pairs = [
            ("NOMAD_REGION", world.configuration.region), ("NOMAD_NAMESPACE", allocation.namespace),
            ("NOMAD_JOB_ID", allocation.jobID), ("NOMAD_GROUP_NAME", allocation.taskGroup), ("NOMAD_ALLOC_ID", "\(id)"),
        ]
        for member in wish.cni["Args"]?.object?.members ?? [] {
            if let value = member.value.string { pairs.append((member.key, value)) }
        }
        return pairs.sorted { $0.0 < $1.0 }
    }

    /// The driver that makes the network, where one of the group's tasks has one that must.
    private func creator(_ group: TaskGroup) async throws -> (any Driver)? {
        var creators: [any Driver] = []
        for name in Set(group.tasks.map(\.driver)).sorted() {
            // A driver that is not there fails its tasks, with a message of its own.
            guard let driver = await world.driver(named: name) else { continue }
            if driver.capabilities.mustCreateNetwork { creators.append(driver) }
        }
        guard creators.count < 2 else {
            let names = creators.map(\.name).joined(separator: " and ")
            throw CNIError("drivers \(names) each make the network of their tasks; a group can have one of them")
        }
        return creators.first
    }

    private func call(
        _ attachment: CNIAttachment, _ command: CNIAttachment.Command, _ index: Int, previous: JSON
    ) async throws -> JSON {
        let type = attachment.network.plugins[index]["type"]?.string ?? ""
        let lock = folders.root + "/" + AllocationNetwork.file + ".lock"
        let program = try await blocking { tools in
            attachment.folders.first { tools.programs(in: $0).contains(type) }.map { "\($0)/\(type)" }
        }
        guard let program else {
            throw CNIError(
                "CNI plug-in \"\(type)\" is not in \(attachment.folders.joined(separator: ":")); install it there, or set "
                    + "the client's cni_path")
        }
        for _ in 0..<AllocationNetwork.turnsMax {
            let answer = try await blocking { tools in
                try tools.run(
                    program, environment: attachment.environment(command),
                    input: attachment.input(index, previous: previous), lock: lock)
            }
            if let answer { return try CNIAttachment.result(type, answer) }
            try await world.seam.time.sleep(for: .milliseconds(10))
        }
        throw CNIError("a CNI plug-in that an earlier client started does not end; see who has \(lock) open")
    }

    // MARK: - The record

    private func stored() async throws -> NetworkRecord? {
        let (disk, path) = (world.seam.disk, folders.root + "/" + AllocationNetwork.file)
        return try await world.seam.blocking.run {
            guard disk.exists(path) else { return nil }
            return try NetworkRecord(json: try disk.read(path, limit: 1 << 20))
        }
    }

    private func store(_ record: NetworkRecord) async throws {
        let (disk, modes, folder) = (world.seam.disk, world.modes, folders.root)
        try await world.seam.blocking.run {
            try modes.replace(AllocationNetwork.file, in: folder, with: record.jsonBytes, mode: 0o600, disk: disk)
        }
    }

    private func blocking<Result: Sendable>(
        _ body: @escaping @Sendable (any NetworkTools) throws -> Result
    ) async throws -> Result {
        let tools = world.network
        return try await world.seam.blocking.run { try body(tools) }
    }
}
