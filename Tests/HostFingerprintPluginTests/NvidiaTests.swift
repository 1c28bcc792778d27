import DroverSDK
import Glibc
import PluginHostTestSupport
import PluginTestSupport
import Testing

@testable import HostFingerprintPlugin

/// NVIDIA GPUs through a stand-in for libnvidia-ml (nvml.c), which says what a script says.
@Suite("NVIDIA GPUs", .serialized)
struct NvidiaTests {
    static let hopper = "gpu uuid=GPU-1 name=NVIDIA_H100 bus=00000000:4A:00.0 minor=3 total=81559 used=1024 busy=7"
    static let second = "gpu uuid=GPU-2 name=NVIDIA_H100 bus=00000000:4B:00.0 minor=4 total=81559 used=0"

    /// Tells the stand-in at `library`, which stays loaded, which file says what it says.
    private static func give(_ library: String, script: String) throws {
        typealias Give = @convention(c) (UnsafePointer<CChar>) -> Void
        let handle = try #require(dlopen(library, RTLD_NOW | RTLD_LOCAL))
        let function = try #require(dlsym(handle, "stand_in_script"))
        unsafeBitCast(function, to: Give.self)(script)
    }

    /// Runs `body` with devices over a library of the test's own, and a function that changes the script.
    private func withGPUs(
        _ script: String, _ files: [String: String] = [:], _ name: String = #function,
        _ body: (HostDevices, Machine, (String) throws -> Void) throws -> Void
    ) throws {
        // The library keeps which errors it has told: each test has one of its own.
        let define = "TEST_" + name.filter { $0.isLetter }
        let library = try PluginBuilder.library("Tests/HostFingerprintPluginTests/nvml.c", defines: [define])
        let system = FakeSystem(nvidia: NvidiaSession(names: ["libnot-there.so", library]))
        try FakeMachine.with(files, system) { machine in
            try Self.give(library, script: machine.root + "/nvml.script")
            let write = { try FakeMachine.write("driver 550.54\n" + $0 + "\n", machine.root, "/nvml.script") }
            try write(script)
            try FakeHost.run { _, host in try body(HostDevices(machine: machine, clock: host.clock), machine, write) }
        }
    }

    private func instances(_ devices: HostDevices) throws -> [JSON] {
        try devices.probe()["groups"]?.array?.flatMap { $0["instances"]?.array ?? [] } ?? []
    }

    private func faults(_ devices: HostDevices) throws -> [String: String] {
        let pairs = try instances(devices).filter { $0["healthy"] == false }.map {
            ($0["id"]?.string ?? "", $0["health_message"]?.string ?? "")
        }
        return Dictionary(pairs) { first, _ in first }
    }

