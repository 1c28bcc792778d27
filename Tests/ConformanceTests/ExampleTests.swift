import Basics
import CDroverABI
import Glibc
import PluginHost
import PluginHostTestSupport
import Testing

/// The plug-ins of SDK/examples/c do what the SDK's guide says, wherever they run.
@Suite struct ExampleTests {
    /// Ids are unique in the node, where other tests run tasks too.
    private func unique(_ name: String, _ scratch: Scratch) -> String {
        "\(name)-\(scratch.path.split(separator: "-").last ?? "")"
    }

    private func task(_ id: String, _ script: String, in scratch: Scratch) -> TaskSpec {
        _ = system("mkdir -p \(scratch.path)/task/local \(scratch.path)/logs")
        var spec = TaskSpec(id: id)
        spec.name = "web"
        spec.config = .object([("script", .string(script))])
        spec.environment = ["PATH": "/usr/bin:/bin", "GREETING": "hello"]
        spec.directories.allocation = scratch.path
        spec.directories.task = scratch.path + "/task"
        spec.directories.local = scratch.path + "/task/local"
        spec.directories.secrets = scratch.path + "/task/local"
        spec.logs.directory = scratch.path + "/logs"
        spec.logs.stdout = "web.stdout"
        spec.logs.stderr = "web.stderr"
        return spec
    }

    private func text(_ path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        return String(decoding: bytes[..<fread(&bytes, 1, bytes.count, file)], as: UTF8.self)
    }

    @Test(arguments: [PluginIsolation.process, .agent])
    func driverRunsATask(isolation: PluginIsolation) async throws {
        let library = try PluginBuilder.library("SDK/examples/c/driver.c")
        let configure = shim(isolated(isolation, "shell"))
        try await withHost([(library, "shell.so")], configure: configure) { host, scratch in
            let driver = try #require(host.driver(named: "shell"))
            let (t1, t2) = (unique("t1", scratch), unique("t2", scratch))
            #expect(try await driver.fingerprint().attributes == ["driver.shell": "1"])
            let handle = try await driver.start(task(t1, "echo $GREETING; exit 7", in: scratch))
            #expect((handle.pid ?? 0) > 0)
            #expect(try await driver.wait(t1) == TaskExit(code: 7))
            #expect(text(scratch.path + "/logs/web.stdout.0") == "hello\n")
            try await driver.destroy(t1, force: false)

            _ = try await driver.start(task(t2, "sleep 100", in: scratch))
            #expect(try await driver.stats([t2]).map(\.taskID) == [t2])
            try await driver.stop(t2, signal: "SIGTERM", timeout: .seconds(5))
            #expect(try await driver.wait(t2).signal == 15)
            try await driver.destroy(t2, force: true)
            let error = await pluginError { try await driver.wait(t2) }
            #expect(error?.code == .notFound)
        }
    }

    /// The task outlives the plug-in's process, is found again, and its end is told to who waited all the time.
    @Test func tasksOutliveTheDriversProcess() async throws {
        let library = try PluginBuilder.library("SDK/examples/c/driver.c")
        try await withHost([(library, "shell.so")], configure: shim { _ in }) { host, scratch in
            let driver = try #require(host.driver(named: "shell"))
            let t1 = unique("t1", scratch)
            let handle = try await driver.start(
                task(t1, "trap 'exit 9' USR1; while :; do sleep 0.05; done", in: scratch))
            let pid = try #require(handle.pid)
            try await withThrowingTaskGroup(of: TaskExit.self) { group in
                group.addTask { try await driver.wait(t1) }
                for round in 1...3 {
                    try killProcess(host.status[0].pid)
                    try await eventually("restart \(round)") {
                        host.status[0].state == "running" && host.status[0].restarts == round
                    }
                    #expect(kill(pid, 0) == 0)
                }
                try await driver.signal(t1, "SIGUSR1")
                #expect(try await group.next() == TaskExit(code: 9))
            }
            try await driver.destroy(t1, force: true)
        }
    }

    @Test(arguments: [PluginIsolation.process, .agent])
    func schedulerPlacesOnTheRoomiestNode(isolation: PluginIsolation) async throws {
        let library = try PluginBuilder.library("SDK/examples/c/scheduler.c")
        try await withHost([(library, "roomiest.so")], configure: isolated(isolation, "roomiest")) { host, _ in
            let scheduler = try #require(host.scheduler(named: "roomiest"))
            #expect(scheduler.kinds == ["service", "batch"])
            let view = try ViewBuilder.view(nodes: 3, shared: true)
            let batch = ViewBuilder.batch(count: 98, seed: 1)
            let placements = ViewBuilder.placements(
                try scheduler.place(view: view, batch: batch, deadline: Uptime(nanoseconds: .max)))
            // 3 nodes of 8,192 MiB hold 32 instances of 256 MiB each; one group is short by two.
            #expect(placements.count == 96)
            #expect(Dictionary(grouping: placements, by: \.node).mapValues(\.count) == [0: 32, 1: 32, 2: 32])
        }
    }

