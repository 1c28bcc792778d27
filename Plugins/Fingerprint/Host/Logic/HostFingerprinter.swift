internal import DroverSDK

/// What this machine is and has, under the attribute names that Nomad's fingerprinters use.
///
/// A probe is a function from the machine to part of the answer; what a machine lacks is left out, never an error.
struct HostFingerprinter: Fingerprinter {
    /// Addresses change: ask again every minute.
    static let period: Int64 = 60_000_000_000

    let machine: Machine
    private let free: FreeSpace
    private let cloud = CloudProbe()

    /// `store` keeps what must not be forgotten over a restart of the agent.
    init(machine: Machine, store: KeyValueStore? = nil) {
        self.machine = machine
        free = FreeSpace(store: store)
    }

    func probe(known: JSON) throws -> Fingerprint {
        var fingerprint = Fingerprint()
        fingerprint.periodNanoseconds = Self.period
        let options = known["options"]
        CPUProbe.run(machine, &fingerprint)
        TopologyProbe.run(machine, &fingerprint)
        MemoryProbe.run(machine, &fingerprint)
        SystemProbe.run(machine, &fingerprint)
        VirtualizationProbe.run(machine, &fingerprint)
        StorageProbe.run(machine, free, folder: known["data_dir"]?.string ?? "/", &fingerprint)
        StorageProbe.run(machine, free, folders: known["folders"], &fingerprint)
        NetworkProbe.run(machine, wanted: options?["network_interface"]?.string, &fingerprint)
        GPUProbe.run(machine, &fingerprint)
        cloud.run(try CloudOptions(options), &fingerprint)
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
