import Basics
import Glibc
import Linux
import PluginHost
import PluginHostTestSupport
import Testing

/// Whoever was told that a task is not there may start another: the first must not turn up later.
@Suite struct FenceTests {
    /// A launcher is killed right after it has started the shim; here the shim waits for a word before it begins.
    @Test func aLaunchThatARecoveryDidNotFindNeverBegins() async throws {
        let fixture = try ExecutorFixture()
        defer { fixture.close(["t"]) }
        let (gate, slow) = (fixture.folder + "/gate", fixture.folder + "/slow-shim")
        mkfifo(gate, 0o600)
        let script = "#!/bin/sh\nread word < \(gate)\nexec \(Machine.executableFolder)/drover-shim \"$1\"\n"
        try FileDescriptor(path: slow, flags: O_WRONLY | O_CREAT, mode: 0o700).write(Array(script.utf8))
        let launcher = ShimExecutor(ShimExecutor.Configuration(runRoot: fixture.folder + "/run", shim: slow))
        let work = fixture.spec(["/bin/sh", "-c", "echo run > \(fixture.folder)/runs"])

        async let launched = fixture.ask { launcher.launch(task: fixture.task("t"), spec: work, call: $0) }
        #expect(try await eventually { access(fixture.folder + "/run/t/spec", F_OK) == 0 })
        let later = fixture.restarted()
        await #expect(throws: ExecutorError.self) {
            try await fixture.ask { later.recover(task: fixture.task("t"), handle: [], call: $0) }
        }
        try SmallFile.write("go\n", to: gate)
        let answer = try? await launched
        #expect(answer == nil, "the shim finds nothing to run")
        #expect(SmallFile.text(fixture.folder + "/runs") == nil)

        // The next attempt is not in its way.
        try await fixture.launch("t", ["/bin/sh", "-c", "echo run > \(fixture.folder)/runs"])
        _ = try await fixture.wait("t")
        #expect(SmallFile.text(fixture.folder + "/runs") == "run")
    }
}
