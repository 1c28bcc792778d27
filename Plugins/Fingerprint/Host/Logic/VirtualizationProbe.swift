internal import DroverSDK

/// What the machine runs in: `os.virtualization`, and `os.container` where it is one. The words are those of
/// systemd-detect-virt(1); "none" is bare metal.
enum VirtualizationProbe {
    /// What firmware says of its maker or product, and what that means; the first that matches.
    private static let makers: [(text: String, word: String)] = [
        ("KVM", "kvm"), ("OpenStack", "kvm"), ("KubeVirt", "kvm"), ("Amazon EC2", "amazon"), ("QEMU", "qemu"),
        ("Google Compute Engine", "google"), ("VMware", "vmware"), ("VMW", "vmware"), ("innotek GmbH", "oracle"),
        ("VirtualBox", "oracle"), ("Oracle Corporation", "oracle"), ("Xen", "xen"), ("Bochs", "bochs"),
        ("Parallels", "parallels"), ("BHYVE", "bhyve"), ("Hyper-V", "microsoft"), ("Virtual Machine", "microsoft"),
        ("Apple Virtualization", "apple"),
    ]

    static func run(_ machine: Machine, _ fingerprint: inout Fingerprint) {
        fingerprint.attributes["os.virtualization"] = virtualization(machine)
        if let container = container(machine) { fingerprint.attributes["os.container"] = container }
    }

    private static func virtualization(_ machine: Machine) -> String? {
        let folder = "/sys/class/dmi/id"
        let facts = ["product_name", "sys_vendor", "board_vendor", "bios_vendor", "product_version"].compactMap {
            machine.line("\(folder)/\($0)")
        }
        for fact in facts {
            if let maker = makers.first(where: { fact.hasPrefix($0.text) }) { return maker.word }
        }
        if let kind = machine.line("/sys/hypervisor/type") { return kind }
        guard let info = machine.text("/proc/cpuinfo") else { return nil }
        // The processor says that a hypervisor is there (CPUID leaf 1, ECX bit 31), but nobody says which.
        let flags = info.split(separator: "\n").first { $0.hasPrefix("flags") }?.split(separator: " ") ?? []
        return flags.contains("hypervisor") ? "vm-other" : "none"
    }

    /// systemd and container engines leave their name.
    private static func container(_ machine: Machine) -> String? {
        if let name = machine.line("/run/systemd/container") { return name }
        if machine.exists("/.dockerenv") { return "docker" }
        return machine.exists("/run/.containerenv") ? "podman" : nil
    }
}
