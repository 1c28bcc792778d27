internal import Synchronization

/// The control group hierarchies of this machine (cgroups(7)): one for all controllers (v2) or one a controller (v1).
package struct CgroupHost: Equatable, Sendable {
    package enum Version: Int, Sendable {
        case v1 = 1
        case v2 = 2
    }

    package let version: Version
    /// v1: mount point by controller ("cpu", "memory", ...); v2: one entry, "".
    package let mounts: [String: String]

    private static let found = Mutex<CgroupHost?>(nil)

    /// The hierarchies as this process sees them. Looked for until there are some, and then never again: reading the mounts of a
    /// machine with many costs more than starting a task.
    package static var current: CgroupHost? {
        found.withLock { found in
            found = found ?? detect()
            return found
        }
    }

    /// Reads the mounts of this process; nil when no hierarchy with controllers is mounted.
    package static func detect(mountInfo: String? = nil) -> CgroupHost? {
        guard
            let text = mountInfo
                ?? (try? SmallFile.read("/proc/self/mountinfo")).map({ String(decoding: $0, as: UTF8.self) })
        else { return nil }
        var v1: [String: String] = [:]
        var v2: String?
        for line in text.split(separator: "\n") {
            guard let mount = Mount(line) else { continue }
            if mount.kind == "cgroup2" { v2 = v2 ?? mount.path }
            guard mount.kind == "cgroup" else { continue }
            for option in mount.options where known.contains(option) { v1[option] = v1[option] ?? mount.path }
        }
        if !v1.isEmpty { return CgroupHost(version: .v1, mounts: v1) }
        return v2.map { CgroupHost(version: .v2, mounts: ["": $0]) }
    }

    private static let known: Set<String> = [
        "cpu", "cpuacct", "cpuset", "memory", "pids", "freezer", "devices", "blkio",
    ]

    /// The parts of one line of /proc/PID/mountinfo (proc(5)) that matter here.
    private struct Mount {
        let path: String
        let kind: String
        let options: [String]

        init?(_ line: Substring) {
            let halves = line.split(separator: " - ", maxSplits: 1)
            guard halves.count == 2 else { return nil }
            let left = halves[0].split(separator: " ")
            let right = halves[1].split(separator: " ")
            guard left.count > 4, right.count > 2 else { return nil }
            path = String(left[4])
            kind = String(right[0])
            options = right[2].split(separator: ",").map(String.init)
        }
    }
}

/// What a control group allows; absent values are not set.
package struct CgroupLimits: Equatable, Sendable {
    /// Relative share, 2 ... 262,144, 1,024 is the usual (v1 cpu.shares; v2 cpu.weight after conversion).
    package var cpuShares: UInt64?
    /// Microseconds of CPU time in each 100 ms.
    package var cpuQuotaMicroseconds: UInt64?
    package var cores: [Int] = []
    /// Kept when memory is short (v1 soft limit, v2 memory.low).
    package var memoryReservedBytes: UInt64?
    /// The kernel kills beyond it.
    package var memoryMaxBytes: UInt64?
    package var pidsMax: UInt64?

    /// The controllers without which these limits are nothing.
    var controllers: Set<String> {
        var needed: Set<String> = []
        if cpuShares != nil || cpuQuotaMicroseconds != nil { needed.insert("cpu") }
        if !cores.isEmpty { needed.insert("cpuset") }
        if memoryReservedBytes != nil || memoryMaxBytes != nil { needed.insert("memory") }
        if pidsMax != nil { needed.insert("pids") }
        return needed
    }

    package init() {}
}
