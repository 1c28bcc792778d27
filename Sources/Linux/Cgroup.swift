internal import Glibc

/// One control group of one task: a folder in each hierarchy it uses.
package struct Cgroup: Equatable, Sendable {
    package let version: CgroupHost.Version
    /// The folder by controller; v2 has one entry, "".
    package let folders: [String: String]

    package init(version: CgroupHost.Version, folders: [String: String]) {
        self.version = version
        self.folders = folders
    }

    /// Folders in a fixed order, as the shim joins them.
    package var paths: [String] { folders.sorted { $0.key < $1.key }.map(\.value) }

    /// Where the group `parent/name` lies (or would lie), without touching anything.
    package static func located(on host: CgroupHost, parent: String, name: String) -> Cgroup {
        let wanted = ["cpu", "cpuacct", "cpuset", "memory", "pids"]
        var folders: [String: String] = [:]
        switch host.version {
        case .v2:
            for (_, mount) in host.mounts { folders[""] = "\(mount)/\(parent)/\(name)" }
        case .v1:
            var seen: Set<String> = []
            for controller in wanted {
                // cpu and cpuacct are often one hierarchy: join it once.
                guard let mount = host.mounts[controller], seen.insert(mount).inserted else { continue }
                folders[controller] = "\(mount)/\(parent)/\(name)"
            }
        }
        return Cgroup(version: host.version, folders: folders)
    }

    /// Where the group `parent/name` lies (or would lie) with `limits`, without touching anything.
    ///
    /// v1 has only the hierarchies needed, as each costs every start: cpuacct and memory to account and kill, the others when limited.
    package static func planned(
        on host: CgroupHost, parent: String, name: String, limits: CgroupLimits
    ) -> Cgroup {
        let group = located(on: host, parent: parent, name: name)
        guard host.version == .v1 else { return group }
        var folders = group.folders
        if limits.cores.isEmpty { folders["cpuset"] = nil }
        if limits.pidsMax == nil { folders["pids"] = nil }
        let cpuLimited = limits.cpuShares != nil || limits.cpuQuotaMicroseconds != nil
        if !cpuLimited && host.mounts["cpu"] != host.mounts["cpuacct"] { folders["cpu"] = nil }
        return Cgroup(version: .v1, folders: folders)
    }

    /// Makes the group `parent/name` and sets its limits; one that exists is taken over.
    package static func make(
        on host: CgroupHost, parent: String, name: String, limits: CgroupLimits
    ) throws(LinuxError) -> Cgroup {
        let group = planned(on: host, parent: parent, name: name, limits: limits)
        if host.version == .v2 {
            try group.enableControllers(mount: host.mounts[""] ?? "/sys/fs/cgroup", parent: parent, limits.controllers)
        }
        do {
            for path in group.paths { try Folder.make(path, mode: 0o755) }
            try group.apply(limits)
        } catch {
            group.remove()
            throw error
        }
        return group
    }

    /// v2: a controller works in a group only if every group above it passes it on (cgroup-v2.rst, "Top-down constraint").
    ///
    /// Throws what keeps a `needed` one from being passed on: EBUSY when processes live right in the group that should.
    private func enableControllers(mount: String, parent: String, _ needed: Set<String>) throws(LinuxError) {
        var path = mount
        for part in [""] + parent.split(separator: "/").map(String.init) {
            if !part.isEmpty { path += "/" + part }
            try Folder.make(path, mode: 0o755)
            let present = SmallFile.text(path + "/cgroup.controllers")?.split(separator: " ") ?? []
            for controller in ["cpu", "memory", "pids", "cpuset"] where present.contains(Substring(controller)) {
                do {
                    try SmallFile.write("+\(controller)", to: path + "/cgroup.subtree_control")
                } catch {
                    // The others only account.
                    if needed.contains(controller) { throw error }
                }
            }
        }
    }

    private func apply(_ limits: CgroupLimits) throws(LinuxError) {
        switch version {
        case .v1: try applyV1(limits)
        case .v2: try applyV2(limits)
        }
    }

    private func applyV1(_ limits: CgroupLimits) throws(LinuxError) {
        if let cpu = folders["cpu"] {
            if let shares = limits.cpuShares { try SmallFile.write("\(shares)", to: cpu + "/cpu.shares") }
            if let quota = limits.cpuQuotaMicroseconds {
                try SmallFile.write("100000", to: cpu + "/cpu.cfs_period_us")
                try SmallFile.write("\(quota)", to: cpu + "/cpu.cfs_quota_us")
            }
        }
        if let cpuset = folders["cpuset"] { try applyCpusetV1(cpuset, limits.cores) }
        if let memory = folders["memory"] {
            if let soft = limits.memoryReservedBytes {
                try SmallFile.write("\(soft)", to: memory + "/memory.soft_limit_in_bytes")
            }
            if let most = limits.memoryMaxBytes {
                try SmallFile.write("\(most)", to: memory + "/memory.limit_in_bytes")
                // Memory and swap together; absent where the kernel does not account for swap.
                try? SmallFile.write("\(most)", to: memory + "/memory.memsw.limit_in_bytes")
            }
        }
        if let pids = folders["pids"], let most = limits.pidsMax {
            try SmallFile.write("\(most)", to: pids + "/pids.max")
        }
    }

    /// A v1 cpuset takes no process before both files are set, here and in every group above.
    private func applyCpusetV1(_ folder: String, _ cores: [Int]) throws(LinuxError) {
        let parent = Cgroup.parent(of: folder)
        for file in ["cpuset.cpus", "cpuset.mems"] { try Cgroup.inheritCpuset(file, parent) }
        try SmallFile.write(SmallFile.text(parent + "/cpuset.mems") ?? "0", to: folder + "/cpuset.mems")
        try SmallFile.write(cores.map(String.init).joined(separator: ","), to: folder + "/cpuset.cpus")
    }

    /// Fills an empty file from the groups above; the one at the top is never empty.
    private static func inheritCpuset(_ file: String, _ folder: String) throws(LinuxError) {
        guard SmallFile.text("\(folder)/\(file)") == "" else { return }
        let parent = parent(of: folder)
        try inheritCpuset(file, parent)
        try SmallFile.write(SmallFile.text("\(parent)/\(file)") ?? "0", to: "\(folder)/\(file)")
    }

    private static func parent(of folder: String) -> String {
        folder.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(folder[..<$0]) } ?? folder
    }

    private func applyV2(_ limits: CgroupLimits) throws(LinuxError) {
        guard let folder = folders[""] else { return }
        if let shares = limits.cpuShares {
            // The kernel's own mapping of 2...262144 to 1...10000 (cgroup-v2 and OCI runtime specification).
            let weight = 1 + (max(2, min(shares, 262_144)) - 2) * 9_999 / 262_142
            try SmallFile.write("\(weight)", to: folder + "/cpu.weight")
        }
        if let quota = limits.cpuQuotaMicroseconds { try SmallFile.write("\(quota) 100000", to: folder + "/cpu.max") }
        if !limits.cores.isEmpty {
            try SmallFile.write(limits.cores.map(String.init).joined(separator: ","), to: folder + "/cpuset.cpus")
        }
        if let low = limits.memoryReservedBytes { try SmallFile.write("\(low)", to: folder + "/memory.low") }
        if let most = limits.memoryMaxBytes {
            try SmallFile.write("\(most)", to: folder + "/memory.max")
            try? SmallFile.write("0", to: folder + "/memory.swap.max")
        }
        if let most = limits.pidsMax { try SmallFile.write("\(most)", to: folder + "/pids.max") }
    }

    /// The group's folders with those that its processes made in them, each after all below it.
    private func tree() -> [String] {
        func below(_ folder: String) -> [String] {
            Folder.folders(in: folder).flatMap { below("\(folder)/\($0)") } + [folder]
        }
        return paths.flatMap(below)
    }

    /// Processes in the group and in groups below it, each once.
    package func pids() -> [Int32] {
        var found: Set<Int32> = []
        for path in tree() {
            let text = SmallFile.text(path + "/cgroup.procs") ?? ""
            for line in text.split(separator: "\n") { if let pid = Int32(line) { found.insert(pid) } }
        }
        return found.sorted()
    }

    /// SIGKILL to every process of the group: cgroup.kill where the kernel has it, else each member, again and again.
    ///
    /// A process that forks while it is being killed is met in a later turn; ends after 100 turns at the latest.
    package func killAll() {
        if let folder = folders[""], (try? SmallFile.write("1", to: folder + "/cgroup.kill")) != nil { return }
        for _ in 0..<100 {
            // v1 lists processes that have ended until their parent has asked how.
            let members = pids().filter { ProcessTable.isLive($0) }
            if members.isEmpty { return }
            for pid in members where pid > 1 { _ = kill(pid, SIGKILL) }
            usleep(1_000)
        }
    }

    /// Removes the empty group with the groups below it. A group is busy for a moment after its last process ends, on a busy
    /// machine for longer: gives up after a second.
    ///
    /// - Returns: the folders that are left, with the kernel's reason; empty when all are gone.
    @discardableResult
    package func remove() -> [LinuxError] {
        var left: [LinuxError] = []
        for turn in 0..<100 {
            // Few groups have others below them: the first turn does not look.
            left = (turn == 0 ? paths : tree()).compactMap {
                rmdir($0) == 0 || errno == ENOENT ? nil : LinuxError(call: "rmdir", path: $0, errno: errno)
            }
            if left.isEmpty { break }
            if turn > 2 { usleep(10_000) }
        }
        return left
    }
}
