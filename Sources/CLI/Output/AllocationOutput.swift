internal import APIClient
internal import Basics
internal import Model

/// One allocation as `alloc status` shows it.
struct AllocationOutput {
    let shown: Shown

    func facts(_ allocation: Allocation) -> String {
        var pairs: [(String, String)] = [
            ("ID", shown.verbose ? allocation.id.description : allocation.id.short),
            ("Eval ID", shown.id(allocation.evalID)), ("Name", allocation.name),
            ("Node ID", shown.id(allocation.nodeID)), ("Node Name", allocation.nodeName), ("Job ID", allocation.jobID),
            ("Job Version", String(allocation.job?.version ?? 0)), ("Client Status", allocation.clientStatus.rawValue),
            ("Client Description", allocation.clientDescription),
            ("Desired Status", allocation.desiredStatus.rawValue),
            ("Desired Description", allocation.desiredDescription), ("Created", shown.age(allocation.createTime)),
            ("Modified", shown.age(allocation.modifyTime)),
        ]
        if !allocation.deploymentID.isNone {
            pairs.append(("Deployment ID", shown.id(allocation.deploymentID)))
            let health = allocation.deploymentStatus?.healthy.map { $0 ? "healthy" : "unhealthy" } ?? "unset"
            pairs.append(("Deployment Health", health))
        }
        if !allocation.nextAllocation.isNone {
            pairs.append(("Replacement Alloc ID", shown.id(allocation.nextAllocation)))
        }
        if !allocation.previousAllocation.isNone, shown.verbose {
            pairs.append(("Previous Alloc ID", shown.id(allocation.previousAllocation)))
        }
        return Table.pairs(pairs)
    }

    /// Host addresses of the group's ports; nil without any.
    func addresses(_ allocation: Allocation) -> String? {
        let ports = allocation.allocatedResources.shared.ports
        guard !ports.isEmpty else { return nil }
        let networks = allocation.job?.taskGroup(allocation.taskGroup)?.networks ?? []
        let reserved = Set(networks.flatMap(\.reservedPorts).map(\.label))
        let rows = ports.map { port in
            let target = port.to > 0 ? " -> \(port.to)" : ""
            return [
                "*\(port.label)", reserved.contains(port.label) ? "no" : "yes", "\(port.hostIP):\(port.value)\(target)",
            ]
        }
        let mode = networks.first?.mode ?? ""
        let title = "Allocation Addresses" + (mode.isEmpty ? ":" : " (mode = \"\(mode)\"):")
        return shown.paint.bold(title) + "\n" + Table.list(["Label", "Dynamic", "Address"], rows)
    }

    /// The network of the allocation's own, as its client has made it; nil without one.
    func network(_ allocation: Allocation) -> String? {
        guard let status = allocation.networkStatus, !status.interfaceName.isEmpty || !status.address.isEmpty else {
            return nil
        }
        var pairs = [("Interface", status.interfaceName), ("Address", status.address)]
        // Where there is no other, the address is an IPv6 one too.
        if !status.addressIPv6.isEmpty, status.addressIPv6 != status.address {
            pairs.append(("IPv6 Address", status.addressIPv6))
        }
        for (name, values) in [("DNS Servers", status.dns?.servers), ("DNS Searches", status.dns?.searches)] {
            if let values, !values.isEmpty { pairs.append((name, values.joined(separator: ", "))) }
        }
        return shown.paint.bold("Allocation Network:") + "\n" + Table.pairs(pairs)
    }

    /// A section for each task: state, resources and latest events. `usage` is an AllocResourceUsage object or null, of which
    /// `whole` shows everything.
    func tasks(_ allocation: Allocation, usage: JSON, whole: Bool = false) -> [String] {
        let names = Set(allocation.taskStates.keys).union(allocation.allocatedResources.tasks.keys).sorted()
        return names.map { name in
            let state = allocation.taskStates[name] ?? TaskState()
            let title = "Task \"\(name)\" is \"\(state.state.rawValue)\""
            let used = usage["Tasks"]?[name] ?? .null
            return
                ([shown.paint.bold(title), resources(allocation, name, used)] + devices(allocation, name, used)
                + (whole ? statistics(used["ResourceUsage"] ?? .null) : []) + [times(state), events(state)])
                .joined(separator: "\n")
        }
    }

