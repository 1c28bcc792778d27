internal import Glibc
internal import PluginSupport

/// What this machine must have for tasks to be isolated.
package struct IsolationRequirements: Sendable {
    /// The effective user of this process.
    package var uid: UInt32
    package var capabilities: CapabilitySet
    /// The kernel's release, such as "6.1.0-18-amd64".
    package var kernel: String
    /// Kinds in /proc/self/ns: "pid", "mnt", ...
    package var namespaces: Set<String>
    /// The text of /proc/self/mountinfo.
    package var mounts: String
    /// The text of /sys/fs/cgroup/cgroup.controllers, or "".
    package var unifiedControllers: String
    /// Of those, the ones that the root group does not pass on to the groups of tasks, with the kernel's reason.
    package var withheldControllers: [String: String]
    package var hasSeccomp: Bool

    package init(
        uid: UInt32, capabilities: CapabilitySet, kernel: String, namespaces: Set<String>, mounts: String,
        unifiedControllers: String, withheldControllers: [String: String] = [:], hasSeccomp: Bool
    ) {
        self.uid = uid
        self.capabilities = capabilities
        self.kernel = kernel
        self.namespaces = namespaces
        self.mounts = mounts
        self.unifiedControllers = unifiedControllers
        self.withheldControllers = withheldControllers
        self.hasSeccomp = hasSeccomp
    }

    /// Of this machine, as this process may use it.
    package static var here: IsolationRequirements {
        var name = utsname()
        uname(&name)
        let release = withUnsafeBytes(of: &name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let unified = SmallFile.readLine("/sys/fs/cgroup/cgroup.controllers") ?? ""
        return IsolationRequirements(
            uid: geteuid(), capabilities: .held, kernel: release,
            namespaces: Set(SmallFile.names(in: "/proc/self/ns")),
            mounts: SmallFile.read("/proc/self/mountinfo") ?? "",
            unifiedControllers: unified, withheldControllers: withheld(of: unified, by: "/sys/fs/cgroup"),
            hasSeccomp: SmallFile.read("/proc/sys/kernel/seccomp/actions_avail") != nil)
    }

    /// Each thing that is missing, with what to do about it; empty when tasks can run.
    package var missing: [String] {
        var missing: [String] = []
        if uid != 0 { missing.append("the agent runs as uid \(uid), not as root: start it as root") }
        let wanted = ["sys_admin", "setuid", "setgid", "chown", "kill", "sys_chroot"]
        let absent = wanted.filter { !capabilities.names.contains($0) }
        if uid == 0, !absent.isEmpty {
            missing.append("the agent lacks the capabilities \(absent.joined(separator: ", ")): give it them")
        }
        if !isRecent { missing.append("Linux \(kernel) has no mount_setattr: 5.12 or newer is needed") }
        let kinds = ["pid", "mnt", "ipc", "uts"].filter { !namespaces.contains($0) }
        if !kinds.isEmpty { missing.append("the kernel has no \(kinds.joined(separator: ", ")) namespaces") }
        if !hasSeccomp { missing.append("the kernel has no seccomp filters (CONFIG_SECCOMP_FILTER)") }
        let controllers = Self.controllersNeeded.filter { !self.controllers.contains($0) }
        if !controllers.isEmpty {
            missing.append(
                "no cgroup controller \(controllers.joined(separator: ", ")) is mounted below /sys/fs/cgroup")
        }
        for (controller, reason) in withheldControllers.sorted(by: { $0.key < $1.key }) {
            missing.append(
                "/sys/fs/cgroup does not pass on the cgroup controller \(controller) (\(reason)): make its cgroup.subtree_control "
                    + "writable, and move processes that live right in it to groups of their own")
        }
        return missing
    }

    private static let controllersNeeded = ["cpu", "memory", "pids", "cpuset"]

    /// Has the v2 group at `folder` pass on what is needed of `controllers`, as the executor does at each start, and returns
    /// what it cannot be made to (cgroup-v2.rst, "No Internal Process Constraint": EBUSY).
    package static func withheld(of controllers: String, by folder: String) -> [String: String] {
        let file = folder + "/cgroup.subtree_control"
        let present = controllers.split(separator: " ").map(String.init)
        let passed = (SmallFile.readLine(file) ?? "").split(separator: " ").map(String.init)
        var withheld: [String: String] = [:]
        for controller in controllersNeeded where present.contains(controller) && !passed.contains(controller) {
            let descriptor = open(file, O_WRONLY | O_CLOEXEC)
            let error = descriptor < 0 ? errno : SmallFile.write(Array("+\(controller)".utf8), to: descriptor)
            if descriptor >= 0 { close(descriptor) }
            if error != 0 { withheld[controller] = String(cString: strerror(error)) }
        }
        return withheld
    }

    private var isRecent: Bool {
        let numbers = kernel.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
        guard let major = numbers.first, let minor = numbers.dropFirst().first else { return false }
        return (major, minor) >= (5, 12)
    }

    /// Of v1, one hierarchy each; of v2, those of its root.
    private var controllers: Set<String> {
        var found = Set(unifiedControllers.split(separator: " ").map(String.init))
        for line in mounts.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let dash = words.firstIndex(of: "-"), words.count > dash + 3, words[dash + 1] == "cgroup" else {
                continue
            }
            found.formUnion(words[dash + 3].split(separator: ",").map(String.init))
        }
        return found
    }
}
