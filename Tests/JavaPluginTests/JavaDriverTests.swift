import DroverSDK
import Glibc
import PluginHostTestSupport
import PluginSupport
import PluginTestSupport
import Testing

@testable import JavaPlugin
@testable import TaskIsolation

/// What the driver asks of the executor, what it refuses, and what it finds out about the machine.
@Suite("java: specification")
struct JavaDriverTests {
    private static let allThere = IsolationRequirements(
        uid: 0, capabilities: CapabilitySet(mask: .max), kernel: "6.1.0", namespaces: ["pid", "mnt", "ipc", "uts"],
        mounts: "", unifiedControllers: "cpu memory pids cpuset", hasSeccomp: true)

    /// A folder with a program `java` that does what `script` says; gone with the value.
    private final class FakeJava {
        let folder: String
        let program: String

        init(_ script: String) throws {
            folder = "/tmp/drover-java-\(getpid())-\(UInt32.random(in: 0 ... .max))"
            program = folder + "/java"
            mkdir(folder, 0o755)
            #expect(SmallFile.append(Array("#!/bin/sh\n\(script)\n".utf8), to: program) == 0)
            chmod(program, 0o755)
        }

        func replace(_ script: String) {
            unlink(program)
            #expect(SmallFile.append(Array("#!/bin/sh\n\(script)\n".utf8), to: program) == 0)
            chmod(program, 0o755)
        }

        deinit {
            unlink(program)
            rmdir(folder)
        }

        func driver(
            _ host: Host, settings: JSON? = nil, requirements: IsolationRequirements = allThere
        ) throws
            -> JavaDriver
        {
            let usual: JSON = ["chroot_env": [folder: .string(folder)]]
            let folder = folder
            return JavaDriver(
                host: host, settings: try IsolationSettings(settings ?? usual),
                requirements: { requirements }, search: { folder })
        }
    }

    private static let says17 = """
        echo 'Picked up _JAVA_OPTIONS: -Dx="9.9"' >&2
        echo 'openjdk version "17.0.15" 2025-04-15' >&2
        echo 'OpenJDK Runtime Environment (build 17.0.15+6)' >&2
        echo 'OpenJDK 64-Bit Server VM (build 17.0.15+6, mixed mode)' >&2
        """

    private func task(_ config: String) throws -> TaskDocument {
        try TaskDocument(
            """
            {"id":"a1/web#0","config":\(config),"env":{"PATH":"/bin"},"resources":{"cpu_mhz":500},
             "dirs":{"alloc":"/a","local":"/l","secrets":"/s"}}
            """)
    }

    @Test func runsTheMachinesJavaIsolated() throws {
        let java = try FakeJava("exit 0")
        try FakeHost.run { fake, host in
            let outcome = Outcome()
            let config = "{\"jar_path\":\"local/app.jar\",\"pid_mode\":\"host\",\"cap_add\":[\"chown\"]}"
            try java.driver(host).start(task(config), call: outcome.call)
            #expect(outcome.json?["handle"]?["pid"]?.integer == 7)
            let spec = try #require(fake.launches.first)
            #expect(spec["argv"]?.strings == [java.program, "-jar", "local/app.jar"])
            #expect(spec["user"] == "nobody" && spec["cwd"] == "/")
            let isolation = try #require(spec["isolation"])
            #expect(isolation["root"] == "tmpfs" && isolation["seccomp"] == "default" && isolation["ipc"] == true)
            #expect(isolation["pid"] == false && isolation["caps"] == ["chown"])
        }
    }

    static let lines: [(String, [String])] = [
        ("{\"class\":\"Main\"}", ["Main"]),
        ("{\"jar_path\":\"a.jar\",\"args\":[\"x y\",\"-z\"]}", ["-jar", "a.jar", "x y", "-z"]),
        (
            "{\"class\":\"Main\",\"class_path\":\"local:alloc/lib/*\",\"jvm_options\":[\"-Xmx64m\",\"-ea\"],\"args\":[\"1\"]}",
            ["-Xmx64m", "-ea", "-cp", "local:alloc/lib/*", "Main", "1"]
        ),
        (
            "{\"jar_path\":\"a.jar\",\"class_path\":\"lib\",\"jvm_options\":[\"-Xss1m\"]}",
            ["-Xss1m", "-cp", "lib", "-jar", "a.jar"]
        ),
    ]

