internal import PluginSupport

/// What /proc tells of a process.
enum ProcessFacts {
    /// Whether a process of this machine belongs to a container: its control groups bear the container's id.
    static func isIn(container: String, _ pid: Int32) -> Bool {
        !container.isEmpty && (SmallFile.read("/proc/\(pid)/cgroup") ?? "").contains(container)
    }
}
