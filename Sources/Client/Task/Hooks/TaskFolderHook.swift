internal import Basics
internal import Model
internal import PluginHost

/// Makes the task's folders and tells the driver where they are and which host volumes to mount.
struct TaskFolderHook: TaskHook {
    let name = "task_dir"

    func prestart(_ start: inout TaskStart, _ context: TaskContext) async throws {
        let (folders, task, user) = (context.folders, context.taskName, start.user)
        let (disk, modes) = (context.world.seam.disk, context.world.modes)
        do {
            try await context.world.seam.blocking.run {
                try folders.make(task: task, user: user, disk: disk, modes: modes)
            }
        } catch is CancellationError {
            throw CancellationError()
        } catch let error as TaskSetupError {
            throw error
        } catch {
            throw TaskSetupError(message: "cannot make the task's folders: \(error)", recoverable: true)
        }
        start.spec.directories = folders.directories(task)
        start.spec.mounts = try start.task.volumeMounts.compactMap { mount -> TaskSpec.Mount? in
            guard let volume = start.group.volumes[mount.volume], volume.type == "host",
                let host = start.node.hostVolumes[volume.source]
            else { return nil }
            let readOnly = mount.readOnly || volume.readOnly || host.readOnly
            return TaskSpec.Mount(
                source: host.path, target: mount.destination, readOnly: readOnly, propagation: try propagation(mount))
        }
    }

    /// The kernel's word for the job's `propagation_mode`; drivers that cannot do it refuse it.
    private func propagation(_ mount: VolumeMount) throws(TaskSetupError) -> String {
        switch mount.propagationMode {
        case "", "private": return "private"
        case "host-to-task": return "rslave"
        case "bidirectional": return "rshared"
        case let other:
            let known = "private, host-to-task or bidirectional"
            throw TaskSetupError(
                message: "volume_mount \"\(mount.volume)\": propagation_mode \"\(other)\" is none of \(known)",
                isValidation: true)
        }
    }
}
