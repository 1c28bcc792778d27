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

/// RFC 4648 base64 with padding.
enum Base64 {
    static func decode(_ text: String) -> [UInt8]? {
        var out: [UInt8] = []
        var (bits, count, padding) = (UInt32(0), 0, 0)
        for byte in text.utf8 {
            if byte == UInt8(ascii: "=") {
                padding += 1
                continue
            }
            guard padding == 0, let value = value(byte) else { return nil }
            bits = bits << 6 | value
            count += 1
            if count % 4 == 0 {
                out += [UInt8(bits >> 16 & 0xff), UInt8(bits >> 8 & 0xff), UInt8(bits & 0xff)]
                bits = 0
            }
        }
        switch count % 4 {
        case 0: return padding == 0 ? out : nil
        case 2: return out + [UInt8(bits >> 4 & 0xff)]
        case 3: return out + [UInt8(bits >> 10 & 0xff), UInt8(bits >> 2 & 0xff)]
        default: return nil
        }
    }

    private static func value(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
        case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
