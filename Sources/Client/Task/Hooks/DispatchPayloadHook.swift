internal import Basics
internal import Model
internal import PluginHost

/// Writes a dispatched job's payload to the file the task asked for, below its local folder, once an attempt.
struct DispatchPayloadHook: TaskHook {
    let name = "dispatch_payload"

    func prestart(_ start: inout TaskStart, _ context: TaskContext) async throws {
        guard start.isNew, let file = start.task.dispatchPayload?.file, !file.isEmpty, let payload = start.job.payload
        else { return }
        guard !file.split(separator: "/").contains("..") else {
            throw TaskSetupError(message: "dispatch_payload file \"\(file)\" leads out of the task's folder")
        }
        guard let bytes = Base64.decode(payload) else {
            throw TaskSetupError(message: "the job's payload is not valid base64")
        }
        let folder = start.spec.directories.local
        let (disk, modes) = (context.world.seam.disk, context.world.modes)
        do {
            try await context.world.seam.blocking.run {
                try modes.replace(file, in: folder, with: bytes, mode: 0o666, disk: disk)
            }
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw TaskSetupError(message: "cannot write the dispatch payload: \(error)", recoverable: true)
        }
    }
}
