import Basics
import Foundation
import PluginHostTestSupport
import TestSupport
import Testing

/// GPUs and other devices on a whole agent, with a stand-in for libnvidia-ml (Tests/HostFingerprintPluginTests/nvml.c).
@Suite struct DeviceTests {
    private static let gpus = [
        "gpu uuid=GPU-1 name=NVIDIA_H100 bus=00000000:4A:00.0 minor=0 total=81559 used=1024 busy=7",
        "gpu uuid=GPU-2 name=NVIDIA_H100 bus=00000000:4B:00.0 minor=1 total=81559 used=512 busy=3",
        "gpu uuid=GPU-3 name=NVIDIA_T4 bus=00000000:4C:00.0 minor=2 total=15360 used=0",
    ]

    /// A job of one task that asks for a device and prints a line.
    private static func job(_ id: String, _ line: String, driver: String = "raw_exec", device: [(String, JSON)]) -> JSON
    {
        let wish: [(String, JSON)] = [
            ("CPU", .integer(10)), ("MemoryMB", .integer(10)), ("Devices", .array([.object(device)])),
        ]
        let task = JSON.object([
            ("Name", .string("main")), ("Driver", .string(driver)), ("KillTimeout", .integer(200_000_000)),
            ("Config", .object([("command", .string("/bin/sh")), ("args", .array([.string("-c"), .string(line)]))])),
            ("Resources", .object(wish)),
        ])
        let policy = JSON.object([
            ("Unlimited", .bool(true)), ("Delay", .integer(5_000_000_000)), ("DelayFunction", .string("constant")),
        ])
        return Jobs.task(id, task).replacing(["Job", "TaskGroups", "0", "ReschedulePolicy"], with: policy)
    }

    private static func rule(_ left: String, _ operand: String, _ right: String, _ more: [(String, JSON)] = []) -> JSON
    {
        .array([
            .object([("LTarget", .string(left)), ("Operand", .string(operand)), ("RTarget", .string(right))] + more)
        ])
    }

    private func withGPUs(_ body: (AgentProcess, _ script: ([String]) throws -> Void) throws -> Void) throws {
        let library = try PluginBuilder.library("Tests/HostFingerprintPluginTests/nvml.c", defines: ["TEST_AGENT"])
        let agent = try AgentProcess(
            configuration: "plugin \"host\" {\n  config {\n    nvidia_library = \"\(library)\"\n  }\n}\n")
        let write = { (lines: [String]) in
            let path = agent.folder.path + "/nvml.script"
            try agent.folder.write("nvml.script.new", (["driver 550.54"] + lines).joined(separator: "\n") + "\n")
            #expect(rename(path + ".new", path) == 0)
        }
        try write(Self.gpus)
        try agent.start(environment: ["NVML_SCRIPT": agent.folder.path + "/nvml.script"])
        try agent.waitUntilReady()
        try eventually("the node tells its GPUs", details: { agent.log }) {
            try self.node(agent)["NodeResources"]?["Devices"]?.array?.count == 2
        }
        try body(agent, write)
    }

    private func node(_ agent: AgentProcess) throws -> JSON {
        let id = try agent.http.getJSON("/v1/nodes").array?.first?["ID"]?.string ?? ""
        return try agent.http.getJSON("/v1/node/\(id)")
    }

    private func given(_ agent: AgentProcess, _ allocation: JSON) throws -> JSON {
        let whole = try agent.http.getJSON("/v1/allocation/\(allocation["ID"]?.string ?? "")")
        return whole["AllocatedResources"]?["Tasks"]?["main"]?["Devices"]?.array?.first ?? .null
    }

