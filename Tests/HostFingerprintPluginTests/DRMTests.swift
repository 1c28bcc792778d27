import DroverSDK
import PluginTestSupport
import Testing

@testable import HostFingerprintPlugin

/// GPUs of AMD and Intel, on sysfs trees that the tests make.
@Suite("AMD and Intel GPUs")
struct DRMTests {
    /// A card's files; `facts` are below its device folder.
    private static func card(
        _ number: Int, _ vendor: String, _ busID: String, driver: String, _ facts: [String: String]
    ) -> [String: String] {
        let card = "/sys/class/drm/card\(number)"
        var files = [
            "\(card)/device/vendor": vendor + "\n", "\(card)/device/device": "0x740f\n",
            "\(card)/device/uevent": "DRIVER=\(driver)\nPCI_CLASS=38000\nPCI_SLOT_NAME=\(busID)\n",
            "\(card)/device/drm/card\(number)/dev": "", "\(card)/device/drm/renderD\(128 + number)/dev": "",
            "/dev/dri/renderD\(128 + number)": "", "\(card)-DP-1/status": "connected\n",
        ]
        for (name, text) in facts { files["\(card)/\(name)"] = text + "\n" }
        return files
    }

    private static let instinct = card(
        1, "0x1002", "0000:03:00.0", driver: "amdgpu",
        [
            "device/mem_info_vram_total": "68702699520", "device/mem_info_vram_used": "1073741824",
            "device/unique_id": "aa1c2d3e4f506172", "device/gpu_busy_percent": "55",
            "device/product_name": "Instinct MI210",
            "device/numa_node": "1", "device/hwmon/hwmon4/power1_average": "41000000",
            "device/hwmon/hwmon4/power1_cap": "300000000", "device/hwmon/hwmon4/temp1_input": "47000",
            "device/pp_dpm_sclk": "0: 500Mhz\n1: 800Mhz *\n2: 1700Mhz", "device/ras/umc_err_count": "ue: 0\nce: 3",
        ])
    private static let plainAMD = card(
        0, "0x1002", "0000:83:00.0", driver: "amdgpu", ["device/mem_info_vram_total": "1073741824"])
    private static let arc = card(
        2, "0x8086", "0000:05:00.0", driver: "i915",
        [
            "lmem_total_bytes": "17079205888", "gt_max_freq_mhz": "2050", "gt_cur_freq_mhz": "300",
            "device/numa_node": "-1",
        ])
    private static let names = [
        "/usr/share/misc/pci.ids": "1002  AMD\n\t740f  Aldebaran\n8086  Intel\n\t740f  DG2 [Flex 170]\n"
    ]

    private func withDevices(_ trees: [[String: String]], _ body: (HostDevices) throws -> Void) throws {
        let files = trees.reduce(into: Self.names) { $0.merge($1) { $1 } }
        try FakeMachine.with(files) { machine in
            try FakeHost.run { _, host in try body(HostDevices(machine: machine, clock: host.clock)) }
        }
    }

