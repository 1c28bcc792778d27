import Basics
import Glibc
import Linux
import PluginHost
import PluginHostTestSupport
import Testing

import class TestSupport.DockerEngine

/// How containers start, are told of, found again and ended: on a real dockerd.
@Suite(
    "docker: life", .serialized, .enabled(if: DockerEngine.isHere, "\(DockerEngine.reason)"),
    .enabled(if: DockerFixture.library != nil, "needs libdrover-driver-docker.so beside the tests"))
struct LifeTests {
    @Test(arguments: [PluginIsolation.process, .agent])
    func batchTaskSeesItsFoldersAndTellsItsEnd(isolation: PluginIsolation) async throws {
        try await DockerFixture.run(isolation) { fixture in
            let script = """
                echo to $NOMAD_TASK_DIR; echo wrong >&2; touch /alloc/a /local/l /secrets/s; pwd; id -u; exit 7
                """
            var spec = fixture.task("t", script, [("work_dir", .string("/tmp"))])
            spec.user = "1234"
            _ = system("chmod 777 \(fixture.scratch.path)/alloc \(fixture.scratch.path)/task/*")
            let exit = try await fixture.run(spec)
            #expect(exit == TaskExit(code: 7))
            #expect(fixture.log() == "to /local\n/tmp\n1234\n")
            #expect(fixture.log("stderr") == "wrong\n")
            for file in ["alloc/a", "task/local/l", "task/secrets/s"] {
                #expect(access("\(fixture.scratch.path)/\(file)", F_OK) == 0, "\(file)")
            }
        }
    }

