internal import Basics
internal import Model
internal import PluginHost
internal import StateStore

/// A job's `config` blocks against the schemas of their drivers, as ready nodes report them.
///
/// Nodes may have different versions of a driver: a block is good when any of them accepts it, as the job may mean just those.
/// Where no ready node has the driver, or one has it without telling a schema, there is nothing to check by.
struct ConfigurationCheck {
    /// The first of each task, in the order of the job.
    private(set) var faults: [ConfigurationFault] = []
    /// Every block was checked.
    private(set) var isComplete = true

    init(_ job: Job, _ snapshot: Snapshot) {
        for group in job.taskGroups {
            for task in group.tasks {
                let schemas = snapshot.schemas(ofReadyDriver: task.driver)
                guard !schemas.isEmpty, !schemas.contains(where: { $0 == nil }) else {
                    isComplete = false
                    continue
                }
                guard let fault = ConfigurationCheck.fault(in: task.config, by: schemas) else { continue }
                faults.append(
                    ConfigurationFault(
                        group: group.name, task: task.name, driver: task.driver, key: fault.key, reason: fault.text))
            }
        }
    }

    /// Why no schema accepts `config`, by the words of the first.
    private static func fault(in config: JSON, by schemas: [JSON?]) -> Schema.Fault? {
        let config = config.isNull ? JSON.object([]) : config
        var first: Schema.Fault?
        for case .some(let schema) in schemas {
            guard let fault = Schema.fault(in: config, by: schema) else { return nil }
            first = first ?? fault
        }
        return first
    }
}