    @Test(arguments: lines)
    func theCommandLine(config: String, expected: [String]) throws {
        #expect(try JavaDriver.arguments(JSON(parsing: config)) == expected)
    }

    @Test(arguments: [
        ("{}", "{}", "\"jar_path\": one of them is required", PluginError.Code.invalid),
        ("{\"class\":\"A\",\"jar_path\":\"a.jar\"}", "{}", "only one of them", .invalid),
        ("{\"class\":\"A\",\"jvm_options\":\"-ea\"}", "{}", "\"jvm_options\"", .invalid),
        ("{\"class\":\"A\",\"work_dir\":\"rel\"}", "{}", "\"work_dir\"", .invalid),
        ("{\"class\":\"A\",\"ipc_mode\":\"x\"}", "{}", "\"ipc_mode\"", .invalid),
        ("{\"class\":\"A\",\"cap_add\":[\"sys_admin\"]}", "{}", "sys_admin", .denied),
        ("{\"class\":\"A\"}", "{\"denied_host_uids\":\"65534\"}", "denied_host_uids", .denied),
        ("{\"class\":\"A\"}", "{\"default_pid_mode\":\"x\"}", "\"default_pid_mode\"", .invalid),
    ])
    func refusesWithTheKey(config: String, settings: String, word: String, code: PluginError.Code) throws {
        let java = try FakeJava("exit 0")
        FakeHost.run { fake, host in
            let error = #expect(throws: PluginError.self) {
                var settings = try JSON(parsing: settings).object ?? [:]
                settings["chroot_env"] = [java.folder: .string(java.folder)]
                try java.driver(host, settings: .object(settings)).start(task(config), call: Outcome().call)
            }
            #expect(error?.code == code)
            #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
            #expect(fake.launches.isEmpty)
        }
    }

    @Test func aRuntimeThatTasksDoNotSeeIsNoRuntime() throws {
        let java = try FakeJava("exit 0")
        try FakeHost.run { fake, host in
            let driver = try java.driver(host, settings: ["chroot_env": ["/usr": "/usr", java.folder: "/elsewhere"]])
            #expect(driver.fingerprint().health == .undetected)
            #expect(driver.fingerprint().message.contains("add its folder to chroot_env"))
            let error = #expect(throws: PluginError.self) {
                try driver.start(task("{\"class\":\"A\"}"), call: Outcome().call)
            }
            #expect(error?.code == .notFound)
            unlink(java.program)
            #expect(driver.fingerprint().message.contains("no \"java\" in the agent's PATH (\(java.folder))"))
            #expect(fake.launches.isEmpty)
        }
    }

    /// The fingerprint once the runtime has answered: it does so in a thread of its own.
    private func settled(_ driver: JavaDriver, until health: DriverFingerprint.Health = .healthy) -> DriverFingerprint {
        for _ in 0..<3_000 where driver.fingerprint().health != health { poll(nil, 0, 5) }
        return driver.fingerprint()
    }

    @Test func theFingerprintTellsTheRuntime() throws {
        let java = try FakeJava("sleep 0.2; " + Self.says17)
        try FakeHost.run { _, host in
            let driver = try java.driver(host)
            #expect(driver.fingerprint().health == .undetected)
            #expect(driver.fingerprint().message == "\(java.program) has yet to tell its version")
            let found = settled(driver)
            #expect(found.health == .healthy)
            #expect(
                found.attributes == [
                    "driver.java": "1", "driver.java.version": "17.0.15",
                    "driver.java.runtime": "OpenJDK Runtime Environment (build 17.0.15+6)",
                    "driver.java.vm": "OpenJDK 64-Bit Server VM (build 17.0.15+6, mixed mode)",
                ])
        }
    }

    @Test func aReplacedRuntimeIsAskedAgainAndNoOther() throws {
        let java = try FakeJava("echo x >> $0.asked; " + Self.says17)
        defer { unlink(java.program + ".asked") }
        try FakeHost.run { _, host in
            let driver = try java.driver(host)
            #expect(settled(driver).attributes["driver.java.version"] == "17.0.15")
            for _ in 0..<10 { _ = driver.fingerprint() }
            #expect(SmallFile.read(java.program + ".asked") == "x\n")
            java.replace(Self.says17.replacing("17.0.15\"", with: "21\""))
            #expect(driver.fingerprint().health == .undetected)
            #expect(settled(driver).attributes["driver.java.version"] == "21")
        }
    }

    @Test func theNextInstanceKnowsAtOnce() throws {
        let java = try FakeJava(Self.says17)
        try FakeHost.run { _, host in
            let answer = RememberedAnswer(host: host, key: "version", ask: JavaRuntime.ask)
            let output = try answer.waiting(java.program)
            #expect(output.contains("17.0.15"))
            #expect(try java.driver(host).fingerprint().attributes["driver.java.version"] == "17.0.15")
        }
    }

    @Test(arguments: [
        ("echo nothing; exit 0", "tells no version: nothing"), ("echo broken; exit 3", "ended with 3: broken"),
    ])
    func aRuntimeThatDoesNotAnswerIsUnhealthy(script: String, word: String) throws {
        let java = try FakeJava(script)
        try FakeHost.run { _, host in
            let driver = try java.driver(host)
            let found = settled(driver, until: .unhealthy)
            #expect(found.health == .unhealthy && found.attributes.isEmpty)
            #expect(found.message.contains(word), "\(found.message)")
        }
    }

    @Test func whatIsolationLacksIsNamed() throws {
        let java = try FakeJava(Self.says17)
        var machine = Self.allThere
        machine.uid = 1_000
        try FakeHost.run { _, host in
            let found = try java.driver(host, requirements: machine).fingerprint()
            #expect(found.health == .undetected && found.message.contains("uid 1000"))
        }
    }

    @Test(arguments: [
        ("java version \"1.8.0_412\"\nJava(TM) SE Runtime Environment\nJava HotSpot(TM) 64-Bit Server VM", "1.8.0_412"),
        ("openjdk version \"21-ea\" 2023-09-19\nr\nm\n", "21"),
        ("openjdk version 21\nr\nm", nil), ("openjdk version \"21\"\nr", nil), ("", nil), ("a \"x\"\nb\nc", nil),
    ])
    func versions(output: String, version: String?) {
        #expect(JavaRuntime(output)?.version == version)
    }

    @Test func runsAreBoundedAndWhole() async throws {
        #expect(
            ProgramRun.of(["/bin/sh", "-c", "echo a; echo b >&2; exit 3"], millisecondsMax: 60_000)
                == .ended(code: 3, output: "a\nb\n"))
        #expect(
            ProgramRun.of(["/bin/sh", "-c", "kill -9 $$"], millisecondsMax: 60_000) == .ended(code: 137, output: ""))
        let marker = "7\(UInt32.random(in: 10_000_000...99_999_999))"
        #expect(
            ProgramRun.of(["/bin/sh", "-c", "sleep \(marker) & sleep \(marker)"], millisecondsMax: 200) == .tookTooLong)
        #expect(
            ProgramRun.of(["/bin/sh", "-c", "exec >&- 2>&-; sleep \(marker)"], millisecondsMax: 200) == .tookTooLong)
        guard case .notStarted = ProgramRun.of(["/no/such/program"], millisecondsMax: 1_000) else {
            Issue.record("a program that does not exist was started")
            return
        }
        let words = "sleep\0\(marker)\0"
        // A process that was killed is there until it has run to its end.
        let haveGone = try await eventually {
            !SmallFile.names(in: "/proc").contains { SmallFile.read("/proc/\($0)/cmdline") == words }
        }
        #expect(haveGone)
    }
}
