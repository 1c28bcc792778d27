package import Basics
package import PluginHost

/// Modes, owners and links, which the seam's disk does not have.
///
/// Tasks may write to their folders, and the agent is root: nothing here follows a link that a task may have laid.
package protocol FileModes: Sendable {
    /// Makes a folder with exactly these permission bits, whatever the umask, and its absent parents; one that is there gets them.
    func makeFolder(_ folder: String, _ mode: UInt32, disk: any Disk) throws

    /// Makes the folder that holds the allocations' own, which come and go by the thousand; one that is there is fine.
    func makeTop(_ folder: String, disk: any Disk) throws

    /// Gives a folder to a user: a name or uid, optionally ":" and a group. Throws when there is no such user.
    func setOwner(_ folder: String, user: String) throws

    /// Replaces `file`, a path below `folder`, whole; absent folders on the way to it are made.
    func replace(_ file: String, in folder: String, with bytes: [UInt8], mode: UInt32, disk: any Disk) throws
}

/// No modes, owners or links: for simulated disks.
package struct NoFileModes: FileModes {
    package init() {}

    package func makeFolder(_ folder: String, _ mode: UInt32, disk: any Disk) throws {
        try disk.makeDirectory(folder)
    }

    package func makeTop(_ folder: String, disk: any Disk) throws { try disk.makeDirectory(folder) }

    package func setOwner(_ folder: String, user: String) throws {}

    package func replace(
        _ file: String, in folder: String, with bytes: [UInt8], mode: UInt32, disk: any Disk
    ) throws {
        let path = folder + "/" + file
        try disk.makeDirectory(path.parentPath)
        let opened = try disk.open(path + ".new", create: true, exclusive: false)
        defer { opened.close() }
        try opened.truncate(0)
        try opened.write(bytes, at: 0)
        try disk.rename(path + ".new", to: path)
    }
}

/// The folders of one allocation: `<alloc_dir>/<id>/{alloc/{data,logs,tmp},<task>/{local,secrets,tmp,private}}`.
package struct AllocationFolders: Sendable, Equatable {
    package let root: String

    package init(base: String, id: ID) { root = "\(base)/\(id)" }

    /// Shared by the tasks.
    package var shared: String { root + "/alloc" }
    package var logs: String { root + "/alloc/logs" }

    package func task(_ name: String) -> String { "\(root)/\(name)" }

    /// The attempt of a task, as a second record beside the state database: JSON with driver and task id.
    package func attemptFile(_ task: String) -> String { "\(self.task(task))/\(AllocationFolders.attempt)" }

    /// ``attemptFile(_:)``, below the task's folder.
    static let attempt = "private/attempt"

    package func directories(_ task: String) -> TaskSpec.Directories {
        var directories = TaskSpec.Directories()
        directories.allocation = shared
        directories.task = self.task(task)
        directories.local = self.task(task) + "/local"
        directories.secrets = self.task(task) + "/secrets"
        return directories
    }

    /// Makes the allocation's own folders; safe to run again. Blocks.
    package func make(disk: any Disk, modes: any FileModes) throws {
        try modes.makeFolder(root, 0o711, disk: disk)
        // Tasks of different users share these. Sticky: a task writes as it likes, but does not rename what the agent made.
        for (name, mode) in [("", 0o1777), ("/data", 0o777), ("/logs", 0o777), ("/tmp", 0o1777)] as [(String, UInt32)] {
            try modes.makeFolder(shared + name, mode, disk: disk)
        }
    }

    /// Makes one task's folders; safe to run again. Secrets are the task's user's alone ("" is the agent's own). Blocks.
    package func make(task: String, user: String, disk: any Disk, modes: any FileModes) throws {
        let folder = self.task(task)
        let parts: [(String, UInt32)] = [
            // Sticky: a task writes here as it likes, but does not rename what the agent made.
            ("", 0o1777), ("/local", 0o777), ("/secrets", 0o700), ("/tmp", 0o1777), ("/private", 0o700),
        ]
        for (name, mode) in parts {
            try modes.makeFolder(folder + name, mode, disk: disk)
        }
        if !user.isEmpty { try modes.setOwner(folder + "/secrets", user: user) }
    }
}
