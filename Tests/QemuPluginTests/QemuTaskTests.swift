import DroverSDK
import Glibc
import Linux
import PluginHost
import PluginHostTestSupport
import TaskTestSupport
import Testing

@testable import QemuPlugin

/// Virtual machines in the real emulator, on the real executor.
@Suite(
    "qemu: tasks", .enabled(if: Machine.isRoot && CgroupHost.detect() != nil, "needs root and cgroups"),
    .enabled(if: BootSector.missing == nil, "\(BootSector.missing ?? "")"))
struct QemuTaskTests {
    private static let resources: JSON = ["cpu_mhz": 500, "memory_bytes": .integer(128 << 20)]

    private func wish(_ config: [String: JSON], settings: String = "{}") -> TaskFixture.Wish {
        let config = config.merging(["accelerator": "tcg"]) { $1 }
        return TaskFixture.Wish(config: config, settings: settings, resources: Self.resources)
    }

    /// The second sector of an image, up to its end of line.
    private func sector(_ path: String) throws -> String {
        let bytes = try SmallFile.read(path)[512..<520]
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func aGuestRunsAndItsImageIsWritten() async throws {
        let fixture = try TaskFixture(QemuPlugin.self)
        defer { fixture.close("t") }
        try BootSector.install(BootSector.polite, at: fixture.folder + "/task/local/disk.img")
        try await fixture.launch("t", wish(["image_path": "local/disk.img"]))
        let result = try await fixture.wait("t")
        #expect(result["exit_code"]?.integer == 0 && result["signal"]?.integer == 0, "\(result.text)")
        #expect(
            fixture.lines("t").contains { $0.contains("hello") }, "\(fixture.lines("t")) \(fixture.lines("t", "err"))")
        #expect(fixture.lines("t", "err") == [])
        #expect(try sector(fixture.folder + "/task/local/disk.img") == "written\n")
    }

    /// Written as the job's own, unless the job wants a snapshot.
    @Test(arguments: ["written\n", String(repeating: "\0", count: 8)])
    func anOperatorsImageIsWrittenUnlessUnwanted(found: String) async throws {
        let fixture = try TaskFixture(QemuPlugin.self)
        defer { fixture.close("t") }
        let images = Scratch("images")
        try FileMode.set(folder: images.path, 0o755)
        try BootSector.install(BootSector.polite, at: images.path + "/base.img")
        let settings = "{\"image_paths\":[\"\(images.path)\"]}"
        var config: [String: JSON] = ["image_path": .string(images.path + "/base.img")]
        if found != "written\n" { config["args"] = ["-snapshot"] }
        try await fixture.launch("t", wish(config, settings: settings))
        #expect(try await fixture.wait("t")["exit_code"]?.integer == 0, "\(fixture.lines("t", "err"))")
        #expect(fixture.lines("t").contains { $0.contains("hello") })
        #expect(try sector(images.path + "/base.img") == found)
    }

    @Test func theEmulatorIsIsolatedLimitedAndCounted() async throws {
        let fixture = try TaskFixture(QemuPlugin.self)
        defer { fixture.close("t") }
        try BootSector.install(BootSector.deaf, at: fixture.folder + "/alloc/disk.img")
        let pid = try await fixture.launch("t", wish(["image_path": "/alloc/disk.img", "guest_agent": true]))
        #expect(try await fixture.says { $0.contains("ready") })
        let status = SmallFile.text("/proc/\(pid)/status") ?? ""
        for line in ["Uid:\t65534\t65534", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
            #expect(status.contains(line), "\(line)")
        }
        #expect(fixture.limit("t", "memory.limit_in_bytes", "memory.max") == "\((128 + 128 + 4 + 64) << 20)")
        #expect(fixture.executor.stats(ids: "t").count == 1)
        #expect(Folder.names(fixture.folder + "/task/qemu").sorted() == ["qa.sock", "qm.sock"])
        #expect((1..<1_024).contains(fixture.shimKiB("t")), "private memory of a shim: \(fixture.shimKiB("t")) KiB")
        let monitor = MachineMonitor(folder: fixture.folder + "/task/qemu")
        #expect(try monitor.ask("query-status")["status"] == "running")
        let error = #expect(throws: DroverSDK.PluginError.self) { try monitor.ask("no-such-command") }
        #expect(error?.code == .state && error?.message.contains("no-such-command") == true)
        _ = try await fixture.ask {
            fixture.executor.stop(id: "t", signal: "SIGKILL", timeoutNanoseconds: 0, call: $0)
        }
        #expect(try await fixture.wait("t")["signal"]?.integer == 9)
        #expect(throws: DroverSDK.PluginError.self) { try monitor.ask("query-status") }
        try fixture.executor.destroy(id: "t", force: false)
        #expect(fixture.left() == [])
    }

    @Test func overUseOfMemoryIsReportedAsSuch() async throws {
        let fixture = try TaskFixture(QemuPlugin.self)
        defer { fixture.close("t") }
        try BootSector.install(BootSector.deaf, at: fixture.folder + "/task/local/disk.img")
        // More memory than asked for, all of it touched.
        let more: JSON = ["-m", "1024", "-overcommit", "mem-lock=off", "-mem-prealloc"]
        try await fixture.launch("t", wish(["image_path": "local/disk.img", "args": more]))
        let result = try await fixture.wait("t")
        #expect(result["oom_killed"] == true && result["signal"]?.integer == 9, "\(result.text)")
    }

