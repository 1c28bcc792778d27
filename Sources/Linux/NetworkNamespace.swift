internal import CLinux
internal import Glibc

/// Network namespaces that a file holds: they live, with what is in them, until the file is let go, whoever dies meanwhile.
///
/// As `ip netns` does it: the namespace is mounted on an empty file (network_namespaces(7)). Needs root.
package enum NetworkNamespace {
    /// Holds a new network at `path`: its loopback is up, and it has nothing else. Fails when `path` holds one already.
    package static func make(at path: String) throws(LinuxError) {
        try makePlace(path)
        let own = try FileDescriptor(path: "/proc/thread-self/ns/net", flags: O_RDONLY)
        try systemCall("unshare", path) { clinux_unshare(clinux_clone_newnet) }
        defer {
            // The thread serves others next: in the wrong network it must not go on.
            precondition(
                clinux_setns(own.number, clinux_clone_newnet) == 0, "cannot come back to the own network: \(errno)")
        }
        let socket = FileDescriptor(
            owning: try systemCall("socket", path) { Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0) })
        // ip link set lo up
        try systemCall("SIOCSIFFLAGS", "lo") { clinux_raise_interface(socket.number, "lo") }
        try bind("/proc/thread-self/ns/net", at: path)
    }

    /// Holds the network that `source` stands for, such as `/proc/PID/ns/net`, at `path`.
    package static func hold(_ source: String, at path: String) throws(LinuxError) {
        try makePlace(path)
        try bind(source, at: path)
    }

    /// Whether `path` holds a network.
    package static func isHeld(at path: String) -> Bool {
        // NSFS_MAGIC of <linux/magic.h>.
        clinux_file_system(path) == 0x6e73_6673
    }

    /// Lets go of the network at `path`, which ends when no process is in it; an absent one is fine.
    package static func release(_ path: String) throws(LinuxError) {
        while isHeld(at: path) { try systemCall("umount", path) { umount2(path, Int32(MNT_DETACH)) } }
        guard unlink(path) != 0, errno != ENOENT else { return }
        throw LinuxError(call: "unlink", path: path, errno: errno)
    }

    private static func makePlace(_ path: String) throws(LinuxError) {
        guard let slash = path.lastIndex(of: "/") else { throw LinuxError(call: "open", path: path, errno: EINVAL) }
        try Folder.make(String(path[..<slash]), mode: 0o755)
        _ = try FileDescriptor(path: path, flags: O_RDONLY | O_CREAT, mode: 0o444)
    }

    private static func bind(_ source: String, at path: String) throws(LinuxError) {
        try systemCall("mount", path) { mount(source, path, nil, UInt(MS_BIND), nil) }
    }
}