    @Test func areGroupsWithAttributes() throws {
        try withDevices([Self.instinct, Self.plainAMD, Self.arc]) { devices in
            let groups = try #require(try devices.probe()["groups"]?.array)
            let names = groups.map {
                [$0["vendor"], $0["type"], $0["model"]].map { $0?.string ?? "" }.joined(separator: "/")
            }
            #expect(names == ["amd/gpu/Aldebaran", "amd/gpu/Instinct MI210", "intel/gpu/DG2 [Flex 170]"])
            #expect(
                groups[1]["attributes"] == [
                    "memory": "65520 MiB", "driver": "amdgpu", "cores_clock": "1700 MHz", "power": "300 W",
                ])
            let instinct = try #require(groups[1]["instances"]?.array?.first)
            #expect(instinct["id"] == "GPU-aa1c2d3e4f506172" && instinct["numa"] == 1 && instinct["healthy"] == true)
            #expect(groups[2]["attributes"] == ["memory": "16288 MiB", "driver": "i915", "cores_clock": "2050 MHz"])
            #expect(groups[2]["instances"]?.array?.first?["id"] == "0000:05:00.0")
            #expect(groups[2]["instances"]?.array?.first?["numa"] == nil)
        }
    }

    @Test func tellWhatTheyDo() throws {
        try withDevices([Self.instinct, Self.arc]) { devices in
            let groups = try #require(try devices.stats()["groups"]?.array)
            let instinct = try #require(groups[0]["instances"]?["GPU-aa1c2d3e4f506172"])
            #expect(instinct["summary"] == ["value": 1024, "total": 65_520, "unit": "MiB"])
            #expect(instinct["stats"]?["GPU utilization"]?["value"] == 55)
            #expect(instinct["stats"]?["Power usage"] == ["value": 41, "total": 300, "unit": "W"])
            #expect(instinct["stats"]?["Temperature"]?["value"] == 47)
            #expect(groups[1]["instances"]?["0000:05:00.0"]?["summary"]?["value"] == 300)
        }
    }

    /// Numbers are those of the runtimes: in the order of the bus, by vendor.
    @Test(arguments: [
        (["GPU-aa1c2d3e4f506172"], ["ROCR_VISIBLE_DEVICES": "GPU-aa1c2d3e4f506172"], ["renderD129", "kfd"]),
        (["0000:83:00.0"], ["ROCR_VISIBLE_DEVICES": "1"], ["renderD128", "kfd"]),
        (["0000:05:00.0"], ["ZE_AFFINITY_MASK": "0"], ["renderD130"]),
    ])
    func tasksGetFilesAndVariables(ids: [String], environment: [String: String], files: [String]) throws {
        try withDevices([Self.instinct, Self.plainAMD, Self.arc, ["/dev/kfd": ""]]) { devices in
            let use = try devices.reserve(["instances": .array(ids.map { ["id": .string($0)] })])
            #expect(use["env"] == .object(environment.mapValues(JSON.string)))
            let paths = use["devices"]?.array?.map { $0["host_path"]?.string ?? "" } ?? []
            #expect(paths == files.map { $0 == "kfd" ? "/dev/kfd" : "/dev/dri/\($0)" })
        }
    }

    /// A number means something only where a task sees all GPUs; in a root of chosen folders it sees them by way of /sys.
    @Test(arguments: [("none", "1", false), ("chroot", nil, true), ("image", nil, false)] as [(String, String?, Bool)])
    func numbersAreOfWhatTheTaskSees(isolation: String, number: String?, showsSys: Bool) throws {
        let second = Self.card(3, "0x8086", "0000:06:00.0", driver: "xe", [:])
        try withDevices([Self.instinct, Self.plainAMD, Self.arc, second]) { devices in
            for (id, variable) in [("0000:06:00.0", "ZE_AFFINITY_MASK"), ("0000:83:00.0", "ROCR_VISIBLE_DEVICES")] {
                let use = try devices.reserve(["fs_isolation": .string(isolation), "instances": [["id": .string(id)]]])
                #expect(use["env"]?[variable]?.string == number)
                let sys: JSON = ["source": "/sys", "target": "/sys", "read_only": true]
                #expect(use["mounts"] == .array(showsSys ? [sys] : []))
            }
            let named = try devices.reserve([
                "fs_isolation": .string(isolation), "instances": [["id": "GPU-aa1c2d3e4f506172"]],
            ])
            #expect(named["env"] == ["ROCR_VISIBLE_DEVICES": "GPU-aa1c2d3e4f506172"], "a name is a name everywhere")
        }
    }

    @Test func namesAreReadOnce() throws {
        try withDevices([Self.arc]) { devices in
            let first = try devices.probe()
            try FakeMachine.write("", devices.machine.root, "/usr/share/misc/pci.ids")
            #expect(try devices.probe() == first)
        }
    }

    @Test func uncorrectedErrorsMakeOneIll() throws {
        let ill = ["/sys/class/drm/card1/device/ras/umc_err_count": "ue: 4\nce: 3\n"]
        try withDevices([Self.instinct, ill]) { devices in
            let instance = try devices.probe()["groups"]?.array?.first?["instances"]?.array?.first
            #expect(instance?["healthy"] == false)
            #expect(instance?["health_message"] == "4 uncorrected memory errors; reset the GPU")
            let error = #expect(throws: PluginError.self) {
                try devices.reserve(["instances": [["id": "GPU-aa1c2d3e4f506172"]]])
            }
            #expect(error?.code == .retry)
        }
    }

    @Test func consolesAndHalfBoundCardsAreNone() throws {
        let console = Self.card(0, "0x1234", "0000:00:02.0", driver: "bochs-drm", [:])
        var unbound = Self.instinct
        for path in unbound.keys where path.contains("renderD") { unbound[path] = nil }
        try withDevices([console, unbound]) { devices in
            let groups = try devices.probe()["groups"]
            #expect(groups == .array([]))
        }
    }
}
