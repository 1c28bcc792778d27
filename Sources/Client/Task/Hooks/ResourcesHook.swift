internal import Basics
internal import Model
internal import PluginHost

/// Hands the driver what the servers assigned: CPU, cores, memory, disk, ports.
struct ResourcesHook: TaskHook {
    let name = "resources"

    func prestart(_ start: inout TaskStart, _ context: TaskContext) async throws {
        let shared = start.allocation.allocatedResources.shared
        start.spec.ports = shared.ports.map {
            TaskSpec.Port(label: $0.label, hostIP: $0.hostIP, hostPort: $0.value, to: max(0, $0.to))
        }
        guard let assigned = start.allocation.allocatedResources.tasks[start.task.name] else { return }
        start.spec.resources.cpuMHz = assigned.cpu.cpuShares
        start.spec.resources.cores = assigned.cpu.reservedCores.map(Int.init)
        start.spec.resources.memoryBytes = assigned.memory.memoryMB << 20
        // -1 is no limit: all that the machine has.
        let most = assigned.memory.memoryMaxMB
        start.spec.resources.memoryMaxBytes = (most < 0 ? context.node().nodeResources.memory.memoryMB : most) << 20
        start.spec.resources.diskBytes = shared.diskMB << 20
    }
}
