internal import Basics
internal import CDroverABI
internal import Synchronization

/// The folders of a driver's tasks, learnt from the task documents that pass: what `drover.dirs/1` answers from.
final class TaskFolders: Sendable {
    private let tasks = Mutex<[String: [String: String]]>([:])

    init() {}

    /// Looks at a request on its way to the plug-in: `start` and `recover` of a driver bring folders, `destroy` ends them.
    func note(_ request: PluginRequest) {
        guard request.interface.id == DROVER_DRIVER_1, case .bytes(let first)? = request.arguments.first else { return }
        switch request.signature.name {
        case "start", "recover":
            guard let document = try? JSONParser.parse(first), let id = document["id"]?.string else { return }
            var folders: [String: String] = [:]
            for name in ["alloc", "task", "local", "secrets"] { folders[name] = document["dirs"]?[name]?.string }
            folders["logs"] = document["logs"]?["dir"]?.string
            tasks.withLock { $0[id] = folders }
        case "destroy":
            _ = tasks.withLock { $0.removeValue(forKey: String(decoding: first, as: UTF8.self)) }
        default: break
        }
    }

    /// The folders of a task by name, or nil when the task is unknown.
    func folders(of id: String) -> [String: String]? { tasks.withLock { $0[id] } }
}
