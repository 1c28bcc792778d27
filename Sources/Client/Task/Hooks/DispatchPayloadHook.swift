internal import Basics
internal import Model
internal import PluginHost

/// Writes a dispatched job's payload to the file the task asked for, below its local folder.
struct DispatchPayloadHook: TaskHook {
    let name = "dispatch_payload"

    func prestart(_ start: inout TaskStart, _ context: TaskContext) async throws {
        guard let file = start.task.dispatchPayload?.file, !file.isEmpty, let payload = start.job.payload else {
            return
        }
        guard !file.split(separator: "/").contains("..") else {
            throw TaskSetupError(message: "dispatch_payload file \"\(file)\" leads out of the task's folder")
        }
        guard let bytes = Base64.decode(payload) else {
            throw TaskSetupError(message: "the job's payload is not valid base64")
        }
        let path = start.spec.directories.local + "/" + file
        let (disk, modes) = (context.world.seam.disk, context.world.modes)
        do {
            try await context.world.seam.blocking.run {
                try disk.makeDirectory(path.parentPath)
                let handle = try disk.open(path, create: true, exclusive: false)
                defer { handle.close() }
                try handle.truncate(0)
                try handle.write(bytes, at: 0)
                try modes.setMode(path, 0o666)
            }
        } catch let error as DiskError {
            throw TaskSetupError(message: "cannot write the dispatch payload: \(error)", recoverable: true)
        }
    }
}
