internal import Model
internal import PluginHost

/// Refuses what this client cannot do, by name, before anything is made.
struct ValidationHook: TaskHook {
    let name = "validate"

    func prestart(_ start: inout TaskStart, _ context: TaskContext) async throws {
        let task = start.task
        if task.name.isEmpty || task.name.contains("/") || JobTask.isReserved(task.name) {
            throw refusal("task name \"\(task.name)\" cannot be a folder's name; rename the task")
        }
        if !task.templates.isEmpty { throw refusal("this client does not render template blocks; remove them") }
        if !task.artifacts.isEmpty { throw refusal("this client does not fetch artifact blocks; remove them") }
        if !task.user.isEmpty, context.world.configuration.deniedUsers.contains(task.user) {
            throw refusal("running as user \"\(task.user)\" is disallowed by the client's option user.denylist")
        }
        let mode = start.group.networks.first?.mode ?? ""
        let isolation = GroupNetwork.isolation(mode)
        if isolation != "host", !start.driver.capabilities.networkIsolation.contains(isolation) {
            throw refusal(
                "network mode \"\(mode)\": driver \"\(start.driver.name)\" knows only "
                    + start.driver.capabilities.networkIsolation.joined(separator: ", "))
        }
        for mount in task.volumeMounts {
            guard let volume = start.group.volumes[mount.volume] else {
                throw refusal("volume_mount \"\(mount.volume)\" names no volume of group \"\(start.group.name)\"")
            }
            if volume.type == "host", start.node.hostVolumes[volume.source] == nil {
                throw refusal("host volume \"\(volume.source)\" is not configured on this client")
            }
        }
    }

    private func refusal(_ message: String) -> TaskSetupError {
        TaskSetupError(message: message, isValidation: true)
    }
}
