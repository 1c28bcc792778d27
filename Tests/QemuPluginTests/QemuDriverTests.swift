import DroverSDK
import Glibc
import PluginSupport
import PluginTestSupport
import Testing

@testable import QemuPlugin
@testable import TaskIsolation

/// What the driver asks of the executor, what it refuses, and what it finds out about the machine.
@Suite("qemu: specification")
struct QemuDriverTests {
    private static let machine = IsolationRequirements(
        uid: 0, capabilities: CapabilitySet(mask: .max), kernel: "6.1.0", namespaces: ["pid", "mnt", "ipc", "uts"],
        mounts: "", unifiedControllers: "cpu memory pids cpuset", hasSeccomp: true)

    /// The folders of one task, and a PATH with emulators that only tell their version; gone with the value.
    private final class Folders {
        let path = "/tmp/drover-qemu-\(getpid())-\(UInt32.random(in: 0 ... .max))"

        init() {
            for name in ["", "/task", "/task/local", "/alloc", "/task/secrets", "/images", "/images/deep", "/bin"] {
                mkdir(path + name, 0o755)
            }
            write("/task/local/disk.img", [])
            write("/alloc/a,b.img", Array("QFI\u{fb}".unicodeScalars.map { UInt8($0.value) }) + [0, 0, 0, 3])
            write("/images/deep/base.img", [], mode: 0o644)
            write("/images/private.img", [], mode: 0o600)
            write("/task/local/kept.img", [], mode: 0o644)
            symlink("/etc/passwd", path + "/task/local/link.img")
            symlink("/etc", path + "/task/local/etc")
            mkfifo(path + "/task/local/pipe.img", 0o666)
            for name in ["x86_64", "i386", "x86_64-spice"] {
                let file = "/bin/qemu-system-\(name)"
                write(file, Array("#!/bin/sh\necho 'QEMU emulator version 7.2.22 (Debian 1:7.2)'\n".utf8), mode: 0o755)
            }
        }

        deinit { _ = system("rm -rf \(path)") }

        func write(_ name: String, _ bytes: [UInt8], mode: mode_t = 0o666) {
            _ = SmallFile.append(bytes, to: path + name)
            chmod(path + name, mode)
        }

        func document(_ config: String, resources: String, ports: String = "[]") throws -> TaskDocument {
            try TaskDocument(
                """
                {"id":"a1/vm#0","alloc_id":"a1","user":"nobody","config":\(config),"env":{"A":"b"},"resources":\(resources),"ports":\(ports),
                 "dirs":{"alloc":"\(path)/alloc","local":"\(path)/task/local","secrets":"\(path)/task/secrets",
                         "task":"\(path)/task"}}
                """)
        }

        func driver(_ host: Host, _ settings: String = "{}") throws -> QemuDriver {
            // The emulators lie where no task would see them: the usual folders are replaced by one that holds them.
            let bin = path + "/bin"
            let settings = try QemuSettings(JSON(parsing: settings), isolation: ["chroot_env": [bin: .string(bin)]])
            return QemuDriver(
                host: host, settings: settings, requirements: { QemuDriverTests.machine }, search: { bin })
        }
    }

    private static let resources = "{\"cpu_mhz\":100,\"memory_bytes\":268435456}"

    private func specification(
        _ config: String, settings: String = "{}", resources: String = resources, ports: String = "[]",
        folders: Folders = Folders()
    ) throws -> JSON {
        try FakeHost.run { fake, host in
            let task = try folders.document(config, resources: resources, ports: ports)
            try folders.driver(host, settings).start(task, call: Outcome().call)
            return try #require(fake.launches.first)
        }
    }

    private func words(
        _ config: String, settings: String = "{}", resources: String = resources, ports: String = "[]"
    )
        throws -> [String]
    {
        let folders = Folders()
        let spec = try specification(config, settings: settings, resources: resources, ports: ports, folders: folders)
        return (spec["argv"]?.strings ?? []).map { $0.replacing(folders.path, with: "F") }
    }

