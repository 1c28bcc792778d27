internal import Basics
internal import Model

/// The node's id and secret, made once and kept in `client-id` and `secret-id` of the state folder.
struct NodeIdentity: Sendable {
    let id: ID
    let secret: ID

    /// Blocks. A file that holds no id is an error: guessing would make a second node of this machine.
    static func load(disk: any Disk, folder: String, random: any RandomSource) throws -> NodeIdentity {
        try disk.makeDirectory(folder)
        return NodeIdentity(
            id: try value(disk, folder + "/client-id", random), secret: try value(disk, folder + "/secret-id", random))
    }

    private static func value(_ disk: any Disk, _ path: String, _ random: any RandomSource) throws -> ID {
        guard disk.exists(path) else {
            let id = random.id()
            try disk.replace(path, with: Array("\(id)".utf8))
            return id
        }
        let text = String(decoding: try disk.read(path, limit: 100).filter { $0 > 0x20 }, as: UTF8.self)
        guard let id = ID(text), !id.isNone else {
            throw CallError(.failed, "\(path) holds no node id; restore it, or remove it to begin as a new node")
        }
        return id
    }
}
