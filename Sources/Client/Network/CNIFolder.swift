internal import Basics

/// The networks that an operator has configured for `mode = "cni/NAME"`: the files of one folder.
struct CNIFolder: Sendable {
    let path: String

    init(_ path: String) { self.path = path }

    struct Content: Sendable, Equatable {
        /// By the name in the file; of two with one name the first file's.
        var networks: [String: CNINetwork] = [:]
        /// Files that configure nothing, with why.
        var faults: [String] = []
    }

    /// Reads the files `*.conflist`, `*.conf` and `*.json`, in the order of their names; an absent folder has none.
    func read(_ world: ClientWorld) async throws -> Content {
        let (disk, path) = (world.seam.disk, path)
        return try await world.seam.blocking.run {
            var content = Content()
            guard disk.exists(path) else { return content }
            for name in try disk.list(path) where [".conflist", ".conf", ".json"].contains(where: name.hasSuffix) {
                do {
                    let network = try CNINetwork(try disk.read("\(path)/\(name)", limit: 1 << 20))
                    if content.networks[network.name] == nil { content.networks[network.name] = network }
                } catch {
                    content.faults.append("\(name): \(error)")
                }
            }
            return content
        }
    }
}