    @Test func fingerprintTellsTheEngine() async throws {
        try await DockerFixture.run(config: [("allow_privileged", .bool(true)), ("pids_limit", .integer(9))]) {
            fixture in
            let found = try await fixture.driver.fingerprint()
            #expect(found.attributes["driver.docker"] == "1")
            #expect(
                found.attributes["driver.docker.version"]
                    == fixture.engine.lines("version -f '{{.Server.Version}}'").first)
            #expect(found.attributes["driver.docker.os_type"] == "linux")
            #expect(found.attributes["driver.docker.runtimes"]?.contains("runc") == true)
            #expect(found.attributes["driver.docker.privileged.enabled"] == "true")
            #expect(found.attributes["driver.docker.volumes.enabled"] == nil)
            #expect(found.attributes["driver.docker.pids.limit"] == "9")
        }
    }

    @Test func networksOfGroups() async throws {
        try await DockerFixture.run(config: [("infra_image", .string("pause:1"))]) { fixture in
            let unique = fixture.scratch.path.split(separator: "-").last.map(String.init) ?? ""
            try await NetworkConformance(fixture.driver, unique: unique).check {
                let pid = fixture.hostPID
                try killProcess(pid)
                try await eventually("it is back") { ![pid, 0].contains(fixture.hostPID) }
            }
        }
    }

    @Test func startIsIdempotentAndTakesTheNameOfAnEarlierAttempt() async throws {
        try await DockerFixture.run { fixture in
            let first = fixture.task("t-1", "echo ready; sleep 1000")
            let handle = try await fixture.driver.start(first)
            #expect(try await fixture.driver.start(first) == handle)
            #expect(fixture.engine.containers.count == 1)
            // The next attempt of the task: the host knows that the first is over, whatever the engine has.
            let second = try await fixture.driver.start(fixture.task("t-2", "sleep 1000"))
            #expect(second != handle)
            #expect(fixture.engine.containers.count == 1)
            #expect(try await fixture.driver.wait("t-1").error != nil)
            for id in ["t-1", "t-2"] { try await fixture.driver.destroy(id, force: true) }
        }
    }

    /// The engine keeps no output that could be copied: the task lives all the same.
    @Test func withoutLogsOfTheEngineNothingIsCopied() async throws {
        try await DockerFixture.run { fixture in
            let none = JSON.object([("type", .string("none"))])
            let exit = try await fixture.run(fixture.task("t", "echo x; exit 3", [("logging", none)]))
            #expect(exit == TaskExit(code: 3) && fixture.log() == "")
        }
    }

    @Test func aStrangersContainerOfTheSameNameIsLeftAlone() async throws {
        try await DockerFixture.run(config: [("container_exists_attempts", .integer(1))]) { fixture in
            let spec = fixture.task("t", "true")
            let name = "web-\(spec.allocationID)"
            #expect(fixture.engine.docker("run -d --network none --name \(name) box:1 /bin/sleep 1000") == 0)
            let error = await pluginError { try await fixture.driver.start(spec) }
            #expect(error?.code == .exists)
            #expect(error?.message.contains(name) == true)
            #expect(fixture.engine.containers.count == 1)
            fixture.engine.docker("rm -f \(name)")
        }
    }

    @Test(arguments: [
        ("trap 'exit 4' INT; echo ready; while :; do sleep 0.05; done", "SIGINT", 60_000, TaskExit(code: 4)),
        // Without a name it is the image's, and SIGTERM where that names none.
        ("trap 'exit 4' TERM; echo ready; while :; do sleep 0.05; done", "", 60_000, TaskExit(code: 4)),
        ("trap '' TERM; echo ready; while :; do sleep 0.05; done", "", 50, TaskExit(code: 137)),
    ])
    func stopSendsTheSignalAndThenKills(script: String, signal: String, milliseconds: Int, exit: TaskExit) async throws
    {
        try await DockerFixture.run { fixture in
            let spec = fixture.task("t", script)
            _ = try await fixture.driver.start(spec)
            try await fixture.says("ready")
            let wrong = await pluginError { try await fixture.driver.stop("t", signal: "SIGNOPE", timeout: .zero) }
            #expect(wrong?.code == .invalid, "and it is not killed for that")
            try await fixture.driver.stop("t", signal: signal, timeout: .milliseconds(milliseconds))
            #expect(try await fixture.driver.wait("t") == exit)
            try await fixture.driver.stop("t", signal: "", timeout: .zero)
            let late = await pluginError { try await fixture.driver.signal("t", "SIGHUP") }
            #expect(late?.code == .state)
            try await fixture.driver.destroy("t", force: false)
            #expect(await pluginError { try await fixture.driver.wait("t") }?.code == .notFound)
        }
    }

    @Test func signalsReachTheMainProcess() async throws {
        try await DockerFixture.run { fixture in
            let spec = fixture.task("t", "trap 'echo hup; exit 0' HUP; echo ready; while :; do sleep 0.05; done")
            _ = try await fixture.driver.start(spec)
            try await fixture.says("ready")
            let wrong = await pluginError { try await fixture.driver.signal("t", "SIGNOPE") }
            #expect(wrong?.code == .invalid)
            let busy = await pluginError { try await fixture.driver.destroy("t", force: false) }
            #expect(busy?.code == .state, "\(busy?.message ?? "")")
            try await fixture.driver.signal("t", "SIGHUP")
            #expect(try await fixture.driver.wait("t") == TaskExit(code: 0))
            #expect(fixture.log().hasSuffix("hup\n"))
            try await fixture.driver.destroy("t", force: false)
        }
    }

    /// The engine does not tell one from the other.
    @Test(arguments: ["exit 137", "kill -KILL $$; exit 3"])
    func aCodeOfItsOwnIsNotTakenForASignal(script: String) async throws {
        try await DockerFixture.run { fixture in
            let exit = try await fixture.run(fixture.task("t", "sh -c '\(script)'; exit $?"))
            #expect(exit == TaskExit(code: 137))
        }
    }

    @Test func overUseOfMemoryIsReportedAsSuch() async throws {
        try await DockerFixture.run { fixture in
            var spec = fixture.task("t", "x=a; while :; do x=$x$x; done")
            spec.resources.memoryBytes = 16 << 20
            let exit = try await fixture.run(spec)
            #expect(exit == TaskExit(code: 137, oomKilled: true), "\(exit)")
        }
    }

    @Test func aKilledHostFindsItsTaskAgainAndCopiesNothingTwice() async throws {
        try await DockerFixture.run { fixture in
            let script =
                "n=0; while [ $n -lt 400 ]; do n=$((n+1)); echo line $n; [ $((n % 20)) = 0 ] && sleep 0.1; done; exit 5"
            let spec = fixture.task("t", script)
            let handle = try await fixture.driver.start(spec)
            for mark in ["line 50\n", "line 200\n"] {
                try await fixture.says(mark)
                let pid = fixture.hostPID
                try killProcess(pid)
                try await eventually("another host") { fixture.hostPID > 0 && fixture.hostPID != pid }
            }
            #expect(try await fixture.driver.recover(spec, handle: handle) == handle)
            #expect(try await fixture.driver.wait("t") == TaskExit(code: 5))
            #expect(fixture.log() == (1...400).map { "line \($0)\n" }.joined())
            #expect(fixture.engine.containers.count == 1)
            try await fixture.driver.destroy("t", force: false)
        }
    }

    @Test func aTaskIsFoundWithoutItsHandle() async throws {
        try await DockerFixture.run { fixture in
            let spec = fixture.task("t", "echo ready; sleep 1000")
            let handle = try await fixture.driver.start(spec)
            let pid = fixture.hostPID
            try killProcess(pid)
            try await eventually("another host") { fixture.hostPID > 0 && fixture.hostPID != pid }
            #expect(try await fixture.driver.recover(spec, handle: nil) == handle)
            let unknown = await pluginError { try await fixture.driver.recover(fixture.task("u", ""), handle: nil) }
            #expect(unknown?.code == .notFound)
            try await fixture.driver.destroy("t", force: true)
        }
    }

    /// A host that knows of a task's end, and was killed before it had the driver forget it, does not ask for it again.
    @Test func aTaskIsForgottenThatNobodyHasFoundAgain() async throws {
        try await DockerFixture.run { fixture in
            _ = try await fixture.driver.start(fixture.task("t", "sleep 1000"))
            let pid = fixture.hostPID
            try killProcess(pid)
            try await eventually("another host") { fixture.hostPID > 0 && fixture.hostPID != pid }
            let busy = await pluginError { try await fixture.driver.destroy("t", force: false) }
            #expect(busy?.code == .state)
            try await fixture.driver.destroy("t", force: true)
            #expect(fixture.engine.containers.isEmpty)
            try await fixture.driver.destroy("t", force: true)
        }
    }
}
