import DroverSDK
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
        ("/sys/fs/cgroup/cgroup.controllers", "memory cpu\n", "os.cgroups.controllers", "cpu,memory"),
        (
            "/proc/cgroups",
            "#subsys_name\thierarchy\tnum_cgroups\tenabled\npids\t4\t9\t1\ncpu\t2\t9\t1\nmisc\t0\t1\t1\n",
            "os.cgroups.controllers", "cpu,pids"
        ),
        ("/proc/cmdline", "quiet root=UUID=7\n", "unique.kernel.arguments", "quiet root=UUID=7"),
        ("/proc/cmdline", "", "kernel.landlock", "v5"),
        ("/etc/os-release", "PRETTY_NAME=\"Debian 12\"\nVERSION_CODENAME=bookworm\n", "os.codename", "bookworm"),
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

    /// What names the machine: the firmware's UUID, unless that is none, else machine-id(5).
    @Test(
        arguments: [
            ("4C4C4544-0042-3510-8052-B4C04F564431\n", "a\n", "4c4c4544-0042-3510-8052-b4c04f564431"),
            (
                "00000000-0000-0000-0000-000000000000\n", "0123456789abcdef0123456789abcdee\n",
                "01234567-89ab-cdef-0123-456789abcdee"
            ),
            ("FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF\n", "", nil),
            ("", "0123456789abcdef0123456789abcdee\n", "01234567-89ab-cdef-0123-456789abcdee"),
            ("Not Settable\n", "uninitialized\n", nil), ("", "", nil),
        ] as [(String, String, String?)])
    func machinesHaveNames(firmware: String, file: String, id: String?) throws {
        let found = try probe(["/sys/class/dmi/id/product_uuid": firmware, "/etc/machine-id": file])
        #expect(found.attributes["unique.host_id"] == id)
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
        #expect(found.attributes["unique.network.ipv6-address"] == "fd00::9")
        #expect(found.attributes["unique.network.interface"] == "eth1")
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

    @Test(arguments: [("0-3,8", [0, 1, 2, 3, 8]), ("", []), ("x", []), ("3-1", []), ("0-99999999", []), ("5", [5])])
    func listsOfCPUs(text: String, ids: [Int]) {
        #expect(IDList.parse(text) == ids)
        if !ids.isEmpty { #expect(IDList.text(ids) == text) }
    }

    @Test func howProcessorsAreBuilt() throws {
        var files = [
            "/sys/devices/system/cpu/online": "0-3\n",
            "/sys/devices/system/node/node0/meminfo": "Node 0 MemTotal:       2048 kB\nNode 0 MemFree: 1 kB\n",
            "/sys/devices/system/node/node1/meminfo": "Node 1 MemTotal:       1024 kB\n",
            "/sys/devices/system/cpu/cpu0/cpufreq/base_frequency": "2100000\n",
            "/sys/devices/system/cpu/cpu3/cpufreq/cpuinfo_max_freq": "3900500\n",
            "/proc/cpuinfo":
                "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: sse fpu avx512f\n\nprocessor\t: 1\nflags\t: old\n",
        ]
        for cpu in 0..<4 {
            let topology = "/sys/devices/system/cpu/cpu\(cpu)/topology"
            files[topology + "/physical_package_id"] = "\(cpu / 2)\n"
            files[topology + "/thread_siblings_list"] = cpu < 2 ? "0-1\n" : "2-3\n"
        }
        let found = try probe(files)
        let expected = [
            "cpu.sockets": "2", "cpu.numcores.physical": "2", "cpu.threadspercore": "2", "cpu.vendor": "GenuineIntel",
            "cpu.features": "avx512f,fpu,sse", "cpu.frequency.base": "2100", "cpu.frequency.turbo": "3900",
            "numa.node0.memory.totalbytes": "2097152", "numa.node1.memory.totalbytes": "1048576",
        ]
        for (name, value) in expected { #expect(found.attributes[name] == value, "\(name)") }
    }

    @Test(
        arguments: [
            (["/sys/class/dmi/id/product_name": "KVM Virtual Machine\n"], "kvm"),
            (["/sys/class/dmi/id/sys_vendor": "QEMU\n"], "qemu"),
            (["/sys/class/dmi/id/sys_vendor": "VMware, Inc.\n"], "vmware"),
            (["/sys/class/dmi/id/sys_vendor": "Dell Inc.\n", "/proc/cpuinfo": "flags : fpu\n"], "none"),
            (["/sys/hypervisor/type": "xen\n"], "xen"), (["/proc/cpuinfo": "flags : fpu hypervisor\n"], "vm-other"),
            ([:], nil),
        ] as [([String: String], String?)])
    func whatItRunsIn(files: [String: String], word: String?) throws {
        #expect(try probe(files).attributes["os.virtualization"] == word)
        #expect(try probe(files).attributes["os.container"] == nil)
        #expect(try probe(files.merging(["/.dockerenv": ""]) { $1 }).attributes["os.container"] == "docker")
    }

    @Test func foldersHaveTheirOwnStorage() throws {
        let known: JSON = [
            "data_dir": "/data/alloc", "folders": ["state": "/data/state", "volume.db": "/mnt/db", "gone": "/absent"],
        ]
        let found = try probe(["/proc/self/mounts": "/dev/a / ext4 rw\n/dev/b /mnt/db xfs rw\n"], known: known)
        let expected = [
            "unique.storage.volume": "/dev/a", "unique.storage.state.volume": "/dev/a",
            "unique.storage.volume.db.volume": "/dev/b", "unique.storage.volume.db.filesystem": "xfs",
            "unique.storage.volume.db.folder": "/mnt/db", "unique.storage.volume.db.bytesfree": "400",
        ]
        for (name, value) in expected { #expect(found.attributes[name] == value, "\(name)") }
        #expect(found.attributes["unique.storage.gone.bytestotal"] == nil)
    }

    /// What allocations use is subtracted by the servers: after a restart of the agent too it must not be told as used already.
    @Test(arguments: [("/data/alloc/a1/file", "400"), ("/data/other", "300")])
    func freeSpaceIsAsBeforeTheFirstAllocation(file: String, expected: String) throws {
        try FakeHost.run { _, host in
            for (free, told) in [(400, "400"), (300, expected)] as [(UInt64, String)] {
                var system = FakeSystem()
                system.free = free
                let found = try FakeMachine.with([file: "x"], system) {
                    try HostFingerprinter(machine: $0, store: host.store).probe(known: ["data_dir": "/data/alloc"])
                }
                #expect(found.attributes["unique.storage.bytesfree"] == told)
                #expect(found.resources["disk_bytes"]?.text == told)
            }
        }
    }

    // MARK: - Help

    private func probe(
        _ files: [String: String], known: JSON = ["data_dir": "/data/alloc"]
    ) throws -> Fingerprint {
        try FakeMachine.with(files) { try HostFingerprinter(machine: $0).probe(known: known) }
    }
}
