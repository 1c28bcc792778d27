internal import Glibc

/// Permission bits.
package enum FileMode {
    /// fchmod(2): sets a folder's bits exactly, whatever the umask. A link in the folder's place is refused (ENOTDIR).
    package static func set(folder: String, _ mode: UInt32) throws(LinuxError) {
        let opened = try open(folder: folder)
        try systemCall("chmod", folder) { fchmod(opened.number, mode) }
    }

    /// chmod(2): gives a folder that this process has just made the bits that its umask took away.
    static func complete(_ folder: String, _ mode: UInt32) throws(LinuxError) {
        if mode & umask != 0 { try systemCall("chmod", folder) { chmod(folder, mode) } }
    }

    /// The bits that this process' files do not get (/proc/self/status, proc(5)); read once, as nothing here changes them.
    static let umask: UInt32 = {
        let line = SmallFile.text("/proc/self/status")?.split(separator: "\n").first { $0.hasPrefix("Umask:") }
        return line?.split(separator: "\t").last.flatMap { UInt32($0, radix: 8) } ?? 0o777
    }()

    /// fchown(2): gives a folder to the user and its primary group. A link in the folder's place is refused (ENOTDIR).
    package static func setOwner(folder: String, _ user: UserIdentity) throws(LinuxError) {
        let opened = try open(folder: folder)
        try systemCall("chown", folder) { fchown(opened.number, user.uid, user.gid) }
    }

    private static func open(folder: String) throws(LinuxError) -> FileDescriptor {
        try FileDescriptor(path: folder, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    }

    /// As `ls` shows them: `drwxr-xr-x`.
    package static func text(_ mode: UInt32) -> String {
        let kind: Character =
            switch mode & S_IFMT {
            case S_IFDIR: "d"
            case S_IFLNK: "L"
            case S_IFIFO: "p"
            case S_IFSOCK: "S"
            case S_IFCHR, S_IFBLK: "D"
            default: "-"
            }
        var text = String(kind)
        for (shift, letters) in [(6, "rwx"), (3, "rwx"), (0, "rwx")] {
            for (place, letter) in letters.enumerated() {
                text.append(mode >> UInt32(shift + 2 - place) & 1 == 1 ? letter : "-")
            }
        }
        return text
    }
}
