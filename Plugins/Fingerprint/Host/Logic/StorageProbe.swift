internal import DroverSDK
internal import Synchronization

/// The free space of folders when they were first looked at, in bytes.
final class FreeSpace: Sendable {
    private let known = Mutex<[String: UInt64]>([:])

    func first(of folder: String, _ now: UInt64) -> UInt64 {
        known.withLock { known in
            if let earlier = known[folder] { return earlier }
            known[folder] = now
            return now
        }
    }
}

enum StorageProbe {
    /// `unique.storage.*`: the file system that holds `folder`, where allocations live.
    ///
    /// What is free is told as it was at the first look: from then on allocations use it, and the servers subtract what they
    /// ask for. Told anew it would count twice, and change the node every minute.
    static func run(_ machine: Machine, _ known: FreeSpace, folder: String, _ fingerprint: inout Fingerprint) {
        guard let free = set("unique.storage", machine, known, folder, &fingerprint) else { return }
        fingerprint.resources["disk_bytes"] = .integer(Int64(clamping: free))
    }

    /// `unique.storage.<name>.*`: the same of further folders, such as that of a host volume, with the kind of file system.
    static func run(_ machine: Machine, _ known: FreeSpace, folders: JSON?, _ fingerprint: inout Fingerprint) {
        for (name, folder) in folders?.object ?? [:] {
            guard let folder = folder.string else { continue }
            _ = set("unique.storage.\(name)", machine, known, folder, &fingerprint)
            fingerprint.attributes["unique.storage.\(name).folder"] = folder
            fingerprint.attributes["unique.storage.\(name).filesystem"] = mount(of: folder, machine)?.kind
        }
    }

    /// Bytes that are free; `nil` when there is no such folder.
    private static func set(
        _ prefix: String, _ machine: Machine, _ known: FreeSpace, _ folder: String, _ fingerprint: inout Fingerprint
    ) -> UInt64? {
        guard let storage = machine.system.storage(folder) else { return nil }
        let free = known.first(of: folder, storage.free)
        fingerprint.attributes[prefix + ".bytestotal"] = "\(storage.total)"
        fingerprint.attributes[prefix + ".bytesfree"] = "\(free)"
        fingerprint.attributes[prefix + ".volume"] = mount(of: folder, machine)?.device
        return free
    }

    /// What is mounted at the longest folder that holds `folder`; of several the last, which hides the others.
    private static func mount(of folder: String, _ machine: Machine) -> (device: String, kind: String)? {
        var best: (length: Int, device: String, kind: String)?
        for line in machine.text("/proc/self/mounts")?.split(separator: "\n") ?? [] {
            let fields = line.split(separator: " ")
            guard fields.count >= 3 else { continue }
            let target = String(fields[1])
            let holds = target == "/" || folder == target || folder.hasPrefix(target + "/")
            if holds, target.count >= best?.length ?? 0 {
                best = (target.count, String(fields[0]), String(fields[2]))
            }
        }
        return best.map { ($0.device, $0.kind) }
    }
}
