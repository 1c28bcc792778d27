internal import Glibc
internal import PluginSupport

/// The host's device for running guests on the processor itself.
enum KVMDevice {
    static let path = "/dev/kvm"

    /// Why `emulator` cannot use it whatever a trial says; `nil` when it may.
    static func obstacle(_ emulator: Emulator) -> String? {
        guard emulator.architecture == Emulator.native else {
            return "\(emulator.architecture) is not the architecture of this machine"
        }
        guard emulator.architecture == "x86_64" else { return "it is tried on x86_64 only" }
        guard access(path, R_OK | W_OK) == 0 else { return "\(path): \(String(cString: strerror(errno)))" }
        return nil
    }

    /// Why a task's user cannot use it; `nil` when it can.
    static func obstacle(_ user: UserAccount) -> String? {
        var status = stat()
        guard stat(path, &status) == 0 else { return "\(path): \(String(cString: strerror(errno)))" }
        let shift: UInt32 =
            user.uid == status.st_uid ? 6 : user.gids.contains(status.st_gid) ? 3 : 0
        guard user.uid == 0 || (status.st_mode >> shift) & 6 == 6 else {
            return "the task's user may not open \(path): name one in its group"
        }
        return nil
    }
}