    @Test func areGroupsWithAttributes() throws {
        let files = [
            "/sys/bus/pci/devices/0000:4a:00.0/numa_node": "1\n", "/sys/bus/pci/devices/0000:4b:00.0/numa_node": "-1\n",
        ]
        try withGPUs("\(Self.hopper)\n\(Self.second)", files) { devices, _, _ in
            let answer = try devices.probe()
            let group = try #require(answer["groups"]?.array?.first)
            #expect(answer["groups"]?.array?.count == 1)
            #expect([group["vendor"], group["type"], group["model"]] == ["nvidia", "gpu", "NVIDIA H100"])
            #expect(
                group["attributes"] == [
                    "memory": "81559 MiB", "driver_version": "550.54", "cores_clock": "1980 MHz",
                    "memory_clock": "2619 MHz", "power": "700 W", "bar1": "256 MiB", "pci_bandwidth": "63008 MB/s",
                    "display_state": "Disabled", "persistence_mode": "Enabled", "ecc_mode": "Enabled",
                    "mig_mode": "Disabled", "compute_capability": "9.0",
                ])
            let first = try #require(group["instances"]?.array?.first)
            #expect(first["id"] == "GPU-1" && first["pci_bus_id"] == "0000:4a:00.0" && first["numa"] == 1)
            #expect(first["healthy"] == true && first["fraction_min_milli"] == 1)
            #expect(group["instances"]?.array?.last?["numa"] == nil)
        }
    }

    @Test func tellWhatTheyDo() throws {
        try withGPUs(Self.hopper) { devices, _, _ in
            _ = try devices.probe()
            let stats = try #require(try devices.stats()["groups"]?.array?.first?["instances"]?["GPU-1"])
            #expect(stats["summary"]?["value"] == 1024 && stats["summary"]?["total"] == 81_559)
            let values = try #require(stats["stats"]?.object).mapValues { $0["value"] ?? .null }
            #expect(
                values == [
                    "Memory state": 1024, "BAR1 buffer state": 1, "Power usage": 71, "Temperature": 34,
                    "GPU utilization": 7, "Memory utilization": 2, "Encoder utilization": 0, "Cores clock": 345,
                    "Memory clock": 2619, "ECC L1 errors": 0, "ECC L2 errors": 0, "ECC memory errors": 0,
                ])
            #expect(stats["stats"]?["Power usage"]?["total"] == 700)
        }
    }

    @Test func tasksGetFilesAndVariables() throws {
        let files = [
            "/dev/nvidiactl": "", "/dev/nvidia-uvm": "", "/dev/nvidia3": "", "/dev/nvidia4": "", "/dev/nvidia5": "",
        ]
        try withGPUs("\(Self.hopper)\n\(Self.second)", files) { devices, _, _ in
            let use = try devices.reserve(["instances": [["id": "GPU-2", "share_milli": 1000], ["id": "GPU-1"]]])
            #expect(use["env"] == ["NVIDIA_VISIBLE_DEVICES": "GPU-2,GPU-1", "CUDA_VISIBLE_DEVICES": "GPU-2,GPU-1"])
            #expect(
                use["devices"]?.array?.map { $0["host_path"]?.string ?? "" } == [
                    "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia4", "/dev/nvidia3",
                ])
            let quarter = try devices.reserve(["instances": [["id": "GPU-1", "share_milli": 250]]])
            #expect(quarter["env"]?["CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"] == "25")
            #expect(quarter["env"]?["CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"] == "0=20389M")
            let error = #expect(throws: PluginError.self) { try devices.reserve(["instances": [["id": "GPU-9"]]]) }
            #expect(error?.code == .notFound)
        }
    }

    /// A partitioned GPU is offered by its parts alone.
    @Test func partitionsAreGroupsOfTheirOwn() throws {
        let script = """
            \(Self.hopper)
            mig uuid=MIG-a gi=1 ci=0 total=9728 used=12 slices=1
            mig uuid=MIG-b gi=2 ci=0 total=40448 slices=3 name=NVIDIA_H100_MIG_3g.40gb
            """
        let files = [
            "/dev/nvidia3": "", "/dev/nvidia-caps/nvidia-cap21": "", "/dev/nvidia-caps/nvidia-cap22": "",
            "/proc/driver/nvidia-caps/mig-minors":
                "config 1\ngpu3/gi1/access 21\ngpu3/gi1/ci0/access 22\ngpu3/gi2/access 30\n",
        ]
        try withGPUs(script, files) { devices, machine, write in
            let groups = try #require(try devices.probe()["groups"]?.array)
            #expect(groups.map { $0["model"]?.string } == ["NVIDIA H100 MIG 1g.10gb", "NVIDIA H100 MIG 3g.40gb"])
            #expect(groups[0]["attributes"]?["memory"] == "9728 MiB")
            #expect(groups[0]["instances"]?.array?.first?["fraction_min_milli"] == 1000)
            let use = try devices.reserve(["instances": [["id": "MIG-a"]]])
            #expect(use["env"]?["NVIDIA_VISIBLE_DEVICES"] == "MIG-a")
            #expect(
                use["devices"]?.array?.map { $0["host_path"]?.string ?? "" } == [
                    "/dev/nvidia3", "/dev/nvidia-caps/nvidia-cap21", "/dev/nvidia-caps/nvidia-cap22",
                ])
            let stats = try #require(try devices.stats()["groups"]?.array?.first?["instances"]?["MIG-a"])
            #expect(stats["summary"]?["value"] == 12 && stats["stats"]?["Power usage"] == nil)
            // What is wrong with the whole is wrong with each part.
            try write(script.replacing("busy=7", with: "lost=1"))
            #expect(try faults(devices).keys.sorted() == ["MIG-a", "MIG-b"])
            let error = #expect(throws: PluginError.self) { try devices.reserve(["instances": [["id": "MIG-a"]]]) }
            #expect(error?.code == .retry && error?.message.contains("fallen off the bus") == true)
        }
    }

    @Test(
        arguments: [
            ("lost=1", "it has fallen off the bus: NVML error 15: GPU is lost"),
            ("ecc=2", "2 uncorrected ECC errors since its driver was loaded; reset the GPU"),
            ("remap=1", "its memory has more bad rows than can be replaced; replace the GPU"),
            ("\nxid 79", "the driver reported XID 79; reset the GPU and restart the machine"),
            ("\nxid 31", nil), ("recovery=0", nil), ("recovery=4", nil), ("recovery=0 \nxid 31", nil),
            ("recovery=0 \nxid 79", "the driver reported XID 79; reset the GPU and restart the machine"),
            ("recovery=1 \nxid 94", "the driver reported XID 94; reset the GPU"),
            ("recovery=2", "the driver asks for it: restart the machine"),
        ] as [(String, String?)])
    func illOnesAreTold(change: String, fault: String?) throws {
        try withGPUs(Self.hopper, [:], "ill\(change.filter { $0.isLetter || $0.isNumber })\(fault?.count ?? 0)") {
            devices, _, write in
            #expect(try faults(devices).isEmpty)
            try write("\(Self.hopper) \(change)\n\(Self.second)")
            #expect(try faults(devices)["GPU-1"] == fault)
            #expect(try faults(devices)["GPU-1"] == fault, "it stays")
            #expect(try faults(devices)["GPU-2"] == nil)
            #expect(try instances(devices).count == 2)
        }
    }

    /// A GPU that was reset is well again, in this session or a later one; a new error is a new illness.
    @Test func anErrorIsForgottenOnceTheDriverSaysSo() throws {
        let ill = "the driver reported XID 79; reset the GPU"
        try withGPUs(Self.hopper, [:], "reset") { devices, _, write in
            try write("\(Self.hopper) recovery=0")
            #expect(try faults(devices).isEmpty)
            for number in [79, 48] {
                let told = ill.replacing("79", with: "\(number)")
                try write("\(Self.hopper) recovery=0\nxid \(number)")
                #expect(try faults(devices)["GPU-1"] == told + " and restart the machine", "the driver has yet to say")
                try write("\(Self.hopper) recovery=1\nxid \(number)")
                #expect(try faults(devices)["GPU-1"] == told)
                try write("\(Self.hopper) lost=1\nxid \(number)")
                #expect(try faults(devices).count == 1)
                try write("\(Self.hopper) recovery=0\nxid \(number)")
                #expect(try faults(devices).isEmpty, "it was reset")
            }
        }
    }

    @Test func aRemovedOneIsLost() throws {
        try withGPUs("\(Self.hopper)\n\(Self.second)") { devices, _, write in
            #expect(try faults(devices).isEmpty)
            try write(Self.second)
            #expect(try faults(devices) == ["GPU-1": "libnvidia-ml lists it no more"])
            try write("\(Self.hopper)\n\(Self.second)")
            #expect(try faults(devices).isEmpty, "it is back")
        }
    }

    @Test func withoutItsDriverAllAreIll() throws {
        try withGPUs("\(Self.hopper)\n\(Self.second)") { devices, _, write in
            #expect(try instances(devices).count == 2)
            try write("fail 999")
            #expect(try faults(devices).isEmpty, "one failed look may pass")
            let told = try faults(devices)
            #expect(told.count == 2)
            #expect(told["GPU-1"] == "libnvidia-ml cannot talk to its driver: NVML error 999")
            #expect(try faults(devices).count == 2, "the library cannot be opened again")
            try write("\(Self.hopper)\n\(Self.second)")
            #expect(try faults(devices).isEmpty)
            try write("fail 999")
            #expect(try faults(devices).isEmpty, "two failed looks are no two in a row")
        }
    }

    @Test func anUnloadedDriverIsToldAtOnce() throws {
        try withGPUs("\(Self.hopper)\n\(Self.second)") { devices, _, write in
            #expect(try instances(devices).count == 2)
            try write("fail 9")
            #expect(try faults(devices).count == 2)
        }
    }

    /// The agent starts anew between two looks, and then the machine.
    @Test func whatIsKnownOutlivesTheSession() throws {
        let library = try PluginBuilder.library(
            "Tests/HostFingerprintPluginTests/nvml.c", defines: ["TEST_outlives"])
        try FakeMachine.with([:]) { machine in
            try Self.give(library, script: machine.root + "/nvml.script")
            let write = { try FakeMachine.write("driver 550.54\n" + $0 + "\n", machine.root, "/nvml.script") }
            try FakeHost.run { _, host in
                let faults = { (session: NvidiaSession) in
                    (session.report()?.gpus ?? []).map { "\($0.unit.uuid): \($0.fault ?? "well")" }.sorted()
                }
                let session = { (boot: String) in
                    NvidiaSession(names: [library], memory: NvidiaMemory(store: host.store, boot: boot))
                }
                let first = session("b1")
                try write("\(Self.hopper)\n\(Self.second)")
                #expect(faults(first) == ["GPU-1: well", "GPU-2: well"])
                try write("\(Self.hopper)\nxid 79\n\(Self.second)")
                let xid = "GPU-1: the driver reported XID 79; reset the GPU and restart the machine"
                #expect(faults(first) == [xid, "GPU-2: well"])
                try write("\(Self.hopper)\n\(Self.second)")
                #expect(faults(session("b1")) == [xid, "GPU-2: well"])
                try write(Self.hopper)
                #expect(faults(session("b1")) == [xid, "GPU-2: libnvidia-ml lists it no more"])
                #expect(faults(session("b2")) == ["GPU-1: well"])
            }
        }
    }

    @Test func aLibraryWithoutDriverIsNoGPU() throws {
        try withGPUs("fail 9") { devices, _, _ in
            let found = try instances(devices)
            #expect(found.isEmpty)
        }
        #expect(NvidiaSession(names: ["libnot-there.so"]).report() == nil)
    }

    @Test func cardsTakeNameAndMemoryFromTheirLibrary() throws {
        let card = [
            "/sys/bus/pci/devices/0000:4a:00.0/class": "0x030200\n",
            "/sys/bus/pci/devices/0000:4a:00.0/vendor": "0x10de\n",
            "/sys/bus/pci/devices/0000:4a:00.0/device": "0x2335\n",
        ]
        let absent = try FakeMachine.with(card) { try HostFingerprinter(machine: $0).probe(known: [:]) }
        #expect(absent.attributes["gpu.0.model"] == "device 0x2335", "an absent library is no error")
        try withGPUs(Self.hopper, card) { _, machine, _ in
            let found = try HostFingerprinter(machine: machine).probe(known: [:])
            #expect(found.attributes["gpu.count"] == "1")
            #expect(found.attributes["gpu.0.model"] == "NVIDIA H100")
            #expect(found.attributes["gpu.0.memory_mib"] == "81559")
            #expect(found.attributes["nvidia.driver_version"] == "550.54")
        }
    }
}
