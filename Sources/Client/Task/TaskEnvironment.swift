internal import Basics
package import Model
package import PluginHost

/// The environment of one task and its interpolation (Nomad docs: runtime environment).
package struct TaskEnvironment: Sendable {
    /// All variables, host's included.
    package private(set) var variables: [String: String]
    package let interpolation: Interpolation

    /// What the environment is made of.
    package struct Input: Sendable {
        package var allocation: Allocation
        package var group: TaskGroup
        package var task: JobTask
        package var node: Node
        package var region: String
        /// As the task sees them.
        package var directories: TaskSpec.Directories
        /// The network that the allocation has of its own.
        package var network: AllocationNetworkStatus?
        /// Variables of the agent that the task inherits; they lose against all others.
        package var inherited: [String: String] = [:]
        /// What hooks have found out, such as a network the driver made; they win over `NOMAD_*`.
        package var added: [String: String] = [:]

        package init(
            allocation: Allocation, group: TaskGroup, task: JobTask, node: Node, region: String,
            directories: TaskSpec.Directories
        ) {
            self.allocation = allocation
            self.group = group
            self.task = task
            self.node = node
            self.region = region
            self.directories = directories
        }
    }

    package init(_ input: Input) {
        var own = TaskEnvironment.identity(input)
        own.merge(TaskEnvironment.resources(input)) { $1 }
        own.merge(TaskEnvironment.ports(input)) { $1 }
        own.merge(input.added) { $1 }
        let nodeValues = TaskEnvironment.nodeValues(input)
        // Meta may refer to the node and to NOMAD_*; the job's environment to both and to meta.
        let early = Interpolation(environment: own, node: nodeValues)
        var meta = input.allocation.job?.meta ?? [:]
        meta.merge(input.group.meta) { $1 }
        meta.merge(input.task.meta) { $1 }
        for (key, value) in meta.sorted(by: { $0.key < $1.key }) {
            let text = early.apply(value)
            own["NOMAD_META_" + TaskEnvironment.variableName(key)] = text
            own["NOMAD_META_" + TaskEnvironment.variableName(key).uppercased()] = text
        }
        let middle = Interpolation(environment: own, node: nodeValues)
        var all = input.inherited
        all.merge(own) { $1 }
        for (key, value) in input.task.env { all[TaskEnvironment.cleaned(middle.apply(key))] = middle.apply(value) }
        variables = all
        interpolation = Interpolation(environment: all, node: nodeValues)
    }

    private static func identity(_ input: Input) -> [String: String] {
        let allocation = input.allocation
        var values = [
            "NOMAD_ALLOC_DIR": input.directories.allocation, "NOMAD_TASK_DIR": input.directories.local,
            "NOMAD_SECRETS_DIR": input.directories.secrets, "NOMAD_ALLOC_ID": "\(allocation.id)",
            "NOMAD_SHORT_ALLOC_ID": allocation.id.short, "NOMAD_ALLOC_NAME": allocation.name,
            "NOMAD_ALLOC_INDEX": "\(allocation.nameIndex ?? 0)", "NOMAD_TASK_NAME": input.task.name,
            "NOMAD_GROUP_NAME": input.group.name, "NOMAD_JOB_ID": allocation.jobID,
            "NOMAD_JOB_NAME": allocation.job?.name ?? allocation.jobID, "NOMAD_DC": input.node.datacenter,
            "NOMAD_REGION": input.region, "NOMAD_NAMESPACE": allocation.namespace,
        ]
        if let parent = allocation.job?.parentID, !parent.isEmpty { values["NOMAD_JOB_PARENT_ID"] = parent }
        if !input.node.cgroupParent.isEmpty { values["NOMAD_PARENT_CGROUP"] = input.node.cgroupParent }
        return values
    }

    private static func resources(_ input: Input) -> [String: String] {
        guard let resources = input.allocation.allocatedResources.tasks[input.task.name] else { return [:] }
        var values = ["NOMAD_CPU_LIMIT": "\(resources.cpu.cpuShares)"]
        if !resources.cpu.reservedCores.isEmpty {
            values["NOMAD_CPU_CORES"] = resources.cpu.reservedCores.map { "\($0)" }.joined(separator: ",")
        }
        if resources.memory.memoryMB > 0 { values["NOMAD_MEMORY_LIMIT"] = "\(resources.memory.memoryMB)" }
        if resources.memory.memoryMaxMB > resources.memory.memoryMB {
            values["NOMAD_MEMORY_MAX_LIMIT"] = "\(resources.memory.memoryMaxMB)"
        }
        return values
    }

    /// Ports of the group by label, and those of older jobs' tasks by task and label.
    private static func ports(_ input: Input) -> [String: String] {
        var values: [String: String] = [:]
        for port in input.allocation.allocatedResources.shared.ports {
            // On the host's network the port inside is the port outside, unless "to" says what the task listens on.
            let inside = port.to > 0 ? port.to : port.value
            set(&values, label: port.label, ip: port.hostIP, port: inside, hostPort: port.value)
            if let network = input.network { set(&values, label: port.label, inside: network, port: inside) }
        }
        for (task, resources) in input.allocation.allocatedResources.tasks.sorted(by: { $0.key < $1.key }) {
            for network in resources.networks {
                for port in network.reservedPorts + network.dynamicPorts {
                    let inside = port.to > 0 ? port.to : port.value
                    let label = task == input.task.name ? port.label : "\(task)_\(port.label)"
                    set(&values, label: label, ip: network.ip, port: inside, hostPort: port.value)
                }
            }
        }
        return values
    }

    private static func set(_ values: inout [String: String], label: String, ip: String, port: Int, hostPort: Int) {
        let name = variableName(label)
        let host = ip.contains(":") ? "[\(ip)]" : ip
        values["NOMAD_IP_\(name)"] = ip
        values["NOMAD_PORT_\(name)"] = "\(port)"
        values["NOMAD_ADDR_\(name)"] = "\(host):\(hostPort)"
        values["NOMAD_HOST_IP_\(name)"] = ip
        values["NOMAD_HOST_PORT_\(name)"] = "\(hostPort)"
        values["NOMAD_HOST_ADDR_\(name)"] = "\(host):\(hostPort)"
        values["NOMAD_ALLOC_IP_\(name)"] = ip
        values["NOMAD_ALLOC_PORT_\(name)"] = "\(port)"
        values["NOMAD_ALLOC_ADDR_\(name)"] = "\(host):\(port)"
    }

    /// What differs in a network of the allocation's own: it listens at an address of that.
    private static func set(
        _ values: inout [String: String], label: String, inside network: AllocationNetworkStatus, port: Int
    ) {
        let name = variableName(label)
        let host = network.address.contains(":") ? "[\(network.address)]" : network.address
        values["NOMAD_ALLOC_INTERFACE_\(name)"] = network.interfaceName
        values["NOMAD_ALLOC_IP_\(name)"] = network.address
        values["NOMAD_ALLOC_ADDR_\(name)"] = "\(host):\(port)"
    }

    private static func nodeValues(_ input: Input) -> [String: String] {
        var values = [
            "node.unique.id": "\(input.node.id)", "node.unique.name": input.node.name,
            "node.datacenter": input.node.datacenter, "node.region": input.region,
            "node.class": input.node.nodeClass, "node.pool": input.node.nodePool,
        ]
        for (key, value) in input.node.attributes { values["attr.\(key)"] = value }
        for (key, value) in input.node.meta { values["meta.\(key)"] = value }
        return values
    }

    /// A label or meta key as part of a variable's name: "." and "-" become "_".
    private static func variableName(_ key: String) -> String {
        String(key.map { $0 == "." || $0 == "-" ? "_" : $0 })
    }

    /// Environment names cannot hold "=" and NUL; shells want no more than letters, digits and "_", so others become "_".
    private static func cleaned(_ name: String) -> String {
        String(name.map { $0 == "=" || $0 == "\0" ? "_" : $0 })
    }
}