    @Test(arguments: [PluginIsolation.process, .agent])
    func fingerprinterTellsTheRack(isolation: PluginIsolation) async throws {
        let library = try PluginBuilder.library("SDK/examples/c/fingerprint.c")
        let rack = Scratch("rack")
        let file = try rack.write("rack", Array("r42\n".utf8))
        let configure = isolated(isolation, "rack", config: .object([("file", .string(file))]))
        try await withHost([(library, "rack.so")], configure: configure) { host, _ in
            let fingerprinter = try #require(host.fingerprinters.first)
            let found = try await fingerprinter.probe(KnownMachine())
            #expect(found.attributes == ["site.rack": "r42"])
            #expect(found.period == .seconds(60))
            withExtendedLifetime(rack) {}
        }
    }

    /// A program of the operator's, and what is said when it does not do as it should.
    @Test(
        arguments: [
            (
                "printf 'site.row=7\\nlabel=a \"b\" = c\\n\\nempty=\\n'",
                ["site.row": "7", "label": "a \"b\" = c", "empty": ""], ""
            ),
            ("true", [:], ""), ("echo nonsense", [:], "its line \"nonsense\" is not name=value"),
            ("echo 'a b=1'", [:], "its line \"a b=1\" is not name=value"),
            ("echo a=1; exit 3", [:], "it ended with exit code 3"),
            ("kill -9 $$", [:], "it ended with signal 9"), ("sleep 100", [:], "it wrote for longer than its timeout"),
            ("yes a=1", [:], "it writes more than 64 KiB"),
        ] as [(String, [String: String], String)])
    func scriptsTellAttributes(body: String, attributes: [String: String], problem: String) async throws {
        let library = try PluginBuilder.library("SDK/examples/c/script.c")
        let folder = Scratch("script")
        let file = try folder.write("attributes", Array("#!/bin/sh\n\(body)\n".utf8))
        chmod(file, 0o755)
        let timeout: Int64 = problem.contains("timeout") ? 200_000_000 : 8_000_000_000
        let configure = isolated(
            .process, "script",
            config: .object([
                ("command", .string(file)), ("period", .string("7s")), ("timeout", .integer(timeout)),
            ]))
        try await withHost([(library, "script.so")], configure: configure) { host, _ in
            let fingerprinter = try #require(host.fingerprinters.first)
            if problem.isEmpty {
                let found = try await fingerprinter.probe(KnownMachine())
                #expect(found.attributes == attributes)
                #expect(found.period == .seconds(7))
            } else {
                let error = await pluginError { try await fingerprinter.probe(KnownMachine()) }
                #expect(error?.message.hasSuffix("attributes: " + problem) == true, "\(error?.message ?? "")")
            }
            withExtendedLifetime(folder) {}
        }
    }

    @Test(arguments: [PluginIsolation.process, .agent])
    func deviceProviderGivesItsFile(isolation: PluginIsolation) async throws {
        let library = try PluginBuilder.library("SDK/examples/c/device.c")
        let folder = Scratch("board")
        let file = try folder.write("tty", [])
        let config = JSON.object([("file", .string(file))])
        try await withHost([(library, "board.so")], configure: isolated(isolation, "board", config: config)) {
            host, _ in
            let provider = try #require(host.deviceProviders.first)
            let found = try await provider.probe()
            let group = try #require(found.groups.first)
            #expect([group.vendor, group.type, group.model] == ["acme", "board", "one"])
            #expect(group.attributes == ["pins": .integer(40)])
            #expect(group.instances.map(\.isHealthy) == [true] && found.period == .seconds(10))
            let request = JSON.object([("instances", .array([.object([("id", .string("board-0"))])]))])
            let reservation = try await provider.reserve(request)
            #expect(reservation.environment == ["BOARD": "/dev/board"])
            #expect(reservation.json["devices"]?.array?.first?["host_path"] == .string(file))
            #expect(try await provider.stats()["groups"]?.array?.count == 1)
            unlink(file)
            let ill = try #require(try await provider.probe().groups.first?.instances.first)
            #expect(!ill.isHealthy && ill.healthMessage == "its device file is gone")
            #expect(await pluginError { try await provider.reserve(request) }?.code == .retry)
            withExtendedLifetime(folder) {}
        }
    }

    /// Lets plug-ins find the shim beside the host program.
    private func shim(
        _ configure: @escaping (inout PluginHostConfiguration) -> Void
    ) -> (inout PluginHostConfiguration) -> Void {
        { configuration in
            configure(&configuration)
            configuration.shim = PluginBuilder.hostProgram + "-shim"
        }
    }
}
