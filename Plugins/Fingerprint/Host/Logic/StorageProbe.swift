internal import DroverSDK
internal import Synchronization

/// The free space of folders when they were first looked at, in bytes; over restarts of the agent too, where there is a store.
final class FreeSpace: Sendable {
    private let store: KeyValueStore?
    private let known = Mutex<[String: UInt64]>([:])

    init(store: KeyValueStore?) { self.store = store }

    /// What was free of `folder` at the first look. `isUnused`: nothing of ours lies there, so the figure of now is as good as one
    /// of the past. A file system that has another size than then is looked at anew.
    func first(of folder: String, _ now: (total: UInt64, free: UInt64), isUnused: Bool) -> UInt64 {
        known.withLock { known in
            if let earlier = known[folder] { return earlier }
            let free = (isUnused ? nil : kept(folder, total: now.total)) ?? now.free
            let record: JSON = ["total": .integer(Int64(clamping: now.total)), "free": .integer(Int64(clamping: free))]
            try? store?.put(key(folder), Array(record.text.utf8))
            known[folder] = free
            return free
        }
    }

    private func kept(_ folder: String, total: UInt64) -> UInt64? {
        guard let bytes = try? store?.get(key(folder)),
            let record = try? JSON(parsing: String(decoding: bytes, as: UTF8.self)),
            record["total"]?.integer == Int64(clamping: total)
        else { return nil }
        return record["free"]?.integer.map { UInt64(clamping: $0) }
    }

    /// A key holds 256 bytes at most; the end of a path tells more than its start.
    private func key(_ folder: String) -> String { "free:" + folder.suffix(60) }
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
        let free = known.first(of: folder, storage, isUnused: machine.names(in: folder).isEmpty)
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