    @Test func whatTheEmulatorRefusesIsInItsLog() async throws {
        let fixture = try TaskFixture(QemuPlugin.self)
        defer { fixture.close("t") }
        try BootSector.install(BootSector.deaf, at: fixture.folder + "/task/local/disk.img")
        try await fixture.launch("t", wish(["image_path": "local/disk.img", "machine_type": "toaster"]))
        #expect(try await fixture.wait("t")["exit_code"]?.integer == 1)
        #expect(fixture.lines("t", "err").contains { $0.contains("unsupported machine type") })
    }

    /// The trial's guest comes to its end where guests run, and is told apart from one that does not.
    @Test func theTrialTellsWhetherGuestsRun() throws {
        let scratch = Scratch("trial")
        let emulator = try Emulator.find("x86_64", in: "/usr/bin:/usr/local/bin", QemuSettings([:]))
        #expect(KVMTrial.firmware.count == 0x1_0000)
        #expect(try KVMTrial.run(emulator.path, folder: scratch.path, options: ["-accel", "tcg", "-cpu", "max"]) == "")
        let wrong = try KVMTrial.run(emulator.path, folder: scratch.path, options: ["-accel", "no-such"])
        #expect(wrong.hasPrefix("a guest could not be started (1)"), "\(wrong)")
        let real = try KVMTrial.run(emulator.path, folder: scratch.path)
        if access(KVMDevice.path, R_OK | W_OK) != 0 { #expect(real != "") }
        #expect(Folder.names(scratch.path) == [])
        // What says nothing about the machine is no answer to be kept.
        #expect(throws: DroverSDK.PluginError.self) {
            try KVMTrial.answer(emulator.path, folder: scratch.path + "/none")
        }
    }

    @Test(
        .enabled(if: HostedTask.library("qemu") != nil, "needs libdrover-driver-qemu.so beside the tests"),
        arguments: [PluginIsolation.process, .agent])
    func aGuestThatIgnoresTheButtonIsEndedBySignal(isolation: PluginIsolation) async throws {
        let config = "{\"image_path\":\"local/disk.img\",\"accelerator\":\"tcg\",\"graceful_shutdown\":true}"
        try await HostedTask.with("qemu", isolation, config: config, memoryBytes: 128 << 20) { task in
            try BootSector.install(BootSector.deaf, at: task.folder + "/task/local/disk.img")
            try await task.start()
            #expect(try await eventually { task.lines.contains { $0.contains("ready") } })
            #expect(try await task.status() == "running")
            // The emulator flushes its disks and ends by itself on SIGTERM.
            let exit = try await task.stop(within: .seconds(4))
            #expect(exit.code == 0 && exit.signal == 0, "\(exit)")
        }
    }

    /// The whole life of a service: it answers on its port, survives its plug-in's process, and powers off when its button is pressed.
    @Test(
        .enabled(if: HostedTask.library("qemu") != nil, "needs libdrover-driver-qemu.so beside the tests"),
        .enabled(if: LinuxGuest.missing == nil, "\(LinuxGuest.missing ?? "")"))
    func aServicePowersOffByItsButton() async throws {
        let script = """
            echo "guest: $(grep -c ^processor /proc/cpuinfo) cpu $(awk '/MemTotal/{print int($2/1024)}' /proc/meminfo) MiB"
            load virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover virtio_net
            load evdev button
            ip link set eth0 up; ip address add 10.0.2.15/24 dev eth0
            (while :; do echo answer | nc -l -p 80; done) &
            for event in /dev/input/event*; do
                (dd if=$event bs=24 count=1 of=/dev/null 2>/dev/null; echo "power button"; poweroff -f) &
            done
            echo "guest is ready"
            while :; do sleep 1000; done
            """
        let port = try LoopbackPort.free()
        let words = LinuxGuest.arguments.map { "\"\($0)\"" }.joined(separator: ",")
        let config = """
            {"image_path":"local/disk.img","accelerator":"tcg","graceful_shutdown":true,"args":[\(words)],
             "port_map":{"web":80}}
            """
        try await HostedTask.with("qemu", config: config, memoryBytes: 160 << 20, ports: ["web": port]) { task in
            try BootSector.install(BootSector.deaf, at: task.folder + "/task/local/disk.img")
            try LinuxGuest.install(script, in: task.folder + "/task/local")
            try await task.start()
            #expect(
                try await eventually(seconds: 120) { task.lines.contains { $0.contains("guest is ready") } },
                "\(task.lines)")
            let facts = task.lines.first { $0.contains("guest: 1 cpu ") }?.split(separator: " ").dropLast().last ?? ""
            #expect((100...160).contains(Int(facts) ?? 0), "\(task.lines)")
            #expect(try await eventually { LoopbackPort.read(port) == "answer\n" })
            try await task.killHost()
            try await task.recoverWithoutHandle()
            #expect(try await task.status() == "running")
            let exit = try await task.stop(within: .seconds(120))
            #expect(exit.code == 0 && exit.signal == 0, "\(exit)")
            #expect(task.lines.contains { $0.contains("power button") }, "\(task.lines)")
        }
    }
}

/// TCP ports of this machine alone.
enum LoopbackPort {
    /// One that was free a moment ago.
    static func free() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = LoopbackPort.address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
            }
        }
        try #require(result == 0)
        return Int(in_port_t(bigEndian: address.sin_port))
    }

    /// All that a server sends of itself; nil when it does not answer.
    static func read(_ port: Int) -> String? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var limit = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = LoopbackPort.address(in_port_t(port))
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }

    private static func address(_ port: in_port_t) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return address
    }
}
