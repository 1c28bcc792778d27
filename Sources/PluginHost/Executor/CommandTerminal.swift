internal import Basics
internal import CLinux
internal import Glibc
internal import Linux

/// A terminal of a task's own devpts for a command inside it, joined to the one its caller brought.
///
/// The caller's terminal is the host's: inside the task it has no name under /dev/pts, so that `tty`, `ttyname` and what opens its
/// terminal by name (tmux, ssh, sudo) would find none. What is typed at the caller's goes raw to this one, which echoes, edits lines
/// and sends signals; what the command writes comes back.
final class CommandTerminal: Sendable {
    /// Bytes carried at a time.
    private static let pieceBytesMax = 32 << 10

    /// The command's side.
    let inner: FileDescriptor
    private let outer: AsyncDescriptor
    private let size: FileDescriptor

    /// Nil where tasks see the host's terminals, or none.
    ///
    /// - Throws: ``ExecutorError`` when the task has ended.
    init?(of task: ProcessIdentity, user: UserIdentity?) throws(ExecutorError) {
        do {
            guard let outer = try CommandTerminal.multiplexer(of: task) else { return nil }
            let peer = try systemCall("TIOCGPTPEER", "/dev/pts/ptmx") { clinux_terminal_peer(outer.number) }
            inner = FileDescriptor(owning: peer)
            let copy = try systemCall("fcntl") { fcntl(outer.number, F_DUPFD_CLOEXEC, 3) }
            size = FileDescriptor(owning: copy)
            self.outer = try AsyncDescriptor(outer)
            if let user { try systemCall("fchown", "/dev/pts") { fchown(peer, user.uid, gid_t.max) } }
        } catch {
            throw .system(error)
        }
    }

    /// A new terminal's outer side, from the devpts that `task` has at /dev/pts. The path is the task's to arrange: no link in it is
    /// followed out of its root, and what is found must be what it should be.
    private static func multiplexer(of task: ProcessIdentity) throws(LinuxError) -> FileDescriptor? {
        let root = FileDescriptor(owning: open("/proc/\(task.pid)/root", O_RDONLY | O_DIRECTORY | O_CLOEXEC))
        guard root.number >= 0, ProcessIdentity(pid: task.pid) == task else { return nil }
        let flags = O_RDWR | O_NOCTTY | O_NONBLOCK
        let number = clinux_open_beneath(root.number, "dev/pts/ptmx", flags, 0)
        guard number >= 0 else { return nil }
        let file = FileDescriptor(owning: number)
        var status = stat()
        try systemCall("fstat", "dev/pts/ptmx") { fstat(number, &status) }
        // 5:2 (Linux: devices.txt).
        guard status.st_mode & S_IFMT == S_IFCHR, status.st_rdev == 5 << 8 | 2 else { return nil }
        return file
    }

    func setSize(rows: UInt16, columns: UInt16) -> Int32 { clinux_set_terminal_size(size.number, rows, columns) }

    /// Carries bytes both ways between this terminal and the caller's, `descriptor`, until ``Carrying/finish()``.
    func carry(for descriptor: Int32) throws(ExecutorError) -> Carrying {
        do {
            let copy = try systemCall("fcntl") { fcntl(descriptor, F_DUPFD_CLOEXEC, 3) }
            let caller = try AsyncDescriptor(FileDescriptor(owning: copy))
            if let now = Terminal.size(copy) {
                _ = setSize(rows: UInt16(clamping: now.rows), columns: UInt16(clamping: now.columns))
            }
            _ = Terminal.makeRaw(copy)
            return Carrying(
                typed: Task { [outer] in await CommandTerminal.copy(from: caller, to: outer) },
                written: Task { [outer] in await CommandTerminal.copy(from: outer, to: caller) }, outer: outer)
        } catch {
            throw .system(error)
        }
    }

    private static func copy(from source: AsyncDescriptor, to target: AsyncDescriptor) async {
        // It fails where a side is closed, or nobody reads any more.
        while let bytes = try? await source.read(count: pieceBytesMax), !bytes.isEmpty {
            guard (try? await target.write(bytes)) != nil else { return }
        }
    }

    /// The bytes under way.
    struct Carrying: Sendable {
        fileprivate let typed: Task<Void, Never>
        fileprivate let written: Task<Void, Never>
        fileprivate let outer: AsyncDescriptor

        /// The command has ended: hands on what it wrote, and nothing that others may write.
        func finish() async {
            // Nobody reads what is typed now; a write that waits for room would wait on.
            typed.cancel()
            outer.endWhenDry()
            await written.value
            await typed.value
        }

        /// The caller is gone: nobody reads.
        func cancel() {
            typed.cancel()
            written.cancel()
        }
    }
}
