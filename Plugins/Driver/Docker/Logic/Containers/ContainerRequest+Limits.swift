internal import DroverSDK

extension ContainerRequest {
    /// Memory, processors, processes and the like (Engine API: Resources).
    func limits() throws(PluginError) -> [String: JSON] {
        let resources = task.json["resources"] ?? .object([:])
        var limits = try memory(resources)
        limits.merge(try processors(resources)) { $1 }
        let processes = try config.int("pids_limit", in: 0...(1 << 22))
        if settings.processesMax > 0, processes > settings.processesMax {
            throw PluginError(
                .denied, "\"pids_limit\": \(processes) is above the operator's \(settings.processesMax)")
        }
        let processesMax = processes > 0 ? processes : settings.processesMax
        if processesMax > 0 { limits["PidsLimit"] = .integer(processesMax) }
        let score = try outOfMemoryScore()
        if score != 0 { limits["OomScoreAdj"] = .integer(score) }
        let shared = try config.int("shm_size", in: 0 ... .max)
        if shared > 0 { limits["ShmSize"] = .integer(shared) }
        let sysctls = try map("sysctl")
        if !sysctls.isEmpty { limits["Sysctls"] = .object(sysctls.mapValues(JSON.string)) }
        let storage = try map("storage_opt")
        if !storage.isEmpty { limits["StorageOpt"] = .object(storage.mapValues(JSON.string)) }
        let ulimits = try ulimits()
        if !ulimits.isEmpty { limits["Ulimits"] = .array(ulimits) }
        return limits
    }

    /// A score below 0 has the kernel end other processes of the machine first, the agent too: a right, as privileged containers are.
    private func outOfMemoryScore() throws(PluginError) -> Int64 {
        let score = try config.int("oom_score_adj", in: -1_000...1_000, otherwise: settings.oomScoreAdjustment)
        guard score >= min(0, settings.oomScoreAdjustment) || settings.allowsPrivileged else {
            throw PluginError(
                .denied,
                "\"oom_score_adj\": \(score) is below \(min(0, settings.oomScoreAdjustment)) and not allowed here; the "
                    + "operator sets allow_privileged, or a lower oom_score_adj, in plugin \"docker\"")
        }
        return score
    }

    /// The hard limit is memory_max, else the older "memory_hard_limit" in MiB, else what was asked for; no swap on top.
    private func memory(_ resources: JSON) throws(PluginError) -> [String: JSON] {
        let asked = resources["memory_bytes"]?.integer ?? 0
        let most = resources["memory_max_bytes"]?.integer ?? 0
        let hard = try config.int("memory_hard_limit", in: 0...(1 << 30)) << 20
        let limit = most > 0 ? most : hard > 0 ? hard : asked
        guard limit > 0 else { return [:] }
        guard limit >= asked else {
            throw PluginError(
                .invalid, "\"memory_hard_limit\": \(limit >> 20) MiB is less than the \(asked >> 20) MiB asked for")
        }
        // Engine API: MemorySwap is memory and swap together.
        var memory: [String: JSON] = ["Memory": .integer(limit), "MemorySwap": .integer(limit)]
        if asked > 0, asked < limit { memory["MemoryReservation"] = .integer(asked) }
        return memory
    }

    private func processors(_ resources: JSON) throws(PluginError) -> [String: JSON] {
        let mhz = resources["cpu_mhz"]?.integer ?? 0
        // cgroup-v1 cpu.shares: 2 to 262,144.
        var processors: [String: JSON] = ["CpuShares": .integer(min(max(mhz, 2), 262_144))]
        let cores = (resources["cores"]?.array ?? []).compactMap(\.integer)
        let chosen = try config.text("cpuset_cpus")
        if !cores.isEmpty {
            guard chosen.isEmpty else {
                throw PluginError(.invalid, "\"cpuset_cpus\" and the task's \"cores\" exclude each other")
            }
            processors["CpusetCpus"] = .string(cores.sorted().map(String.init).joined(separator: ","))
        } else if !chosen.isEmpty {
            processors["CpusetCpus"] = .string(chosen)
        }
        if try config.flag("cpu_hard_limit") {
            let period = try config.int("cpu_cfs_period", in: 1_000...1_000_000, otherwise: 100_000)
            processors["CpuPeriod"] = .integer(period)
            // The kernel's least quota is 1 ms.
            processors["CpuQuota"] = .integer(max(1_000, mhz * period / max(1, machine.coreMHz)))
        }
        return processors
    }

    /// {"nofile": "1024:4096"}: soft and hard; one number is both.
    private func ulimits() throws(PluginError) -> [JSON] {
        var ulimits: [JSON] = []
        for (name, text) in try map("ulimit").sorted(by: { $0.key < $1.key }) {
            let numbers = text.split(separator: ":", omittingEmptySubsequences: false).map { Int64($0) }
            guard (1...2).contains(numbers.count), let soft = numbers[0], let hard = numbers[numbers.count - 1] else {
                throw PluginError(.invalid, "\"ulimit\": \(name) is \"\(text)\", not \"soft:hard\"")
            }
            ulimits.append(["Name": .string(name), "Soft": .integer(soft), "Hard": .integer(hard)])
        }
        return ulimits
    }
}
