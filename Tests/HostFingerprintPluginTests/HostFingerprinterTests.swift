import DroverSDK
import Glibc
import PluginSupport
import PluginTestSupport
import Testing

@testable import HostFingerprintPlugin

@Suite("host fingerprint")
struct HostFingerprinterTests {
    @Test func thisMachineHasWhatJobsRelyOn() throws {
        let found = try HostFingerprinter(machine: Machine()).probe(known: ["data_dir": "/tmp"])
        let wanted = [
            "cpu.arch", "cpu.numcores", "cpu.frequency", "cpu.totalcompute", "memory.totalbytes", "kernel.name",
            "kernel.arch", "kernel.version", "os.name", "os.signals", "unique.hostname", "unique.storage.volume",
            "unique.storage.bytestotal", "unique.storage.bytesfree", "unique.network.ip-address",
        ]
        for name in wanted { #expect(found.attributes[name]?.isEmpty == false, "\(name)") }
        #expect(found.resources["cpu_mhz"]?.integer ?? 0 > 0)
        #expect(found.resources["memory_bytes"]?.integer ?? 0 > 1 << 20)
        #expect(try JSON(parsing: found.json.text) == found.json)
    }

    @Test func aMachineWithTwoKindsOfCores() throws {
        let found = try probe(
            [
                "/sys/devices/system/cpu/online": "0-3\n", "/sys/devices/cpu_atom/cpus": "2-3\n",
                "/sys/devices/cpu_core/cpus": "0-1\n",
                "/sys/devices/system/cpu/cpu0/cpufreq/base_frequency": "3000000\n",
                "/sys/devices/system/cpu/cpu1/cpufreq/cpuinfo_max_freq": "3200999\n",
                "/sys/devices/system/node/node0/cpulist": "0-1,3\n", "/sys/devices/system/node/node1/cpulist": "2\n",
                "/proc/cpuinfo": "processor\t: 0\nmodel name\t: Fast CPU @ 3GHz\ncpu MHz\t\t: 1500.7\n",
            ])
        let expected = [
            "cpu.modelname": "Fast CPU @ 3GHz", "cpu.numcores": "4", "cpu.numcores.performance": "2",
            "cpu.numcores.efficiency": "2", "cpu.frequency.performance": "3200", "cpu.frequency.efficiency": "1500",
            "cpu.totalcompute": "9200", "cpu.reservablecores": "4", "numa.node.count": "2", "numa.node0.cores": "0-1,3",
            "numa.node1.cores": "2", "cpu.arch": "arm64", "kernel.arch": "aarch64",
        ]
        for (name, value) in expected { #expect(found.attributes[name] == value, "\(name)") }
        #expect(found.attributes["cpu.frequency"] == nil)
        #expect(found.resources["cores"]?.array?.count == 4)
    }

    @Test(arguments: [
        ("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n", "os.cgroups.version", "2"),
        ("/sys/fs/cgroup/memory/tasks", "", "os.cgroups.version", "1"),
        ("/etc/os-release", "NAME=X\nID=debian\nVERSION_ID=\"12\"\n", "os.version", "12"),
        ("/etc/os-release", "ID='alpine'\nID_LIKE=x\n", "os.name", "alpine"),
        ("/proc/meminfo", "MemTotal:       16384 kB\nMemFree: 1 kB\n", "memory.totalbytes", "16777216"),
        ("/proc/cpuinfo", "processor : 0\nprocessor : 1\n", "cpu.totalcompute", "2000"),
        (
            "/proc/self/mounts", "/dev/a / ext4 rw\n/dev/b /data xfs rw\n/dev/c /dat xfs rw\n", "unique.storage.volume",
            "/dev/b"
        ),
    ])
    func readsWhatTheKernelSays(path: String, text: String, name: String, value: String) throws {
        #expect(try probe([path: text]).attributes[name] == value)
    }

    @Test func anEmptyMachineIsNoError() throws {
        let found = try probe([:])
        #expect(found.attributes["cpu.numcores"] == nil)
        #expect(found.attributes["kernel.name"] == "linux")
    }

    @Test func theDefaultRouteNamesThePrimaryInterface() throws {
        let routes = """
            Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
            eth0\t00000000\t01\t0003\t0\t0\t100\t00000000\t0\t0\t0
            eth1\t00000000\t01\t0003\t0\t0\t50\t00000000\t0\t0\t0
            eth0\t0000A8C0\t00\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0

            """
        let files = [
            "/proc/net/route": routes, "/sys/class/net/eth1/speed": "25000\n", "/sys/class/net/eth0/speed": "-1\n",
            "/sys/class/net/eth1/address": "52:54:00:12:34:56\n", "/sys/class/net/lo/address": "00:00:00:00:00:00\n",
        ]
        let found = try probe(files)
        #expect(found.attributes["unique.network.ip-address"] == "10.0.1.9")
        let networks = try #require(found.resources["networks"]?.array)
        #expect(networks.map { $0["device"]?.string } == ["eth1", "eth0"], "no loopback beside them")
        #expect(networks.map { $0["mac"]?.string } == ["52:54:00:12:34:56", ""])
        #expect(networks[0]["mbits"]?.integer == 25_000)
        #expect(networks[0]["cidr"]?.string == "10.0.1.9/24")
        #expect(networks[0]["addresses"]?.array?.count == 2, "link-local addresses are left out")
        #expect(networks[1]["mbits"]?.integer == 1000, "an unknown speed")

        let wanted = try probe(files, known: ["options": ["network_interface": "lo"]])
        #expect(wanted.attributes["unique.network.ip-address"] == "127.0.0.1")
        let all = try #require(wanted.resources["networks"]?.array)
        #expect(all.map { $0["device"]?.string } == ["lo", "eth0", "eth1"])
        #expect(all[0]["mac"]?.string == "")
    }

    @Test func cardsOnThePCIBus() throws {
        let found = try probe([
            "/sys/bus/pci/devices/0000:00:02.0/class": "0x030000\n",
            "/sys/bus/pci/devices/0000:00:02.0/vendor": "0x1234\n",
            "/sys/bus/pci/devices/0000:00:02.0/device": "0x1111\n",
            "/sys/bus/pci/devices/0000:01:00.0/class": "0x038000\n",
            "/sys/bus/pci/devices/0000:01:00.0/vendor": "0x1002\n",
            "/sys/bus/pci/devices/0000:01:00.0/device": "0x740f\n",
            "/sys/bus/pci/devices/0000:01:00.0/mem_info_vram_total": "68702699520\n",
            "/usr/share/misc/pci.ids":
                "# x\n1001  Other\n\t740f  Wrong\n1002  AMD\n\t1111  No\n\t740f  Aldebaran [MI210]\n\t\tsub\n",
        ])
        #expect(found.attributes["gpu.count"] == "1", "the console of a virtual machine is no GPU")
        #expect(found.attributes["gpu.0.vendor"] == "amd")
        #expect(found.attributes["gpu.0.model"] == "Aldebaran [MI210]")
        #expect(found.attributes["gpu.0.memory_mib"] == "65520")
        #expect(found.attributes["unique.gpu.0.bus_id"] == "0000:01:00.0")
    }

    @Test func nvidiaCardsTakeNameAndMemoryFromTheirLibrary() throws {
        let card = [
            "/sys/bus/pci/devices/0000:41:00.0/class": "0x030200\n",
            "/sys/bus/pci/devices/0000:41:00.0/vendor": "0x10de\n",
            "/sys/bus/pci/devices/0000:41:00.0/device": "0x2335\n",
        ]
        let absent = try probe(card)
        #expect(absent.attributes["gpu.0.model"] == "device 0x2335", "an absent library is no error")

        let found = try probe(card, gpus: NvidiaReport(driverVersion: "550.1", gpus: [Self.gpu]))
        #expect(found.attributes["gpu.count"] == "1")
        #expect(found.attributes["gpu.0.model"] == "NVIDIA H200")
        #expect(found.attributes["gpu.0.memory_mib"] == "143771")
        #expect(found.attributes["nvidia.driver_version"] == "550.1")
    }

    static let gpu = NvidiaReport.GPU(
        uuid: "GPU-1", model: "NVIDIA H200", memoryBytes: 143_771 << 20, busID: "0000:41:00.0", minor: 3,
        memoryUsedBytes: 1 << 30, utilizationPercent: 7)

    @Test func nvidiaCardsAreDevices() throws {
        try FakeHost.run { _, host in
            let machine = Machine(
                root: "/nonexistent", system: FakeSystem(gpus: NvidiaReport(driverVersion: "", gpus: [Self.gpu])))
            let devices = NvidiaDevices(machine: machine, clock: host.clock)
            let group = try devices.probe()["groups"]?.array?.first
            #expect(group?["model"]?.string == "NVIDIA H200")
            #expect(group?["instances"]?.array?.first?["id"]?.string == "GPU-1")
            let use = try devices.reserve(["instances": [["id": "GPU-1"]]])
            #expect(use["env"]?["CUDA_VISIBLE_DEVICES"]?.string == "GPU-1")
            #expect(use["devices"]?.array?.contains { $0["host_path"]?.string == "/dev/nvidia3" } == true)
            let error = #expect(throws: PluginError.self) { try devices.reserve(["instances": [["id": "GPU-2"]]]) }
            #expect(error?.code == .notFound)
            let stats = try devices.stats()["groups"]?.array?.first?["instances"]?["GPU-1"]
            #expect(stats?["stats"]?["utilization"]?["value"]?.integer == 7)
        }
    }

    @Test(arguments: [("0-3,8", [0, 1, 2, 3, 8]), ("", []), ("x", []), ("3-1", []), ("0-99999999", []), ("5", [5])])
    func listsOfCPUs(text: String, ids: [Int]) {
        #expect(IDList.parse(text) == ids)
        if !ids.isEmpty { #expect(IDList.text(ids) == text) }
    }

    // MARK: - A machine made of files

    private func probe(
        _ files: [String: String], known: JSON = ["data_dir": "/data/alloc"], gpus: NvidiaReport? = nil
    ) throws -> Fingerprint {
        let root = try #require(mkdtemp(strdup("/tmp/drover-host-XXXXXX")).map { String(cString: $0) })
        defer { remove(root) }
        for (path, text) in files {
            var folder = root
            for part in path.split(separator: "/").dropLast() {
                folder += "/" + part
                mkdir(folder, 0o755)
            }
            let file = try #require(fopen(root + path, "w"))
            fputs(text, file)
            fclose(file)
        }
        let machine = Machine(root: root, system: FakeSystem(gpus: gpus))
        return try HostFingerprinter(machine: machine).probe(known: known)
    }

    /// Files first, then their folder; `remove` deletes either.
    private func remove(_ path: String) {
        for name in SmallFile.names(in: path) { remove("\(path)/\(name)") }
        _ = Glibc.remove(path)
    }
}

private struct FakeSystem: SystemCalls {
    var gpus: NvidiaReport?

    func kernel() -> (release: String, machine: String) { ("6.1.0", "aarch64") }
    func hostname() -> String { "node-7" }
    func storage(_ path: String) -> (total: UInt64, free: UInt64)? { (1000, 400) }
    func nvidiaGPUs() -> NvidiaReport? { gpus }

    func addresses() -> [InterfaceAddress] {
        let list: [(String, String, Int, Bool)] = [
            ("lo", "127.0.0.1", 8, false), ("eth0", "192.168.0.5", 24, false), ("eth1", "fe80::1", 64, true),
            ("eth1", "fd00::9", 64, true), ("eth1", "10.0.1.9", 24, false),
        ]
        return list.map {
            InterfaceAddress(
                interface: $0.0, ip: $0.1, prefixLength: $0.2, isIPv6: $0.3, isUp: true, isLoopback: $0.0 == "lo")
        }
    }
}