    @Test func theWholeOfAPlainMachine() throws {
        let folders = Folders()
        let spec = try specification("{\"image_path\":\"local/disk.img\",\"accelerator\":\"tcg\"}", folders: folders)
        #expect(
            spec["argv"]?.strings == [
                folders.path + "/bin/qemu-system-x86_64", "-machine", "pc", "-accel", "tcg,tb-size=64", "-name",
                "disk.img",
                "-m", "256M", "-smp", "1", "-drive", "file=/local/disk.img,format=raw,if=ide", "-nographic", "-qmp",
                "unix:/run/qemu/qm.sock,server=on,wait=off",
            ])
        #expect(spec["user"] == "nobody" && spec["cwd"] == "/")
        #expect(spec["env"] == ["A": "b"])
        let processMiB: Int64 = 256 + 128 + 8 + 64
        #expect(spec["limits"]?["memory_max_bytes"]?.integer == processMiB << 20)
        let isolation = try #require(spec["isolation"])
        for key in ["pid", "mount", "ipc", "uts", "no_new_privs"] { #expect(isolation[key] == true, "\(key)") }
        #expect(isolation["caps"] == [] && isolation["seccomp"] == "default" && isolation["root"] == "tmpfs")
        for (folder, target) in [("qemu", "/run/qemu"), ("tmp", "/var/tmp")] {
            let bind: JSON = [
                "source": .string("\(folders.path)/task/\(folder)"), "target": .string(target), "read_only": false,
            ]
            #expect(isolation["binds"]?.array?.contains(bind) == true, "\(target)")
        }
        var status = stat()
        #expect(stat(folders.path + "/task/qemu", &status) == 0 && status.st_mode & 0o777 == 0o700)
        #expect(geteuid() != 0 || status.st_uid == 65_534)
    }

    /// The image alone can be written, unless the job wants a snapshot of it.
    @Test(arguments: [true, false])
    func anOperatorsFolderIsReadAlone(writes: Bool) throws {
        let folders = Folders()
        let image = folders.path + "/images/deep/base.img"
        if writes { chmod(image, 0o666) }
        let settings = "{\"image_paths\":[\"\(folders.path)/images/\"]}"
        let more = writes ? "" : ",\"args\":[\"-snapshot\"]"
        let spec = try specification("{\"image_path\":\"\(image)\"\(more)}", settings: settings, folders: folders)
        let words = spec["argv"]?.strings ?? []
        #expect(words.contains("file=\(image),format=raw,if=ide"))
        #expect(words.contains("-snapshot") == !writes)
        func bind(_ path: String, _ readOnly: Bool) -> JSON {
            ["source": .string(path), "target": .string(path), "read_only": .bool(readOnly)]
        }
        let binds = try #require(spec["isolation"]?["binds"]?.array)
        let folder = try #require(binds.firstIndex(of: bind(folders.path + "/images", true)))
        #expect(binds[folder...].contains(bind(image, false)) == writes)
    }

    static let keys: [(String, String, [String])] = [
        ("\"image_path\":\"/alloc/a,b.img\"", "{}", ["-name", "a,,b.img"]),
        ("\"image_path\":\"/alloc/a,b.img\"", "{}", ["-drive", "file=/alloc/a,,b.img,format=qcow2,if=ide"]),
        ("\"drive_interface\":\"virtio\"", "{}", ["-drive", "file=/local/disk.img,format=raw,if=virtio"]),
        ("\"machine_type\":\"q35\"", "{}", ["-machine", "q35"]),
        ("\"emulator\":\"qemu-system-i386\"", "{}", ["F/bin/qemu-system-i386", "-machine", "pc"]),
        ("\"emulator\":\"i386\"", "{\"emulators_allowlist\":[\"qemu-system-i386\"]}", ["F/bin/qemu-system-i386"]),
        ("\"args\":[\"-nodefaults\",\"-smp\",\"4\"]", "{}", ["-nodefaults", "-smp", "4"]),
        ("\"args\":[\"-smp\",\"4\"]", "{\"args_allowlist\":[\"-smp\"]}", ["-smp", "4"]),
        (
            "\"guest_agent\":true", "{}",
            [
                "-chardev", "socket,path=/run/qemu/qa.sock,server=on,wait=off,id=qga0", "-device", "virtio-serial",
                "-device",
                "virtserialport,chardev=qga0,name=org.qemu.guest_agent.0",
            ]
        ),
    ]

