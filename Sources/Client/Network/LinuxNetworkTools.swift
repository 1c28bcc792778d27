package import Basics
internal import CLinux
internal import CSpawn
internal import Glibc
internal import Linux

/// Namespaces held below `/run/netns`, where `ip netns` shows them, and plug-ins as processes.
package struct LinuxNetworkTools: NetworkTools {
    /// How long a plug-in may take, in milliseconds, before it is killed.
    private static let millisecondsMax: Int32 = 60_000

    package init() {}

    package var isAble: Bool { Machine.isRoot }

    package func place(of allocation: ID) -> String { "/run/netns/\(allocation)" }

    package func make(at path: String) throws { try NetworkNamespace.make(at: path) }

    package func hold(_ source: String, at path: String) throws { try NetworkNamespace.hold(source, at: path) }

    package func isHeld(at path: String) -> Bool { NetworkNamespace.isHeld(at: path) }

    package func release(_ path: String) throws { try NetworkNamespace.release(path) }

    package var resolverFile: String {
        guard let path = realpath("/etc/resolv.conf", nil) else { return "/etc/resolv.conf" }
        defer { free(path) }
        return String(cString: path)
    }

    package func programs(in folder: String) -> [String] {
        Folder.names(folder).filter { access("\(folder)/\($0)", X_OK) == 0 }
    }

    /// The program outlives a killed client and keeps the lock, so that whoever comes next waits for its end.
    package func run(_ program: String, environment: [String], input: [UInt8], lock: String?) throws -> ProgramAnswer? {
        let held = try lock.map { try FileDescriptor(path: $0, flags: O_RDWR | O_CREAT | O_NOFOLLOW) }
        if let held, flock(held.number, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else {
                throw LinuxError(call: "flock", path: lock ?? "", errno: errno)
            }
            return nil
        }
        let (read, written, said) = (try memory("input"), try memory("output"), try memory("error"))
        try read.write(input)
        try systemCall("lseek", "input") { lseek(read.number, 0, SEEK_SET) }
        let (arguments, variables) = (CStringArray([program]), CStringArray(environment))
        var extra = held?.number ?? -1
        var result = drover_spawn_result()
        let failed = withUnsafePointer(to: &extra) { extra in
            var spec = drover_spawn_spec()
            spec.path = UnsafePointer(arguments.pointers[0])
            spec.argv = UnsafePointer(arguments.base)
            spec.envp = UnsafePointer(variables.base)
            spec.flags = DROVER_SPAWN_SETSID
            spec.stdio = (read.number, written.number, said.number)
            spec.extra = extra
            spec.extra_count = held == nil ? 0 : 1
            spec.join_pidfd = -1
            return drover_spawn(&spec, &result) != 0
        }
        guard !failed else { throw LinuxError(call: "start", path: program, errno: result.error) }
        let status = try end(of: result.pid, FileDescriptor(owning: result.pidfd), program)
        return ProgramAnswer(exitCode: status, output: try content(written), error: try content(said))
    }

    private func end(of pid: Int32, _ process: FileDescriptor, _ program: String) throws -> Int32 {
        var polled = pollfd(fd: process.number, events: Int16(POLLIN), revents: 0)
        let ready = try systemCall("poll", program) { poll(&polled, 1, LinuxNetworkTools.millisecondsMax) }
        if ready == 0 { kill(pid, SIGKILL) }
        var status: Int32 = 0
        try systemCall("waitpid", program) { waitpid(pid, &status, 0) }
        guard ready > 0 else {
            throw CNIError("\(program) took longer than \(LinuxNetworkTools.millisecondsMax / 1_000) s and was killed")
        }
        return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
    }

    private func memory(_ name: String) throws -> FileDescriptor {
        FileDescriptor(owning: try systemCall("memfd_create", name) { clinux_memory_file(name) })
    }

    private func content(_ file: FileDescriptor) throws -> [UInt8] {
        try systemCall("lseek", "output") { lseek(file.number, 0, SEEK_SET) }
        return try file.read(count: 1 << 20)
    }
}
