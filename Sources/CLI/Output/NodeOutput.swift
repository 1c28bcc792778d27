internal import APIClient
internal import Basics
internal import Model

/// Nodes as `node status` shows them.
struct NodeOutput {
    let shown: Shown

    /// The table of nodes; `running` gives running allocations by node when they are to be shown.
    func list(_ nodes: [NodeStub], running: [ID: Int]? = nil) -> String {
        guard !nodes.isEmpty else { return "No nodes registered" }
        var heading = ["ID", "Node Pool", "DC", "Name", "Class"]
        if shown.verbose { heading += ["Address", "Version"] }
        heading += ["Drain", "Eligibility", "Status"] + (running == nil ? [] : ["Running Allocs"])
        let rows = nodes.sorted { ($0.name, $0.id) < ($1.name, $1.id) }.map { node in
            var row = [shown.id(node.id), node.nodePool, node.datacenter, node.name, node.nodeClass]
            if shown.verbose { row += [node.address, node.version] }
            row += [String(node.drain), node.schedulingEligibility.rawValue, node.status.rawValue]
            if let running { row.append(String(running[node.id, default: 0])) }
            return row
        }
        return Table.list(heading, rows)
    }

    func facts(_ node: Node) -> String {
        let healthy = node.drivers.filter { $0.value.detected && $0.value.healthy }.keys.sorted()
        return Table.pairs([
            ("ID", shown.verbose ? node.id.description : node.id.short), ("Name", node.name),
            ("Node Pool", node.nodePool), ("Class", node.nodeClass), ("DC", node.datacenter),
            ("Drain", String(node.drainStrategy != nil || node.drain)),
            ("Eligibility", node.schedulingEligibility.rawValue), ("Status", node.status.rawValue),
            ("Host Volumes", node.hostVolumes.keys.sorted().joined(separator: ",")),
            ("Host Networks", node.hostNetworks.keys.sorted().joined(separator: ",")),
            ("Driver Status", healthy.joined(separator: ",")),
        ])
    }

    func drivers(_ node: Node) -> String {
        let rows = node.drivers.sorted { $0.key < $1.key }.map { name, driver in
            [
                name, String(driver.detected), String(driver.healthy), driver.healthDescription,
                Shown.moment(driver.updateTime.time),
            ]
        }
        return section("Drivers", Table.list(["Driver", "Detected", "Healthy", "Message", "Time"], rows))
    }

    /// What each driver tells of itself; empty when none does.
    func driverAttributes(_ node: Node) -> [String] {
        let rows = node.drivers.sorted { $0.key < $1.key }.flatMap { name, driver in
            driver.attributes.sorted { $0.key < $1.key }.map { [name, $0.key, $0.value] }
        }
        return rows.isEmpty
            ? [] : [section("Driver Attributes", Table.list(["Driver", "Attribute", "Value"], rows))]
    }

    /// Every device instance with its health; empty without any.
    func devices(_ node: Node) -> [String] {
        let rows = node.nodeResources.devices.flatMap { group in
            group.instances.map { device in
                [
                    "\(group.vendor)/\(group.type)/\(group.name)", device.id, String(device.healthy),
                    device.healthDescription, device.locality?.pciBusID ?? "",
                    device.locality?.numaNode.map(String.init) ?? "",
                ]
            }
        }
        guard !rows.isEmpty else { return [] }
        return [section("Devices", Table.list(["Group", "ID", "Healthy", "Message", "PCI Bus ID", "NUMA"], rows))]
    }

    func events(_ node: Node) -> String {
        let rows = node.events.reversed().map { [Shown.moment($0.timestamp.time), $0.subsystem, $0.message] }
        return section("Node Events", Table.list(["Time", "Subsystem", "Message"], rows))
    }

    /// What its live allocations hold of what tasks may have.
    func allocated(_ node: Node, _ allocations: [Allocation]) -> String {
        var (cpu, memory, disk): (Int64, Int64, Int64) = (0, 0, 0)
        for allocation in allocations where !allocation.clientStatus.isTerminal {
            for task in allocation.allocatedResources.tasks.values {
                cpu += task.cpu.cpuShares
                memory += task.memory.memoryMB
            }
            disk += allocation.allocatedResources.shared.diskMB
        }
        let (all, reserved) = (node.nodeResources, node.reservedResources)
        let row = [
            "\(cpu)/\(all.cpu.cpuShares - reserved.cpu.cpuShares) MHz",
            "\(size(memory))/\(size(all.memory.memoryMB - reserved.memory.memoryMB))",
            "\(size(disk))/\(size(all.disk.diskMB - reserved.disk.diskMB))",
        ]
        return section("Allocated Resources", Table.list(["CPU", "Memory", "Disk"], [row]))
    }

    /// What the machine uses, from a HostStats object.
    func usage(_ statistics: JSON) -> String {
        let memory = statistics["Memory"]
        let cpu = Shown.number(statistics["CPUTicksConsumed"]?.double ?? 0, digits: 0)
        let disk = (statistics["DiskStats"]?.array ?? []).first
        let row = [
            "\(cpu) MHz",
            "\(Shown.bytes(memory?["Used"]?.integer ?? 0))/\(Shown.bytes(memory?["Total"]?.integer ?? 0))",
            "\(Shown.bytes(disk?["Used"]?.integer ?? 0))/\(Shown.bytes(disk?["Size"]?.integer ?? 0))",
        ]
        return section("Host Resource Utilization", Table.list(["CPU", "Memory", "Disk"], [row]))
    }

    func attributes(_ node: Node) -> String {
        section("Attributes", Table.pairs(node.attributes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }))
    }

    func meta(_ node: Node) -> String {
        section("Meta", Table.pairs(node.meta.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }))
    }

    private func size(_ mebibytes: Int64) -> String { Shown.bytes(mebibytes << 20) }

    private func section(_ title: String, _ text: String) -> String { shown.paint.bold(title) + "\n" + text }
}
