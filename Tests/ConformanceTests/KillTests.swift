import Basics
import Glibc
import Linux
import PluginHost
import PluginHostTestSupport
import Testing

/// `kill -9` of a driver's process at any moment: a start that succeeded runs exactly once, one that failed leaves nothing.
@Suite struct KillTests {
    /// Processes whose environment has `marker`.
    private func processes(_ marker: String) -> [String] {
        Folder.names("/proc").filter { name in
            guard name.first?.isNumber == true, let bytes = try? SmallFile.read("/proc/\(name)/environ") else {
                return false
            }
            return bytes.split(separator: 0).contains { $0.elementsEqual(marker.utf8) }
        }
    }

    @Test func startsSurviveOrFailWhole() async throws {
        let library = try PluginBuilder.library("SDK/examples/c/driver.c")
        let configure: (inout PluginHostConfiguration) -> Void = { configuration in
            // Crashes this often would otherwise be answered with delays of seconds.
            configuration.restartDelayMax = .milliseconds(20)
            configuration.shim = PluginBuilder.hostProgram + "-shim"
        }
        try await withHost([(library, "shell.so")], configure: configure) { host, scratch in
            let driver = try #require(host.driver(named: "shell"))
            let unique = scratch.path.split(separator: "-").last ?? ""
            _ = system("mkdir -p \(scratch.path)/task \(scratch.path)/logs")
            var random = SeededGenerator(seed: 42)
            var started = 0
            for round in 0..<25 {
                var spec = TaskSpec(id: "kill\(round)-\(unique)")
                spec.config = .object([("script", .string("exec sleep 600"))])
                spec.environment = ["PATH": "/usr/bin:/bin", "MARK": spec.id]
                spec.directories.task = scratch.path + "/task"
                spec.logs.directory = scratch.path + "/logs"
                spec.logs.stdout = "o"
                spec.logs.stderr = "e"
                let task = spec
                async let result = driver.start(task)
                try await Task.sleep(for: .microseconds(Int.random(in: 0...8_000, using: &random)))
                if let pid = host.status.first?.pid, pid > 0 { kill(pid, SIGKILL) }
                do {
                    let handle = try await result
                    started += 1
                    try await eventually("one process of \(task.id)") { processes("MARK=\(task.id)").count == 1 }
                    #expect(processes("MARK=\(task.id)") == ["\(handle.pid ?? 0)"])
                    // The kill may arrive only now: a stop that dies with its host is asked again.
                    try await eventually("\(task.id) is stopped") {
                        do {
                            try await driver.stop(task.id, signal: "SIGKILL", timeout: .zero)
                            return true
                        } catch let error as PluginError where [.crashed, .unavailable].contains(error.code) {
                            return false
                        }
                    }
                } catch let error as PluginError {
                    #expect([.crashed, .unavailable].contains(error.code), "\(error)")
                }
                try await eventually("nothing left of \(task.id)") { processes("MARK=\(task.id)").isEmpty }
                try? await driver.destroy(task.id, force: true)
            }
            #expect(started > 0)
        }
    }
}
