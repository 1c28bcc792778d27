internal import Glibc

/// Permission bits.
package enum FileMode {
    /// chmod(2): sets the bits exactly, whatever the umask.
    package static func set(_ path: String, _ mode: UInt32) throws(LinuxError) {
        try systemCall("chmod", path) { chmod(path, mode) }
    }

    /// chown(2) to the user and its primary group.
    package static func setOwner(_ path: String, _ user: UserIdentity) throws(LinuxError) {
        try systemCall("chown", path) { chown(path, user.uid, user.gid) }
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
