package import Basics
internal import Linux

/// fchmod(2), fchown(2), and files by way of descriptors.
package struct LinuxFileModes: FileModes {
    package init() {}

    package func makeFolder(_ folder: String, _ mode: UInt32, disk: any Disk) throws {
        try Folder.make(folder, exactMode: mode)
    }

    package func makeTop(_ folder: String, disk: any Disk) throws { try Folder.makeTop(folder) }

    package func setOwner(_ folder: String, user: String) throws {
        guard let found = UserIdentity.find(user) else {
            throw TaskSetupError(message: "user \"\(user)\" does not exist on this machine")
        }
        try FileMode.setOwner(folder: folder, found)
    }

    package func replace(
        _ file: String, in folder: String, with bytes: [UInt8], mode: UInt32, disk: any Disk
    ) throws {
        try ConfinedFolder(folder).replace(file, with: bytes, mode: mode)
    }
}
