internal import DroverSDK
internal import PluginSupport

/// The command line of one virtual machine.
struct QemuCommand: Equatable, Sendable {
    let emulator: Emulator
    let machine: String
    let accelerator: Accelerator
    let image: DiskImage
    let interface: String
    let memoryMiB: Int64
    let processors: Int
    let forwards: [String]
    let hasGuestAgent: Bool
    let more: [String]

    /// With one of these among "args" what a guest changes goes to a temporary file (qemu(1), -snapshot).
    static let snapshotOptions = ["-snapshot", "--snapshot"]

    enum Accelerator: String, Sendable { case tcg, kvm }

    /// Where the emulator makes its sockets, in the task's root.
    static let socketFolder = "/run/qemu"
    static let monitorSocket = "qm.sock"
    static let agentSocket = "qa.sock"

    /// Interfaces that `-drive if=` knows.
    private static let interfaces = ["ide", "scsi", "sd", "mtd", "floppy", "pflash", "virtio", "none"]
    /// MiB of memory that a machine may have (Nomad docs: qemu driver, resources).
    private static let memoryRange: ClosedRange<Int64> = 128...4_000_000
    /// MiB that translated code may take.
    private static let translatedMiB: Int64 = 64
    /// MiB that the emulator takes beside its guest's memory and translated code: devices, threads, the page tables of both.
    private static let emulatorMiB: Int64 = 128

    /// Reads a task's configuration.
    ///
    /// - Throws: ``PluginError`` naming the key that is wrong or not allowed.
    init(
        _ task: TaskDocument, _ settings: QemuSettings, emulator: Emulator, accelerator: Accelerator, image: DiskImage
    )
        throws(PluginError)
    {
        let config = task.config
        self.emulator = emulator
        self.accelerator = accelerator
        self.image = image
        machine = try config.text("machine_type", otherwise: emulator.usualMachine)
        guard machine.utf8.allSatisfy({ $0 != UInt8(ascii: ",") && $0 > 32 }), !machine.hasPrefix("-"), !machine.isEmpty
        else {
            throw PluginError(.invalid, "\"machine_type\": \"\(machine)\" is no name of a machine such as \"q35\"")
        }
        interface = try config.text("drive_interface", otherwise: "ide")
        guard QemuCommand.interfaces.contains(interface) else {
            let all = QemuCommand.interfaces.joined(separator: ", ")
            throw PluginError(.invalid, "\"drive_interface\": \"\(interface)\" is none of \(all)")
        }
        let resources = task.json["resources"]
        memoryMiB = (resources?["memory_bytes"]?.integer ?? 0) >> 20
        guard QemuCommand.memoryRange.contains(memoryMiB) else {
            let (least, most) = (QemuCommand.memoryRange.lowerBound, QemuCommand.memoryRange.upperBound)
            throw PluginError(
                .invalid, "resources: a virtual machine needs memory from \(least) to \(most) MiB, not \(memoryMiB)")
        }
        processors = QemuCommand.processors(resources)
        forwards = try QemuCommand.forwards(config["port_map"], task.json["ports"]?.array ?? [])
        hasGuestAgent = try config.flag("guest_agent")
        more = try config.texts("args")
        try settings.check(options: more)
    }

    /// All words, the program first.
    var arguments: [String] {
        var words = [emulator.path, "-machine", machine]
        switch accelerator {
        case .kvm: words += ["-accel", "kvm", "-cpu", "host"]
        case .tcg: words += ["-accel", "tcg,tb-size=\(QemuCommand.translatedMiB)"]
        }
        let drive = "file=\(QemuCommand.escaped(image.path)),format=\(image.format.rawValue),if=\(interface)"
        let monitor = "unix:\(QemuCommand.socketFolder)/\(QemuCommand.monitorSocket),server=on,wait=off"
        words += [
            "-name", QemuCommand.escaped(image.name), "-m", "\(memoryMiB)M", "-smp", "\(processors)", "-drive", drive,
            "-nographic", "-qmp", monitor,
        ]
        if hasGuestAgent {
            let path = "\(QemuCommand.socketFolder)/\(QemuCommand.agentSocket)"
            words += [
                "-chardev", "socket,path=\(path),server=on,wait=off,id=qga0", "-device", "virtio-serial",
                "-device", "virtserialport,chardev=qga0,name=org.qemu.guest_agent.0",
            ]
        }
        if !forwards.isEmpty {
            words += [
                "-netdev", (["user,id=user.0"] + forwards).joined(separator: ","), "-device",
                "virtio-net,netdev=user.0",
            ]
        }
        return words + more
    }

    /// Bytes of memory that the emulator's process may take: the guest's, and its own.
    var processBytesMax: Int64 {
        let own = QemuCommand.emulatorMiB + memoryMiB / 32 + (accelerator == .tcg ? QemuCommand.translatedMiB : 0)
        return (memoryMiB + own) << 20
    }

    /// The cores reserved; else as many as hold the MHz asked for; at least one.
    private static func processors(_ resources: JSON?) -> Int {
        let cores = resources?["cores"]?.array?.count ?? 0
        guard cores == 0 else { return cores }
        let info = CPUInfo(SmallFile.read("/proc/cpuinfo") ?? "")
        let core = max(1, info.mhz(ofCore: 0, reading: SmallFile.readLine))
        let wanted = ((resources?["cpu_mhz"]?.integer ?? 0) + core - 1) / core
        return min(max(1, Int(clamping: wanted)), max(1, info.processors.count))
    }

    /// `hostfwd=` of each mapped port, tcp and udp.
    private static func forwards(_ map: JSON?, _ ports: [JSON]) throws(PluginError) -> [String] {
        guard let members = map.map(\.object) ?? [:] else {
            throw PluginError(.invalid, "\"port_map\" must map labels of ports to ports in the guest")
        }
        var forwards: [String] = []
        for (label, value) in members.sorted(by: { $0.key < $1.key }) {
            guard let guest = value.string.flatMap({ Int64($0) }), (1...65_535).contains(guest) else {
                throw PluginError(.invalid, "\"port_map\": \"\(label)\" must map to a port from 1 to 65535")
            }
            guard let port = ports.first(where: { $0["label"]?.string == label }),
                let number = port["host_port"]?.integer
            else {
                let known = ports.compactMap { $0["label"]?.string }.joined(separator: ", ")
                throw PluginError(.invalid, "\"port_map\": the group has no port \"\(label)\", only: \(known)")
            }
            // The emulator's own network takes IPv4 addresses of the host only; without one it listens on all of them.
            let address = port["host_ip"]?.string ?? ""
            let host = address.contains(":") ? "" : address
            for kind in ["tcp", "udp"] { forwards.append("hostfwd=\(kind):\(host):\(number)-:\(guest)") }
        }
        return forwards
    }

    /// A comma separates options; two are one in a value (qemu(1), -drive).
    private static func escaped(_ text: String) -> String {
        text.split(separator: ",", omittingEmptySubsequences: false).joined(separator: ",,")
    }
}
