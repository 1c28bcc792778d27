internal import PluginSupport

/// What /proc tells of a process.
enum ProcessFacts {
    /// Whether a process of this machine belongs to a container: its control groups bear the container's id.
    static func isIn(container: String, _ pid: Int32) -> Bool {
        !container.isEmpty && (SmallFile.read("/proc/\(pid)/cgroup") ?? "").contains(container)
    }

    /// The processes of a container whose session `leader` began, itself among them.
    static func session(of leader: Int32, in container: String) -> [Int32] {
        SmallFile.names(in: "/proc").compactMap { Int32($0) }.filter { pid in
            // proc(5): field 6 of stat, the fourth after the program's name in parentheses.
            guard let text = SmallFile.read("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else {
                return false
            }
            let fields = text[text.index(after: end)...].split(separator: " ")
            return fields.count > 3 && Int32(fields[3]) == leader && isIn(container: container, pid)
        }
    }
}
