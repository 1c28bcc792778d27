package import Basics
internal import Gossip

/// The members of the pool on disk, so that a restarted member finds the others again: a JSON object of addresses
/// (`host:port`) by name.
package struct MemberFile: Sendable {
    private let path: String
    private let disk: any Disk

    /// Members kept at most; 1,024. Any of them is enough to come back.
    static let membersMax = 1_024
    /// Bytes of the file; ``membersMax`` names and addresses are below.
    private static let bytesMax = 1 << 20

    /// The file at `path`, an absolute path; its folder exists.
    package init(path: String, disk: any Disk) {
        self.path = path
        self.disk = disk
    }

    /// Addresses by name; none when there is no file. Blocks. Throws ``DiskError``, and ``JSONError`` for a damaged file.
    func load() throws -> [String: String] {
        guard disk.exists(path) else { return [:] }
        let json = try JSONParser.parse(try disk.read(path, limit: MemberFile.bytesMax))
        var addresses: [String: String] = [:]
        for (name, value) in json.object?.members ?? [] { addresses[name] = value.string }
        return addresses
    }

    /// Replaces the file. Blocks until it is on stable storage.
    func save(_ addresses: [String: String]) throws(DiskError) {
        let members = addresses.sorted { $0.key < $1.key }.map { ($0.key, JSON.string($0.value)) }
        try disk.replace(path, with: JSON.object(members).bytes)
    }

    /// Forgets all. Blocks.
    func remove() throws(DiskError) { try disk.remove(path) }
}

extension MemberEvent {
    /// Takes the change into what is remembered: who left is forgotten, who failed is not, for it may come back first.
    func apply(to remembered: inout [String: String], except own: String) {
        switch self {
        case .joined(let member), .updated(let member):
            guard member.name != own, remembered[member.name] != nil || remembered.count < MemberFile.membersMax else {
                return
            }
            remembered[member.name] = "\(member.address)"
        case .left(let member), .reaped(let member): remembered[member.name] = nil
        case .failed: break
        }
    }
}
