internal import Model
internal import PluginHost

/// Builds the task's environment as seen from inside: the paths depend on how the driver isolates.
struct EnvironmentHook: TaskHook {
    let name = "environment"

    func prestart(_ start: inout TaskStart, _ context: TaskContext) async throws {
        var seen = start.spec.directories
        let isolation = start.driver.capabilities.fsIsolation
        if isolation == "chroot" || isolation == "image" {
            seen.allocation = "/alloc"
            seen.local = "/local"
            seen.secrets = "/secrets"
        }
        var input = TaskEnvironment.Input(
            allocation: start.allocation, group: start.group, task: start.task, node: start.node,
            region: context.world.configuration.region, directories: seen)
        input.added = start.hookEnvironment
        input.network = context.network()?.status
        if isolation != "image" { input.inherited = context.world.configuration.inheritedEnvironment }
        let environment = TaskEnvironment(input)
        start.spec.environment = environment.variables
        start.environment = environment
    }
}
