import DroverSDK
import PluginSupport
import PluginTestSupport
import Testing

@testable import RawExecPlugin

@Suite("raw_exec")
struct RawExecDriverTests {
    private func task(_ config: String, user: String = "") throws -> TaskDocument {
        try TaskDocument(
            """
            {"id":"a1/web#0","user":"\(user)","config":\(config),
             "env":{"PATH":"/bin","AWS_SECRET":"s","AWS_KEY":"k","HOME":"/root"}}
            """)
    }

    private func driver(_ host: Host, _ config: String = "{\"enabled\":true}") throws -> any Driver {
        try #require(try RawExecPlugin(host: host, config: JSON(parsing: config)).driver)
    }

    @Test func launchesTheCommandWithItsArgumentsAndNoLimits() throws {
        try FakeHost.run { fake, host in
            let outcome = Outcome()
            try driver(host).start(
                task("{\"command\":\"/bin/echo\",\"args\":[\"a b\",\"\\\"c\\\"\"]}"), call: outcome.call)
            #expect(outcome.json?["handle"]?["pid"]?.integer == 7, "the executor's answer is the driver's")
            let spec = try #require(fake.launches.first)
            #expect(spec["argv"]?.strings == ["/bin/echo", "a b", "\"c\""])
            #expect(spec["limits"] == ["enforce": false])
            #expect(spec["env"]?["AWS_KEY"]?.string == "k")
            #expect(spec["cwd"] == nil && spec["cgroup"] == nil && spec["isolation"] == nil)
        }
    }

    static let keys: [(String, String, JSON)] = [
        ("{\"work_dir\":\"/srv\"}", "cwd", "/srv"),
        ("{\"oom_score_adj\":500}", "limits", ["enforce": false, "oom_score_adj": 500]),
        ("{\"cgroup_v2_override\":\"a.slice\"}", "cgroup", ["v2_override": "a.slice"]),
        ("{\"cgroup_v1_override\":[{\"pids\":\"x\"}]}", "cgroup", ["v1_override": [["pids": "x"]]]),
        ("{\"denied_envvars\":[\"AWS_*\",\"HOME\"]}", "env", ["PATH": "/bin"]),
    ]

    @Test(arguments: keys)
    func keysReachTheSpecification(extra: String, member: String, expected: JSON) throws {
        try FakeHost.run { fake, host in
            let config = "{\"command\":\"x\"," + extra.dropFirst()
            try driver(host).start(task(config), call: Outcome().call)
            #expect(fake.launches.first?[member] == expected)
        }
    }

    @Test(arguments: [
        ("{}", "command"), ("{\"command\":\"\"}", "command"), ("{\"command\":5}", "command"),
        ("{\"command\":\"x\",\"args\":\"y\"}", "args"), ("{\"command\":\"x\",\"work_dir\":\"rel\"}", "work_dir"),
        ("{\"command\":\"x\",\"oom_score_adj\":-1}", "oom_score_adj"),
        ("{\"command\":\"x\",\"cgroup_v1_override\":[3]}", "cgroup_v1_override"),
        ("{\"command\":\"x\",\"cgroup_v1_override\":[],\"cgroup_v2_override\":\"a\"}", "cgroup_v2_override"),
    ])
    func aWrongConfigurationNamesTheKeyAndLaunchesNothing(config: String, key: String) throws {
        FakeHost.run { fake, host in
            let error = #expect(throws: PluginError.self) { try driver(host).start(task(config), call: Outcome().call) }
            #expect(error?.code == .invalid)
            #expect(error?.message.contains("\"\(key)\"") == true)
            #expect(fake.launches.isEmpty)
        }
    }

    @Test(arguments: [
        ("{\"enabled\":true,\"denied_host_uids\":\"0\"}", "root", PluginError.Code.denied),
        ("{\"enabled\":true,\"denied_host_uids\":\"1-10,0-0\"}", "0", .denied),
        ("{\"enabled\":true,\"denied_host_gids\":\"0\"}", "root", .denied),
        ("{\"enabled\":true}", "no-such-user-here", .notFound),
        ("{\"enabled\":false}", "", .denied), ("{}", "", .denied),
    ])
    func usersAreRefused(settings: String, user: String, code: PluginError.Code) throws {
        try FakeHost.run { fake, host in
            let task = try task("{\"command\":\"x\"}", user: user)
            let error = #expect(throws: PluginError.self) {
                try driver(host, settings).start(task, call: Outcome().call)
            }
            #expect(error?.code == code)
            #expect(fake.launches.isEmpty)
        }
    }

    @Test(arguments: ["abc", "5-1", "-", "1-2-3", "4294967296"])
    func wrongRangesAreRefusedWithTheirKey(ranges: String) {
        let error = #expect(throws: PluginError.self) { try IDRanges(ranges, key: "denied_host_uids") }
        #expect(error?.message.contains("denied_host_uids") == true)
    }

    @Test func joinsTheGroupsNetwork() throws {
        try FakeHost.run { fake, host in
            let document = "{\"id\":\"t\",\"config\":{\"command\":\"x\"},\"network\":{\"path\":\"/run/netns/x\"}}"
            let driver = try driver(host)
            #expect(driver.capabilities.networkIsolation == ["host", "group"])
            try driver.start(TaskDocument(document), call: Outcome().call)
            let spec = try #require(fake.launches.first)
            #expect(spec["isolation"] == ["net_path": "/run/netns/x"])
        }
    }

    @Test func isOffUnlessEnabled() throws {
        try FakeHost.run { _, host in
            #expect(try driver(host, "{}").fingerprint().health == .undetected)
            let enabled = try driver(host).fingerprint()
            #expect(enabled.health == .healthy)
            #expect(enabled.attributes == ["driver.raw_exec": "1"])
        }
    }

    @Test func theRestOfATasksLifeIsTheExecutors() throws {
        try FakeHost.run { fake, host in
            let driver = try driver(host)
            let (recovered, waited, stopped) = (Outcome(), Outcome(), Outcome())
            try driver.recover(task("{}"), handle: ["pid": 7], call: recovered.call)
            try driver.wait(id: "t", call: waited.call)
            try driver.stop(id: "t", signal: "SIGINT", timeoutNanoseconds: 5, call: stopped.call)
            try driver.destroy(id: "t", force: true)
            #expect(throws: PluginError(.state, "task has ended")) { try driver.signal(id: "t", name: "SIGHUP") }
            #expect(waited.json?["exit_code"]?.integer == 3)
            let calls = ["recover {\"pid\":7}", "wait t", "stop t SIGINT 5", "destroy t 1", "signal t SIGHUP"]
            #expect(fake.executorCalls == calls)
        }
    }

    @Test(arguments: [
        ("AWS_*", "AWS_KEY", true), ("AWS_*", "XAWS_KEY", false), ("*", "", true), ("a*b*c", "a-b-b-c", true),
        ("a*b", "abc", false), ("", "x", false),
    ])
    func patterns(pattern: String, name: String, matches: Bool) {
        #expect(NamePattern(pattern).matches(name) == matches)
    }
}
