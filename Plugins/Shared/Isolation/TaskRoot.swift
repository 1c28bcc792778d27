internal import DroverSDK
internal import Glibc

/// What a task sees as its file system: host folders to read, its own folders to write, and what volumes and devices add.
struct TaskRoot {
    private(set) var binds: [JSON] = []

    /// What `task` sees: `folders` are host paths with where the task sees them, and those that this host lacks are left out.
    ///
    /// - Throws: ``PluginError`` naming the folder or mount that is wrong.
    init(_ task: TaskDocument, folders: [(host: String, task: String)]) throws(PluginError) {
        for folder in folders where access(folder.host, F_OK) == 0 { add(folder.host, at: folder.task, readOnly: true) }
        for name in ["alloc", "local", "secrets"] {
            guard let folder = task.folder(name) else {
                throw PluginError(.invalid, "the task document has no dirs.\(name)")
            }
            add(folder, at: "/" + name, readOnly: false)
        }
        if let folder = task.folder("task") { try addTemporary(folder + "/tmp") }
        for mount in task.json["mounts"]?.array ?? [] { try add(mount) }
        for device in task.json["devices"]?.array ?? [] {
            guard let reservation = device["reservation"] else { continue }
            for mount in reservation["mounts"]?.array ?? [] { try add(mount) }
            for node in reservation["devices"]?.array ?? [] {
                let (host, target) = (try node.requiredText("host_path"), try node.text("task_path"))
                let isWritable = try node.text("permissions", otherwise: "rwm").contains("w")
                add(host, at: target.isEmpty ? host : target, readOnly: !isWritable)
            }
        }
    }

    /// /tmp lies on disk in the task's folder: in memory it would count against the task's own.
    private mutating func addTemporary(_ folder: String) throws(PluginError) {
        if mkdir(folder, 0o1777) == 0 {
            chmod(folder, 0o1777)
        } else if errno != EEXIST {
            throw PluginError(.io, "cannot make \(folder) for the task's /tmp: \(String(cString: strerror(errno)))")
        }
        add(folder, at: "/tmp", readOnly: false)
    }

    /// Adds what a driver needs besides.
    mutating func add(_ bind: TaskBind) { add(bind.source, at: bind.target, readOnly: bind.isReadOnly) }

    private mutating func add(_ mount: JSON) throws(PluginError) {
        let target = try mount.requiredText("target")
        let inside = target.hasPrefix("/") ? target : "/" + target
        let propagation = try mount.text("propagation")
        guard propagation.isEmpty || propagation == "private" else {
            throw PluginError(
                .unsupported,
                "mount \"\(inside)\": propagation \"\(propagation)\": mounts made later do not pass into or out of an isolated "
                    + "task; use \"private\"")
        }
        add(try mount.requiredText("source"), at: inside, readOnly: try mount.flag("read_only"))
    }

    private mutating func add(_ source: String, at target: String, readOnly: Bool) {
        binds.append(["source": .string(source), "target": .string(target), "read_only": .bool(readOnly)])
    }
}

/// A host path that a driver shows its task, besides the folders that every task sees.
package struct TaskBind: Equatable, Sendable {
    package let source: String
    /// Absolute, in the task's root.
    package let target: String
    package let isReadOnly: Bool

    package init(source: String, target: String, isReadOnly: Bool) {
        self.source = source
        self.target = target
        self.isReadOnly = isReadOnly
    }
}
