internal import Basics

/// Why an agent does not start, and what to do.
struct AgentError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// The data folder: made, found writable, and held against a second agent.
struct AgentFolder {
    private let path: String
    private let seam: Seam

    init(_ path: String, _ seam: Seam) {
        self.path = path
        self.seam = seam
    }

    func prepare() async throws -> any DiskLock {
        let (path, disk) = (path, seam.disk)
        do {
            return try await seam.blocking.run {
                for folder in ["", "/server", "/client", "/alloc", "/plugins"] { try disk.makeDirectory(path + folder) }
                return try disk.lock(path + "/lock")
            }
        } catch let error as DiskError where error.reason == .locked {
            throw AgentError(
                "another agent uses the data folder \(path); stop it, or give this one its own with -data-dir or data_dir"
            )
        } catch let error as DiskError {
            throw AgentError("the data folder \(path) cannot be used: \(error); check data_dir and its permissions")
        }
    }
}