    @Test(arguments: keys)
    func keysReachTheCommandLine(key: String, settings: String, expected: [String]) throws {
        let image = key.contains("image_path") ? "" : "\"image_path\":\"local/disk.img\","
        let words = try words("{\(image)\(key)}", settings: settings)
        let found = words.indices.contains { words[$0...].starts(with: expected) }
        #expect(found, "\(words)")
    }

    @Test func portsAreForwarded() throws {
        let ports = """
            [{"label":"web","host_ip":"192.0.2.1","host_port":20080,"to":0},
             {"label":"dns","host_ip":"2001:db8::1","host_port":20053,"to":0}]
            """
        let words = try words(
            "{\"image_path\":\"local/disk.img\",\"port_map\":{\"web\":\"80\",\"dns\":\"53\"}}", ports: ports)
        let network = try #require(words.firstIndex(of: "-netdev").map { words[$0 + 1] })
        #expect(
            Set(network.split(separator: ",")) == [
                "user", "id=user.0", "hostfwd=tcp:192.0.2.1:20080-:80", "hostfwd=udp:192.0.2.1:20080-:80",
                "hostfwd=tcp::20053-:53", "hostfwd=udp::20053-:53",
            ])
        #expect(words.contains("virtio-net,netdev=user.0"))
    }

    @Test func coresAndMemoryComeFromTheResources() throws {
        let resources = "{\"cores\":[1,3,5],\"memory_bytes\":536870912,\"memory_max_bytes\":1073741824}"
        let spec = try specification("{\"image_path\":\"local/disk.img\"}", resources: resources)
        let words = spec["argv"]?.strings ?? []
        #expect(words.indices.contains { words[$0...].starts(with: ["-m", "512M", "-smp", "3"]) })
        #expect(spec["limits"]?["memory_max_bytes"]?.integer == 1_073_741_824)
    }

    static let refusals: [(String, String, String, PluginError.Code)] = [
        ("{}", "{}", "\"image_path\" is required", .invalid),
        ("{\"image_path\":\"local/../../x.img\"}", "{}", "\"image_path\"", .invalid),
        ("{\"image_path\":\"local/./disk.img\"}", "{}", "\"image_path\"", .invalid),
        ("{\"image_path\":\"local\"}", "{}", "\"image_path\"", .invalid),
        ("{\"image_path\":\"disk/x.img\"}", "{}", "local, alloc, secrets", .denied),
        ("{\"image_path\":\"/etc/passwd\"}", "{}", "local, alloc, secrets", .denied),
        ("{\"image_path\":\"/etc/passwd\"}", "{\"image_paths\":[\"/etcetera\"]}", "/etcetera", .denied),
        ("{\"image_path\":\"local/link.img\"}", "{}", "link.img", .invalid),
        ("{\"image_path\":\"local/etc/passwd\"}", "{}", "\"etc\"", .invalid),
        ("{\"image_path\":\"local/pipe.img\"}", "{}", "no regular file", .invalid),
        ("{\"image_path\":\"local/none.img\"}", "{}", "none.img", .notFound),
        ("{\"image_path\":\"local/kept.img\"}", "{}", "may not write", .denied),
        ("{\"image_path\":\"local/kept.img\"}", "{}", "-snapshot in \"args\"", .denied),
        ("{\"image_path\":\"local/disk.img\",\"emulator\":\"sparc\"}", "{}", "qemu-system-sparc", .notFound),
        ("{\"image_path\":\"local/disk.img\",\"emulator\":\"../x\"}", "{}", "\"emulator\"", .invalid),
        (
            "{\"image_path\":\"local/disk.img\",\"emulator\":\"i386\"}", "{\"emulators_allowlist\":[\"x86_64\"]}",
            "i386", .denied
        ),
        ("{\"image_path\":\"local/disk.img\",\"machine_type\":\"pc,accel=kvm\"}", "{}", "\"machine_type\"", .invalid),
        ("{\"image_path\":\"local/disk.img\",\"machine_type\":\"-daemonize\"}", "{}", "\"machine_type\"", .invalid),
        ("{\"image_path\":\"local/disk.img\",\"drive_interface\":\"usb\"}", "{}", "\"drive_interface\"", .invalid),
        ("{\"image_path\":\"local/disk.img\",\"accelerator\":\"xen\"}", "{}", "\"accelerator\"", .invalid),
        (
            "{\"image_path\":\"local/disk.img\",\"accelerator\":\"kvm\",\"emulator\":\"i386\"}", "{}", "architecture",
            .unsupported
        ),
        (
            "{\"image_path\":\"local/disk.img\",\"args\":[\"-usb\"]}", "{\"args_allowlist\":[\"-smp\"]}", "\"-usb\"",
            .denied
        ),
        (
            "{\"image_path\":\"local/disk.img\",\"args\":[\" -usb\"]}", "{\"args_allowlist\":[\"-usb\"]}", "\" -usb\"",
            .denied
        ),
        (
            "{\"image_path\":\"local/disk.img\",\"args\":[\"--smp\"]}", "{\"args_allowlist\":[\"-smp\"]}", "\"--smp\"",
            .denied
        ),
        (
            "{\"image_path\":\"local/disk.img\",\"port_map\":{\"web\":\"80\"}}", "{}", "no port \"web\", only: ssh",
            .invalid
        ),
        ("{\"image_path\":\"local/disk.img\",\"port_map\":{\"ssh\":\"0\"}}", "{}", "\"ssh\"", .invalid),
        ("{\"image_path\":\"local/disk.img\",\"port_map\":[\"ssh\"]}", "{}", "\"port_map\"", .invalid),
        ("{\"image_path\":\"local/disk.img\"}", "{\"image_paths\":[\"images\"]}", "\"image_paths\"", .invalid),
        ("{\"image_path\":\"local/disk.img\"}", "{\"image_paths\":[\"/\"]}", "\"image_paths\"", .invalid),
        ("{\"image_path\":\"local/disk.img\"}", "{\"image_paths\":[\"/a/../b\"]}", "\"image_paths\"", .invalid),
    ]

    @Test(arguments: refusals)
    func refusesWithTheKey(config: String, settings: String, word: String, code: PluginError.Code) {
        let folders = Folders()
        FakeHost.run { fake, host in
            let error = #expect(throws: PluginError.self) {
                let ports = "[{\"label\":\"ssh\",\"host_ip\":\"\",\"host_port\":20022,\"to\":0}]"
                let task = try folders.document(config, resources: Self.resources, ports: ports)
                try folders.driver(host, settings).start(task, call: Outcome().call)
            }
            #expect(error?.code == code, "\(String(describing: error))")
            #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
            #expect(fake.launches.isEmpty)
        }
    }

    @Test func anOperatorsImageThatTheUserMayNotReadIsRefused() {
        let folders = Folders()
        let error = #expect(throws: PluginError.self) {
            try specification(
                "{\"image_path\":\"\(folders.path)/images/private.img\"}",
                settings: "{\"image_paths\":[\"\(folders.path)/images\"]}", folders: folders)
        }
        #expect(error?.code == .denied && error?.message.contains("may not read") == true)
    }

    /// A guest writes another format's header, which may name files of the host, where its raw disk begins.
    @Test func anImageKeepsTheFormatItBeganWith() throws {
        let folders = Folders()
        try FakeHost.run { fake, host in
            for _ in 0..<2 {
                let task = try folders.document(
                    "{\"image_path\":\"local/disk.img\",\"accelerator\":\"tcg\"}", resources: Self.resources)
                // Another instance, as after a restart of the agent.
                try folders.driver(host).start(task, call: Outcome().call)
                let words = fake.launches.last?["argv"]?.strings ?? []
                #expect(words.contains("file=/local/disk.img,format=raw,if=ide"), "\(words)")
                folders.write("/task/local/disk.img", [0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3])
            }
            #expect(fake.launches.count == 2)
            // The allocation is gone: so is what was kept of its image.
            unlink(folders.path + "/task/local/disk.img")
            let other = try folders.document("{\"image_path\":\"alloc/a,b.img\"}", resources: Self.resources)
            try folders.driver(host).start(other, call: Outcome().call)
            #expect(try host.store.keys(prefix: "image:").count == 1)
        }
    }

    @Test(arguments: [100, 4_000_001] as [Int64])
    func memoryOutsideTheBoundsIsRefused(mib: Int64) {
        let error = #expect(throws: PluginError.self) {
            try words("{\"image_path\":\"local/disk.img\"}", resources: "{\"memory_bytes\":\(mib << 20)}")
        }
        #expect(error?.code == .invalid && error?.message.contains("not \(mib)") == true)
    }

    @Test(arguments: [
        ("", ImageFormat.raw), ("QFI\u{fb}\0\0\0\u{1}", .qcow), ("QFI\u{fb}\0\0\0\u{2}", .qcow2), ("QFI", .raw),
        ("QED\0", .qed), ("KDMV", .vmdk), ("COWD", .vmdk), ("# Disk DescriptorFile\n", .vmdk), ("vhdxfile", .vhdx),
        ("conectix", .vpc), (String(repeating: "x", count: 64) + "\u{7f}\u{10}\u{da}\u{be}", .vdi),
        (String(repeating: "x", count: 68), .raw),
    ])
    func formats(head: String, format: ImageFormat) {
        #expect(ImageFormat(head: head.unicodeScalars.map { UInt8($0.value) }) == format)
    }

    @Test(arguments: [
        ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\nCopyright", "7.2.22"),
        ("QEMU emulator version 9.0.50-dirty", "9.0.50"),
        ("QEMU emulator", nil), ("version x", nil),
    ])
    func versions(output: String, version: String?) {
        #expect(Emulator.version(in: output) == version)
    }

    /// The fingerprint once the emulator has told its version: it does so in a thread of its own.
    private func settled(_ driver: QemuDriver) -> DriverFingerprint {
        for _ in 0..<3_000 where driver.fingerprint().health == .undetected { poll(nil, 0, 5) }
        return driver.fingerprint()
    }

    @Test func theFingerprintTellsEmulators() throws {
        let folders = Folders()
        try FakeHost.run { _, host in
            let driver = try folders.driver(host)
            #expect(driver.fingerprint().message.contains("has yet to tell its version"))
            let found = settled(driver)
            #expect(found.health == .healthy, "\(found)")
            #expect(found.message.hasPrefix("Healthy; without kvm: "), "\(found.message)")
            #expect(
                found.attributes == [
                    "driver.qemu": "1", "driver.qemu.version": "7.2.22", "driver.qemu.emulators": "i386,x86_64",
                    "driver.qemu.accelerators": "tcg",
                ])
            let narrow = try folders.driver(host, "{\"emulators_allowlist\":[\"i386\"]}")
            #expect(settled(narrow).attributes["driver.qemu.emulators"] == "i386")
            let none = try folders.driver(host, "{\"emulators_allowlist\":[\"sparc\"]}").fingerprint()
            #expect(none.health == .undetected && none.message.contains("install qemu-system"))
        }
    }

    @Test func signalsAndCommandsAreNotForMachines() throws {
        try FakeHost.run { _, host in
            let driver = try #require(try QemuPlugin(host: host, config: [:]).driver)
            #expect(!driver.capabilities.sendSignals && !driver.capabilities.exec)
            #expect(driver.capabilities.filesystemIsolation == "image")
            #expect(throws: PluginError.self) { try driver.signal(id: "t", name: "SIGHUP") }
        }
    }
}
