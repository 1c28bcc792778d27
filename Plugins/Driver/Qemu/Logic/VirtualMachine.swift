internal import DroverSDK
internal import Glibc
internal import PluginSupport

/// What the driver keeps in memory of a task: all of it can be read from the task document again.
struct VirtualMachine: Sendable {
    let isStoppedByButton: Bool
    let monitor: MachineMonitor

    /// The folder of the sockets, in the task's folder.
    private static let folder = "qemu"

    init(_ task: TaskDocument) {
        isStoppedByButton = (try? task.config.flag("graceful_shutdown")) ?? false
        monitor = MachineMonitor(folder: VirtualMachine.socketFolder(of: task))
    }

    /// Makes the folder where the emulator, running as `user`, makes its sockets; nobody else but root enters it.
    ///
    /// - Throws: ``PluginError/Code/io`` with the path.
    static func makeSocketFolder(of task: TaskDocument, for user: UserAccount) throws(PluginError) -> String {
        let path = socketFolder(of: task)
        let made = mkdir(path, 0o700)
        let folder = made == 0 || errno == EEXIST ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1
        defer { if folder >= 0 { close(folder) } }
        let isOwn = geteuid() != 0 && user.uid == geteuid()
        guard folder >= 0, isOwn || fchown(folder, user.uid, user.gids.first ?? user.uid) == 0 else {
            let reason = String(cString: strerror(errno))
            throw PluginError(.io, "cannot make \(path) for the emulator's sockets: \(reason)")
        }
        return path
    }

    private static func socketFolder(of task: TaskDocument) -> String { "\(task.folder("task") ?? "")/\(folder)" }
}
