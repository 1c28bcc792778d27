internal import DroverSDK
internal import Synchronization

/// What this machine is and has, under the attribute names that Nomad's fingerprinters use.
///
/// A probe is a function from the machine to part of the answer; what a machine lacks is left out, never an error.
struct HostFingerprinter: Fingerprinter {
    /// Addresses change: ask again every minute.
    static let period: Int64 = 60_000_000_000

    let machine: Machine
    private let free = FreeSpace()

    init(machine: Machine) { self.machine = machine }

    func probe(known: JSON) throws -> Fingerprint {
        var fingerprint = Fingerprint()
        fingerprint.periodNanoseconds = Self.period
        CPUProbe.run(machine, &fingerprint)
        MemoryProbe.run(machine, &fingerprint)
        SystemProbe.run(machine, &fingerprint)
        StorageProbe.run(machine, free, folder: known["data_dir"]?.string ?? "/", &fingerprint)
        NetworkProbe.run(machine, wanted: known["options"]?["network_interface"]?.string, &fingerprint)
        GPUProbe.run(machine, &fingerprint)
        return fingerprint
    }
}

enum MemoryProbe {
    /// `memory.totalbytes`, from MemTotal of /proc/meminfo (proc(5); in KiB).
    static func run(_ machine: Machine, _ fingerprint: inout Fingerprint) {
        let lines = machine.text("/proc/meminfo")?.split(separator: "\n") ?? []
        guard let line = lines.first(where: { $0.hasPrefix("MemTotal:") }),
            let kibibytes = line.split(separator: " ").dropFirst().first.flatMap({ Int64($0) })
        else { return }
        fingerprint.attributes["memory.totalbytes"] = "\(kibibytes * 1024)"
        fingerprint.resources["memory_bytes"] = .integer(kibibytes * 1024)
    }
}

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
        guard let storage = machine.system.storage(folder) else { return }
        let free = known.first(of: folder, storage.free)
        fingerprint.attributes["unique.storage.bytestotal"] = "\(storage.total)"
        fingerprint.attributes["unique.storage.bytesfree"] = "\(free)"
        fingerprint.resources["disk_bytes"] = .integer(Int64(clamping: free))
        if let volume = volume(of: folder, machine) {
            fingerprint.attributes["unique.storage.volume"] = volume
        }
    }

    /// The device mounted at the longest folder that holds `folder`; of several the last, which hides the others.
    private static func volume(of folder: String, _ machine: Machine) -> String? {
        var best: (length: Int, device: String)?
        for line in machine.text("/proc/self/mounts")?.split(separator: "\n") ?? [] {
            let fields = line.split(separator: " ")
            guard fields.count >= 2 else { continue }
            let target = String(fields[1])
            let holds = target == "/" || folder == target || folder.hasPrefix(target + "/")
            if holds, target.count >= best?.length ?? 0 { best = (target.count, String(fields[0])) }
        }
        return best?.device
    }
}
