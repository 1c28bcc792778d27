import Glibc
import Linux
import TestSupport

/// A control group of a benchmark's own, in which an agent runs with all that it starts - plug-in hosts, shims, tasks -
/// so that the kernel counts their processor time together, that of ended processes too.
struct AccountingGroup {
    /// Also the agent's `cgroup_parent`: its tasks' groups lie inside.
    let name = "drover-bench-\(getpid())"
    private let host: CgroupHost

    /// Nil where this process may not make control groups.
    init?() {
        guard geteuid() == 0, let host = CgroupHost.current, host.mounts["cpuacct"] ?? host.mounts[""] != nil else {
            return nil
        }
        self.host = host
        guard (try? Folder.make(own, mode: 0o755)) != nil else { return nil }
    }

    /// The group in the hierarchy that counts processor time (v1: cpuacct).
    private var folder: String { "\(host.mounts["cpuacct"] ?? host.mounts[""] ?? "")/\(name)" }
    /// The agent's: in v2 a group that has groups holds no processes.
    private var own: String { folder + "/agent" }

    /// Makes the agent's tasks have their groups in here.
    var configuration: String { "client {\n  cgroup_parent = \"\(name)\"\n}\n" }

    /// What an agent is run by to be in here from its start.
    var launcher: [String] { ["/bin/sh", "-c", "echo $$ > \(own)/cgroup.procs; exec \"$@\"", "sh"] }

    /// Processor time of all that has been in here so far.
    var cpuSeconds: Double {
        if let usage = SmallFile.text(folder + "/cpuacct.usage").flatMap(Double.init) { return usage / 1e9 }
        let lines = (SmallFile.text(folder + "/cpu.stat") ?? "").split(separator: "\n")
        let usage = lines.first { $0.hasPrefix("usage_usec ") }?.split(separator: " ").last
        return (usage.flatMap { Double($0) } ?? .nan) / 1e6
    }

    /// Removes the group from every hierarchy, once nothing is left in it.
    func remove() {
        for mount in Set(host.mounts.values) {
            for child in Folder.names("\(mount)/\(name)") { remove("\(mount)/\(name)/\(child)") }
            remove("\(mount)/\(name)")
        }
    }

    /// A group is busy for a moment after its last process has ended.
    private func remove(_ group: String) {
        for _ in 0..<100 where rmdir(group) != 0 && errno == EBUSY { usleep(10_000) }
    }
}
