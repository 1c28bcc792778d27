internal import Basics

/// A server's id in its Raft group: made once, kept in `<folder>/node-id`.
enum ServerIdentity {
    static func load(folder: String, seam: Seam) async throws -> String {
        let (disk, fresh) = (seam.disk, seam.random.id().description)
        return try await seam.blocking.run {
            let path = folder + "/node-id"
            try disk.makeDirectory(folder)
            if disk.exists(path) {
                let text = String(decoding: try disk.read(path, limit: 256), as: UTF8.self)
                let id = text.filter { !$0.isWhitespace }
                guard ID(id)?.isNone == false else {
                    throw AgentError(
                        "\(path) holds no server id; restore it from a backup, or remove the server's data folder")
                }
                return id
            }
            try disk.replace(path, with: Array((fresh + "\n").utf8))
            return fresh
        }
    }
}
