internal import Linux

/// chmod(2) and chown(2).
package struct LinuxFileModes: FileModes {
    package init() {}

    package func setMode(_ path: String, _ mode: UInt32) throws { try FileMode.set(path, mode) }

    package func setOwner(_ path: String, user: String) throws {
        guard let found = UserIdentity.find(user) else {
            throw TaskSetupError(message: "user \"\(user)\" does not exist on this machine")
        }
        try FileMode.setOwner(path, found)
    }
}
