internal import Model
internal import PluginHost

/// Names the task's log files `<task>.stdout.N` and `<task>.stderr.N` and how they rotate.
struct LogsHook: TaskHook {
    let name = "logmon"

    func prestart(_ start: inout TaskStart, _ context: TaskContext) async throws {
        let config = start.task.logConfig
        var logs = TaskSpec.Logs()
        logs.directory = context.folders.logs
        logs.stdout = start.task.name + ".stdout"
        logs.stderr = start.task.name + ".stderr"
        logs.filesMax = max(1, config?.maxFiles ?? 10)
        logs.fileBytesMax = Int64(max(1, config?.maxFileSizeMB ?? 10)) << 20
        logs.enabled = (config?.enabled ?? true) && !(config?.disabled ?? false)
        start.spec.logs = logs
    }
}