    @Test func tasksGetTheirsAndAreMovedWhenItIsLost() throws {
        try withGPUs { agent, write in
            let line = "echo $NVIDIA_VISIBLE_DEVICES $CUDA_MPS_ACTIVE_THREAD_PERCENTAGE; exec sleep 300"
            try agent.register(
                Self.job(
                    "train", line,
                    device: [
                        ("Name", .string("nvidia/gpu")), ("Count", .integer(1)),
                        ("Constraints", Self.rule("${device.attr.memory}", ">=", "40 GiB")),
                    ]))
            try agent.register(
                Self.job(
                    "share", line,
                    device: [
                        ("Name", .string("gpu")), ("Share", .number(0.25)),
                        ("Affinities", Self.rule("${device.model}", "=", "NVIDIA T4", [("Weight", .integer(100))])),
                    ]))
            try agent.wait("train", "running")
            try agent.wait("share", "running")
            let first = try #require(try agent.allocations("train").first)
            let shared = try #require(try agent.allocations("share").first)
            let own = try #require(try given(agent, first)["DeviceIDs"]?.array?.first?.string)
            #expect(["GPU-1", "GPU-2"].contains(own))
            #expect(try given(agent, shared)["DeviceIDs"] == .array([.string("GPU-3")]))
            try eventually("both have spoken") {
                let spoken = try (agent.logs(first), agent.logs(shared))
                return spoken == ("\(own)\n", "GPU-3 25\n")
            }

            let usage = try agent.http.getJSON("/v1/client/allocation/\(shared["ID"]?.string ?? "")/stats")
            let devices = usage["Tasks"]?["main"]?["ResourceUsage"]?["DeviceStats"]?.array ?? []
            #expect(devices.map { $0["InstanceStats"]?.object?.keys } == [["GPU-3"]])
            #expect(try agent.http.getJSON("/v1/client/stats")["DeviceStats"]?.array?.count == 2)
            let status = try agent.drover("node", "status", "-self", "-verbose", "-stats").output
            for text in ["nvidia/gpu/NVIDIA T4[GPU-3]", "0 / 15360 MiB", "compute_capability = 9.0", "0000:4c:00.0"] {
                #expect(status.contains(text), "\(status)")
            }
            let shown = try agent.drover("alloc", "status", "-stats", shared["ID"]?.string ?? "").output
            #expect(
                shown.contains("Task Devices:") && shown.contains("0.25") && shown.contains("Temperature"), "\(shown)")

            // The GPU falls off the bus; SIGHUP spares the test the wait for the next look.
            try write(Self.gpus.map { $0.contains("uuid=\(own) ") ? $0 + " lost=1" : $0 })
            agent.signal(SIGHUP)
            try agent.wait("train", "failed")
            let failed = try #require(try agent.allocations("train").first { $0["ID"] == first["ID"] })
            let events = failed["TaskStates"]?["main"]?["Events"]?.array ?? []
            let event = events.first { $0["Type"] == .string("Device Lost") }
            #expect(
                event?["DisplayMessage"]?.string
                    == "Device nvidia/gpu/NVIDIA H100[\(own)] is lost: it has fallen off the bus: NVML error 15: GPU is lost"
            )
            try agent.wait("train", "running", seconds: 30)
            let next = try #require(try agent.allocations("train").first { $0["ClientStatus"] == .string("running") })
            #expect(try given(agent, next)["DeviceIDs"] == .array([.string(own == "GPU-1" ? "GPU-2" : "GPU-1")]))
            #expect(try agent.allocations("share").map { $0["ClientStatus"] } == [.string("running")], "untouched")
            #expect(try agent.drover("node", "status", "-self", "-verbose").output.contains("fallen off the bus"))
        }
    }

    /// A job waits for a device that is ill, and is placed when it has recovered.
    @Test func aRecoveredDeviceIsGivenOut() throws {
        try withGPUs { agent, write in
            let ill = Self.gpus.map { $0.contains("T4") ? $0 + " ecc=1" : $0 }
            try write(ill)
            agent.signal(SIGHUP)
            try eventually("the T4 is ill", details: { agent.log }) {
                try self.node(agent).text.contains("1 uncorrected ECC errors")
            }
            let wish: [(String, JSON)] = [("Name", .string("nvidia/gpu/NVIDIA T4"))]
            try agent.register(Self.job("wait", "exec sleep 300", device: wish))
            try eventually("it waits", details: { agent.describe("wait") }) {
                try agent.http.getJSON("/v1/job/wait/evaluations").array?.contains {
                    $0["Status"] == .string("blocked")
                } == true
            }
            try write(Self.gpus)
            agent.signal(SIGHUP)
            try agent.wait("wait", "running")
        }
    }

    /// The example's device file, in the root of an isolated task and only there.
    @Test(.enabled(if: geteuid() == 0, "needs root")) func isolatedTasksGetDeviceFiles() throws {
        let folder = try TemporaryFolder("board")
        let library = try PluginBuilder.library("SDK/examples/c/device.c")
        try Data(contentsOf: URL(fileURLWithPath: library)).write(to: URL(fileURLWithPath: folder.path + "/board.so"))
        let agent = try AgentProcess(
            configuration: """
                plugin_dir = "\(folder.path)"
                plugin "board" {
                  config {
                    file = "/dev/zero"
                    seen_as = "/dev/board0"
                  }
                }

                """)
        try agent.start()
        try agent.waitUntilReady()
        let line = "echo $BOARD; head -c 3 $BOARD | wc -c; exec sleep 300"
        try agent.register(Self.job("board", line, driver: "exec", device: [("Name", .string("acme/board"))]))
        try agent.wait("board", "running")
        let allocation = try #require(try agent.allocations("board").first)
        try eventually("it has read its device", details: { agent.describe("board") }) {
            try agent.logs(allocation) == "/dev/board0\n3\n"
        }
        try agent.end(["board"])
        #expect(access("/dev/board0", F_OK) != 0)
    }
}
