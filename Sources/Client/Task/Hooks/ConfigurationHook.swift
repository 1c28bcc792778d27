internal import Basics
internal import Model
internal import PluginHost

/// Interpolates the task's config block and checks it against the driver's schema.
struct ConfigurationHook: TaskHook {
    let name = "configuration"

    func prestart(_ start: inout TaskStart, _ context: TaskContext) async throws {
        guard let interpolation = start.environment?.interpolation else { return }
        let config = interpolation.apply(start.task.config.isNull ? .object([]) : start.task.config)
        do {
            let what = "task \"\(start.task.name)\" config"
            start.spec.config = try Schema.apply(start.driver.taskSchema, to: config, what: what)
        } catch {
            throw TaskSetupError(message: "\(error)", isValidation: true)
        }
        start.spec.user = interpolation.apply(start.user)
    }
}
