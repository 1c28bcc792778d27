import Basics

extension JobTask {
    /// Whether a task's folder, which bears the task's name, would stand in the place of something else in the folder of its
    /// allocation: what all tasks share, and what the client knows of the group's network.
    public static func isReserved(_ name: String) -> Bool {
        [".", "..", "alloc"].contains(name) || name.hasPrefix(".network")
    }

    /// Faults of a canonical task; the caller names the task.
    func validate(in group: TaskGroup, of job: Job) -> [String] {
        var faults: [String] = []
        if name.contains("/") || name.contains("\\") { faults.append("Task name cannot include slashes") }
        if name.contains("\0") { faults.append("Task name cannot include null characters") }
        if Self.isReserved(name) {
            faults.append("Task name \"\(name)\" is reserved: an allocation's folder has an entry of that name")
        }
        if name.utf8.count > Job.nameBytesMax { faults.append("Task name is longer than \(Job.nameBytesMax) bytes") }
        if driver.isEmpty { faults.append("Missing task driver") }
        if killTimeout ?? .zero < .zero { faults.append("KillTimeout must be a positive value") }
        if shutdownDelay < .zero { faults.append("ShutdownDelay must be a positive value") }
        faults += resources?.validate() ?? ["Missing task resources"]
        faults += logConfig?.validate(diskMB: group.ephemeralDisk?.sizeMB ?? 300) ?? ["Missing Log Config"]
        for (index, constraint) in constraints.enumerated() {
            faults += constraint.validate().map { "Constraint \(index + 1) validation failed: \($0)" }
            if constraint.operand.hasPrefix("distinct_") {
                faults.append("Constraint \(index + 1) has disallowed Operand at task level: \(constraint.operand)")
            }
        }
        if job.type.isEachNode, !affinities.isEmpty {
            faults.append("\(job.type) jobs may not have an affinity block")
        } else {
            faults += affinities.flatMap { $0.validate() }.map { "Affinity validation failed: \($0)" }
        }
        faults += lifecycle?.validate() ?? []
        if leader, lifecycle != nil { faults.append("leader can not be set for a task with a lifecycle block") }
        faults += restartPolicy?.validate() ?? []
        faults += validateFiles()
        for service in services { faults += service.validate(in: group) }
        return faults
    }

    private func validateFiles() -> [String] {
        var faults: [String] = []
        var destinations: [String: Int] = [:]
        for (index, template) in templates.enumerated() {
            faults += template.validate().map { "Template \(index + 1) validation failed: \($0)" }
            if let earlier = destinations[template.destPath] {
                faults.append(
                    "Template \(index + 1) has same destination as Template \(earlier + 1): \"\(template.destPath)\"")
            }
            destinations[template.destPath] = index
        }
        for (index, artifact) in artifacts.enumerated() {
            var found: [String] = []
            if artifact.getterSource.isEmpty { found.append("source must be specified") }
            if !["any", "file", "dir"].contains(artifact.getterMode) {
                found.append("invalid artifact mode \"\(artifact.getterMode)\"; must be one of: any, file, dir")
            }
            if TaskPath.escapes(artifact.relativeDest) { found.append("destination escapes allocation directory") }
            faults += found.map { "Artifact \(index + 1) validation failed: \($0)" }
        }
        if let dispatchPayload {
            if dispatchPayload.file.isEmpty { faults.append("Dispatch Payload validation failed: missing file") }
            if TaskPath.escapes(dispatchPayload.file) {
                faults.append("Dispatch Payload validation failed: destination escapes allocation directory")
            }
        }
        var actionNames: Set<String> = []
        for action in actions {
            if action.command.isEmpty {
                faults.append("Action \"\(action.name)\" validation failed: command cannot be empty")
            }
            if !actionNames.insert(action.name).inserted {
                faults.append("Action \"\(action.name)\" is defined more than once")
            }
        }
        return faults
    }
}

/// Paths of job files that end up inside an allocation's folder.
enum TaskPath {
    /// Whether a path given relative to the task's folder leads out of the allocation's: its `..` outnumber the names
    /// before them by more than the one level between task and allocation. A path with a variable is checked again
    /// on the client, when the variable has a value.
    static func escapes(_ path: String) -> Bool {
        var depth = 1
        for part in path.split(separator: "/") where part != "." {
            depth += part == ".." ? -1 : 1
            if depth < 0 { return true }
        }
        return false
    }
}

extension Template {
    fileprivate func validate() -> [String] {
        var faults: [String] = []
        if sourcePath.isEmpty, embeddedTmpl.isEmpty {
            faults.append("Must specify a source path or have an embedded template")
        }
        if destPath.isEmpty { faults.append("Must specify a destination for the template") }
        if TaskPath.escapes(destPath) { faults.append("template destination escapes allocation directory") }
        switch changeMode {
        case "noop", "restart": break
        case "signal":
            if changeSignal.isEmpty { faults.append("Must specify signal value when change mode is signal") }
        case "script":
            if changeScript == nil {
                faults.append("must specify change script configuration value when change mode is script")
            }
            if changeScript?.command.isEmpty == true {
                faults.append("must specify script path value when change mode is script")
            }
        default:
            faults.append(
                "Invalid change mode given: \"\(changeMode)\". "
                    + "Must be one of the following: noop, signal, restart, script"
            )
        }
        if (splay ?? .zero) < .zero { faults.append("Must specify positive splay value") }
        if UInt16(perms, radix: 8) == nil { faults.append("Failed to parse \"\(perms)\" as octal") }
        if let wait, let min = wait.min, let max = wait.max, max < min {
            faults.append("wait min \(min.goText) is greater than max \(max.goText)")
        }
        return faults
    }
}

