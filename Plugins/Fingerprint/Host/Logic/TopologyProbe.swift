internal import DroverSDK
internal import PluginSupport

/// How the processors are built and what they can: sockets, cores, threads, NUMA memory, features, base and turbo frequency.
///
/// Names of Drover's own, beside those of ``CPUProbe``.
enum TopologyProbe {
    private static let folder = "/sys/devices/system/cpu"

    static func run(_ machine: Machine, _ fingerprint: inout Fingerprint) {
        let online = machine.line(folder + "/online").map(IDList.parse) ?? []
        setCores(machine, online, &fingerprint)
        setFrequencies(machine, online, &fingerprint)
        setNUMA(machine, &fingerprint)
        let facts = cpuFacts(machine.text("/proc/cpuinfo") ?? "")
        if let vendor = facts["vendor_id"] { fingerprint.attributes["cpu.vendor"] = vendor }
        // x86 calls them flags, ARM features.
        if let features = facts["flags"] ?? facts["Features"] {
            fingerprint.attributes["cpu.features"] = Set(features.split(separator: " ")).sorted().joined(separator: ",")
        }
    }

    /// `cpu.sockets`, `cpu.numcores.physical` and `cpu.threadspercore`, of topology/ (kernel: cputopology).
    private static func setCores(_ machine: Machine, _ online: [Int], _ fingerprint: inout Fingerprint) {
        var (sockets, cores, threads): (Set<String>, Set<String>, Int) = ([], [], 0)
        for id in online {
            let topology = "\(folder)/cpu\(id)/topology"
            if let socket = machine.line(topology + "/physical_package_id") { sockets.insert(socket) }
            // The threads of one core; the older name is thread_siblings_list.
            guard
                let siblings = machine.line(topology + "/core_cpus_list")
                    ?? machine.line(topology + "/thread_siblings_list")
            else { continue }
            cores.insert(siblings)
            threads = max(threads, IDList.parse(siblings).count)
        }
        if !sockets.isEmpty { fingerprint.attributes["cpu.sockets"] = "\(sockets.count)" }
        guard !cores.isEmpty else { return }
        fingerprint.attributes["cpu.numcores.physical"] = "\(cores.count)"
        fingerprint.attributes["cpu.threadspercore"] = "\(threads)"
    }

    /// `cpu.frequency.base` and `cpu.frequency.turbo`: the highest of any core, in MHz (kernel: cpufreq; in kHz).
    private static func setFrequencies(_ machine: Machine, _ online: [Int], _ fingerprint: inout Fingerprint) {
        for (name, file) in [("base", "base_frequency"), ("turbo", "cpuinfo_max_freq")] {
            let speeds = online.compactMap { machine.integer("\(folder)/cpu\($0)/cpufreq/\(file)") }
            if let most = speeds.max(), most >= 1000 {
                fingerprint.attributes["cpu.frequency.\(name)"] = "\(most / 1000)"
            }
        }
    }

    /// `numa.node<N>.memory.totalbytes`, of "Node 0 MemTotal: 16384 kB".
    private static func setNUMA(_ machine: Machine, _ fingerprint: inout Fingerprint) {
        let nodes = "/sys/devices/system/node"
        for name in machine.names(in: nodes) where name.hasPrefix("node") && Int(name.dropFirst(4)) != nil {
            let lines = (machine.text("\(nodes)/\(name)/meminfo") ?? "").split(separator: "\n")
            let words = lines.first { $0.contains(" MemTotal:") }?.split(separator: " ") ?? []
            guard words.count >= 4, let kibibytes = Int64(words[3]) else { continue }
            fingerprint.attributes["numa.\(name).memory.totalbytes"] = "\(kibibytes * 1024)"
        }
    }

    /// Keys of the first processor in /proc/cpuinfo.
    private static func cpuFacts(_ text: String) -> [String: String] {
        var facts: [String: String] = [:]
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            guard let colon = line.firstIndex(of: ":") else {
                guard facts.isEmpty else { break }
                continue
            }
            facts[SmallFile.trim(line[..<colon])] = SmallFile.trim(line[line.index(after: colon)...])
        }
        return facts
    }
}