    private func resources(_ allocation: Allocation, _ task: String, _ usage: JSON) -> String {
        let held = allocation.allocatedResources.tasks[task] ?? AllocatedTaskResources()
        var cpu = "\(held.cpu.cpuShares) MHz"
        var memory = "\(held.memory.memoryMB) MiB"
        if let ticks = usage["ResourceUsage"]?["CpuStats"]?["TotalTicks"]?.double {
            cpu = "\(Int64(ticks))/\(cpu)"
        }
        let used = usage["ResourceUsage"]?["MemoryStats"]
        if let bytes = [used?["RSS"], used?["Usage"]].compactMap({ $0?.integer }).first(where: { $0 > 0 }) {
            memory = "\(Shown.bytes(bytes))/\(memory)"
        }
        let addresses = held.networks.flatMap { network in
            (network.reservedPorts + network.dynamicPorts).map { "\($0.label): \(network.ip):\($0.value)" }
        }
        let row = [cpu, memory, "\(allocation.allocatedResources.shared.diskMB) MiB", addresses.joined(separator: " ")]
        let heading = ["CPU", "Memory", "Disk"] + (addresses.isEmpty ? [] : ["Addresses"])
        let table = Table.list(heading, [Array(row.prefix(heading.count))])
        return shown.paint.bold("Task Resources:") + "\n" + table + "\n"
    }

    /// The devices that the task was given, with what they do as far as it is known.
    private func devices(_ allocation: Allocation, _ task: String, _ usage: JSON) -> [String] {
        let output = DeviceOutput(shown: shown)
        let rows = (allocation.allocatedResources.tasks[task]?.devices ?? []).flatMap { group in
            group.deviceIDs.map { id in
                let name = "\(group.vendor)/\(group.type)/\(group.name)"
                let summary = output.summary(usage["ResourceUsage"]?["DeviceStats"] ?? .null, group: name, id: id)
                return [name, id, group.share.map { Shown.number($0, digits: 3) } ?? "1", summary]
            }
        }
        guard !rows.isEmpty else { return [] }
        return [
            shown.paint.bold("Task Devices:") + "\n" + Table.list(["Group", "ID", "Share", "Utilization"], rows) + "\n"
        ]
    }

    /// Memory, CPU and device statistics in full, of a ResourceUsage object.
    private func statistics(_ usage: JSON) -> [String] {
        var parts: [String] = []
        for (title, key) in [("Memory Stats", "MemoryStats"), ("CPU Stats", "CpuStats")] {
            let members = (usage[key]?.object?.members ?? []).filter { $0.value.double != nil }
            let pairs = members.map { ($0.key, Shown.number($0.value.double ?? 0, digits: 2)) }
            if !pairs.isEmpty { parts.append(shown.paint.bold(title + ":") + "\n" + Table.pairs(pairs) + "\n") }
        }
        return parts + DeviceOutput(shown: shown).details(usage["DeviceStats"] ?? .null).map { $0 + "\n" }
    }

    private func times(_ state: TaskState) -> String {
        shown.paint.bold("Task Events:") + "\n"
            + Table.pairs([
                ("Started At", Shown.moment(state.startedAt.time)),
                ("Finished At", Shown.moment(state.finishedAt.time)),
                ("Total Restarts", String(state.restarts)), ("Last Restart", Shown.moment(state.lastRestart.time)),
            ]) + "\n"
    }

    private func events(_ state: TaskState) -> String {
        let rows = state.events.reversed().map { [Shown.moment($0.time), $0.type, AllocationOutput.message(of: $0)] }
        return shown.paint.bold("Recent Events:") + "\n" + Table.list(["Time", "Type", "Description"], rows)
    }

    /// What the client says of an event, or what its fields tell.
    static func message(of event: TaskEvent) -> String {
        if !event.displayMessage.isEmpty { return event.displayMessage }
        let told = [
            event.message, event.driverError, event.setupError, event.validationError, event.killReason,
            event.restartReason, event.downloadError, event.driverMessage,
        ]
        return told.first { !$0.isEmpty } ?? ""
    }
}