extension TaskLifecycle {
    fileprivate func validate() -> [String] {
        switch hook {
        case "prestart", "poststart", "poststop": []
        case "": ["no lifecycle hook provided"]
        default: ["invalid hook: \(hook)"]
        }
    }
}

extension LogConfig {
    fileprivate func validate(diskMB: Int) -> [String] {
        var faults: [String] = []
        let (files, size) = (maxFiles ?? 10, maxFileSizeMB ?? 10)
        if files < 1 { faults.append("minimum number of files is 1; got \(files)") }
        if size < 1 { faults.append("minimum file size is 1MB; got \(size)") }
        let (usage, overflow) = files.multipliedReportingOverflow(by: size)
        if overflow || usage >= diskMB, !(disabled ?? false) {
            faults.append("log storage (\(usage) MB) must be less than requested disk capacity (\(diskMB) MB)")
        }
        return faults
    }
}

extension Resources {
    fileprivate func validate() -> [String] {
        var faults: [String] = []
        let (cpu, cores) = (cpu ?? 0, cores ?? 0)
        if cores > 0, cpu > 0 { faults.append("Task can only ask for 'cpu' or 'cores' resource, not both.") }
        if cores < 0 { faults.append("minimum cores value is 0; got \(cores)") }
        if cores == 0, cpu < 1 { faults.append("minimum CPU value is 1; got \(cpu)") }
        if cpu > Self.amountMax { faults.append("maximum CPU value is \(Self.amountMax); got \(cpu)") }
        let memory = memoryMB ?? 0
        if memory < 10 { faults.append("minimum MemoryMB value is 10; got \(memory)") }
        if memory > Self.amountMax { faults.append("maximum MemoryMB value is \(Self.amountMax); got \(memory)") }
        let most = memoryMaxMB ?? 0
        // -1 asks for no limit at all.
        if most != 0, most != -1, most < memory {
            faults.append("MemoryMaxMB value (\(most)) should be larger than MemoryMB value (\(memory))")
        }
        if let word = numa["Affinity"]?.string, !["", "none", "prefer", "require"].contains(word) {
            faults.append("numa affinity must be none, prefer or require; got \"\(word)\"")
        }
        for (index, device) in devices.enumerated() {
            if device.name.isEmpty {
                faults.append(
                    "device \(index + 1) validation failed: device name must be given as one of the following: "
                        + "type, vendor/type, or vendor/type/name"
                )
            }
            if device.name.split(separator: "/").count > 3 {
                faults.append("device \(index + 1) validation failed: \"\(device.name)\" has more than three parts")
            }
            if (device.count ?? 1) < 1 {
                faults.append("device \(index + 1) validation failed: device count must be positive")
            }
            if let share = device.share, !(share > 0 && share <= 1) {
                faults.append(
                    "device \(index + 1) validation failed: share must be above 0 and at most 1; got \(share)")
            }
            if device.share != nil, device.memoryMB != nil {
                faults.append("device \(index + 1) validation failed: give either share or memory, not both")
            }
            if let memory = device.memoryMB, memory < 1 {
                faults.append("device \(index + 1) validation failed: memory must be at least 1 MiB; got \(memory)")
            }
            faults += (device.constraints.flatMap { $0.validate() } + device.affinities.flatMap { $0.validate() }).map {
                "device \(index + 1) validation failed: \($0)"
            }
        }
        return faults
    }

    /// No machine has more, and sums of a million such asks stay far from overflow.
    private static let amountMax = 1 << 40
}

extension Service {
    /// Faults of a service of `group` or of one of its tasks.
    func validate(in group: TaskGroup) -> [String] {
        var faults: [String] = []
        let place = "Service \"\(name)\""
        if name.isEmpty { faults.append("Service: missing name") }
        if !["consul", "nomad"].contains(provider) {
            faults.append("\(place): provider must be \"nomad\" or \"consul\"; got \"\(provider)\"")
        }
        if !["auto", "host", "alloc", "driver"].contains(addressMode) {
            faults.append("\(place): address_mode must be one of auto, host, alloc, driver; got \"\(addressMode)\"")
        }
        let networks = group.networks + group.tasks.flatMap { $0.resources?.networks ?? [] }
        let labels = Set(networks.flatMap { $0.reservedPorts + $0.dynamicPorts }.map(\.label))
        if !portLabel.isEmpty, Int(portLabel) == nil, !portLabel.contains("${"), !labels.contains(portLabel) {
            faults.append("\(place): port label \"\(portLabel)\" referenced but not defined in a network block")
        }
        for check in checks {
            faults += check.validate(provider: provider).map { "\(place) check \"\(check.name)\": \($0)" }
        }
        return faults
    }
}

extension ServiceCheck {
    fileprivate func validate(provider: String) -> [String] {
        var faults: [String] = []
        let types = provider == "nomad" ? ["http", "tcp"] : ["http", "tcp", "script", "grpc"]
        if !types.contains(type) {
            faults.append("invalid check type (\"\(type)\"), must be one of \(types.joined(separator: ", "))")
        }
        if type == "http", path.isEmpty { faults.append("http type must have http path") }
        if type == "script", command.isEmpty { faults.append("script type must have a valid script path") }
        if interval < .seconds(1) { faults.append("interval (\(interval.goText)) cannot be lower than 1s") }
        if timeout < .seconds(1) {
            faults.append("timeout (\(timeout.goText)) is lower than required minimum timeout 1s")
        }
        if let checkRestart, checkRestart.limit < 0 { faults.append("check_restart limit must be non-negative") }
        return faults
    }
}
