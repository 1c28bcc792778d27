package import Model

/// What a new job version means for the running allocations of a group.
package enum GroupChange: Sendable {
    /// They take it on as they are.
    case inPlace
    /// They must be replaced: something a running task was started with differs.
    case destructive

    /// Compares a group of two versions of its job.
    package init(from oldGroup: TaskGroup, of oldJob: Job, to newGroup: TaskGroup, of newJob: Job) {
        self =
            Self.restartSensitive(oldGroup, oldJob) == Self.restartSensitive(newGroup, newJob)
                && oldJob.affinities == newJob.affinities && oldJob.spreads == newJob.spreads
            ? .inPlace : .destructive
    }

    /// The group with everything that may change under a running task set to its default.
    private static func restartSensitive(_ group: TaskGroup, _ job: Job) -> TaskGroup {
        var group = group
        group.count = nil
        group.constraints = []
        group.restartPolicy = nil
        group.reschedulePolicy = nil
        group.disconnect = nil
        group.update = nil
        group.migrate = nil
        group.services = []
        group.shutdownDelay = nil
        group.maxRunDuration = nil
        group.stopAfterClientDisconnect = nil
        group.maxClientDisconnect = nil
        group.scaling = nil
        group.preventRescheduleOnLost = false
        // Meta of all three levels reaches the task's environment.
        let meta = job.meta.merging(group.meta) { $1 }
        group.meta = [:]
        group.tasks = group.tasks.map { restartSensitive($0, meta: meta) }
        return group
    }

    private static func restartSensitive(_ task: JobTask, meta: [String: String]) -> JobTask {
        var task = task
        task.constraints = []
        task.services = []
        task.restartPolicy = nil
        task.killTimeout = nil
        task.killSignal = ""
        task.shutdownDelay = .zero
        task.scalingPolicies = []
        task.actions = []
        task.meta = meta.merging(task.meta) { $1 }
        if var log = task.logConfig {
            log.maxFiles = nil
            log.maxFileSizeMB = nil
            task.logConfig = log
        }
        return task
    }
}
