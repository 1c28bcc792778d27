import DroverSDK
import Glibc
import PluginSupport
import PluginTestSupport
import Testing

@testable import ExecPlugin
@testable import TaskIsolation

/// What the driver asks of the executor, and what it refuses.
@Suite("exec: specification")
struct ExecDriverTests {
    /// A task whose folders lie below `/tmp/drover-exec-none`, of which none is used.
    private func task(_ config: String, user: String = "nobody", more: String = "") throws -> TaskDocument {
        let folder = "/tmp"
        return try TaskDocument(
            """
            {"id":"a1/web#0","user":"\(user)","config":\(config),"env":{"PATH":"/bin"},"resources":{"cpu_mhz":500},
             "dirs":{"alloc":"/a","local":"/l","secrets":"/s","task":"\(folder)/"}\(more)}
            """)
    }

    private func specification(
        _ config: String, user: String = "nobody", settings: String = "{}", more: String = ""
    ) throws -> JSON {
        try FakeHost.run { fake, host in
            let driver = try #require(try ExecPlugin(host: host, config: JSON(parsing: settings)).driver)
            try driver.start(task(config, user: user, more: more), call: Outcome().call)
            return try #require(fake.launches.first)
        }
    }

    private func binds(_ specification: JSON) -> [String: String] {
        var binds: [String: String] = [:]
        for bind in specification["isolation"]?["binds"]?.array ?? [] {
            let mode = bind["read_only"] == true ? "ro" : "rw"
            binds[bind["target"]?.string ?? ""] = "\(mode) \(bind["source"]?.string ?? "")"
        }
        return binds
    }

    @Test func isolatesByDefault() throws {
        let spec = try specification("{\"command\":\"x\",\"args\":[\"a b\"]}", user: "")
        #expect(spec["argv"]?.strings == ["x", "a b"])
        #expect(spec["user"] == "nobody")
        #expect(spec["cwd"] == "/")
        let isolation = try #require(spec["isolation"])
        for key in ["pid", "mount", "ipc", "uts", "no_new_privs"] { #expect(isolation[key] == true, "\(key)") }
        #expect(isolation["root"] == "tmpfs" && isolation["seccomp"] == "default")
        #expect(isolation["caps"] == [] && isolation["no_pivot_root"] == false && isolation["net_path"] == nil)
        let binds = binds(spec)
        #expect(binds["/usr"] == "ro /usr" && binds["/etc"] == "ro /etc" && binds["/root"] == nil)
        #expect(binds["/alloc"] == "rw /a" && binds["/local"] == "rw /l" && binds["/secrets"] == "rw /s")
        #expect(binds["/tmp"] == "rw /tmp//tmp")
        rmdir("/tmp//tmp")
    }

    @Test func volumesAndDevicesAreMounted() throws {
        let more = """
            ,"mounts":[{"source":"/srv","target":"data","read_only":true}],"network":{"mode":"group","path":"/run/netns/x","hostname":"inside"},
             "devices":[{"reservation":{"env":{"GPU":"7"},"mounts":[{"source":"/lib/x","target":"/lib/x"}],
               "devices":[{"host_path":"/dev/gpu0","task_path":"","permissions":"r"}]}}]
            """
        let spec = try specification("{\"command\":\"x\"}", more: more)
        let binds = binds(spec)
        #expect(binds["/data"] == "ro /srv" && binds["/lib/x"] == "rw /lib/x" && binds["/dev/gpu0"] == "ro /dev/gpu0")
        #expect(
            spec["env"] == ["PATH": "/bin"], "the host has put a reservation's variables into the task's environment")
        #expect(spec["isolation"]?["net_path"] == "/run/netns/x" && spec["isolation"]?["hostname"] == "inside")
    }

    static let settings: [(String, String, String, String, JSON)] = [
        ("{\"command\":\"x\",\"pid_mode\":\"host\"}", "{}", "isolation", "pid", false),
        ("{\"command\":\"x\",\"ipc_mode\":\"host\"}", "{}", "isolation", "ipc", false),
        ("{\"command\":\"x\"}", "{\"default_pid_mode\":\"host\"}", "isolation", "pid", false),
        ("{\"command\":\"x\",\"pid_mode\":\"private\"}", "{\"default_pid_mode\":\"host\"}", "isolation", "pid", true),
        ("{\"command\":\"x\"}", "{\"default_ipc_mode\":\"host\"}", "isolation", "ipc", false),
        ("{\"command\":\"x\"}", "{\"no_pivot_root\":true}", "isolation", "no_pivot_root", true),
        ("{\"command\":\"x\"}", "{\"pids_limit\":9}", "limits", "pids_max", 9),
        ("{\"command\":\"x\",\"cap_add\":[\"CAP_CHOWN\"]}", "{}", "isolation", "caps", ["chown"]),
    ]

    @Test(arguments: settings)
    func keysReachTheSpecification(
        config: String, settings: String, block: String, key: String, expected: JSON
    ) throws {
        #expect(try specification(config, settings: settings)[block]?[key] == expected)
    }

    @Test func theUsualFoldersGiveWayToTheOperators() throws {
        let spec = try specification(
            "{\"command\":\"x\"}", settings: "{\"chroot_env\":{\"/etc/hosts\":\"/etc/h\",\"/none\":\"/n\"}}")
        let binds = binds(spec)
        #expect(binds["/etc/h"] == "ro /etc/hosts")
        #expect(binds["/usr"] == nil && binds["/n"] == nil)
    }

    @Test func aHardLimitIsAPartOfACore() throws {
        let spec = try specification("{\"command\":\"x\",\"cpu_hard_limit\":true}")
        #expect((spec["limits"]?["cpu_quota_us_per_100ms"]?.integer ?? 0) >= 1_000)
        #expect(IsolationSettings.quota(mhz: 500, ofCore: 2_000) == 25_000)
        #expect(IsolationSettings.quota(mhz: 1, ofCore: 4_000) == 1_000)
        #expect(IsolationSettings.quota(mhz: 6_000, ofCore: 2_000) == 300_000)
    }

    static let capabilities: [(Bool, [String], [String], [String]?, [String])] = [
        (false, [], [], nil, []),
        (false, ["net_bind_service"], [], nil, ["net_bind_service"]),
        (true, [], ["all"], nil, []),
        (true, ["kill"], ["all"], nil, ["kill"]),
        (true, [], [], ["chown", "net_admin"], ["chown"]),
        (true, ["net_admin"], ["chown"], ["chown", "net_admin"], ["net_admin"]),
    ]

    @Test(arguments: capabilities)
    func capabilitiesKept(
        isRoot: Bool, add: [String], drop: [String], allowed: [String]?, expected: [String]
    ) throws {
        let allowed = try allowed.map { try CapabilitySet($0, key: "allow_caps") } ?? .usual
        let kept = try CapabilitySet.kept(
            isRoot: isRoot, add: CapabilitySet(add, key: "cap_add"), drop: CapabilitySet(drop, key: "cap_drop"),
            allowed: allowed)
        #expect(kept.names.sorted() == expected)
    }

    @Test(arguments: [
        ("{}", "{}", "nobody", "\"command\"", PluginError.Code.invalid),
        ("{\"command\":\"x\",\"work_dir\":\"rel\"}", "{}", "nobody", "\"work_dir\"", .invalid),
        ("{\"command\":\"x\",\"pid_mode\":\"none\"}", "{}", "nobody", "\"pid_mode\"", .invalid),
        ("{\"command\":\"x\",\"ipc_mode\":\"x\"}", "{}", "nobody", "\"ipc_mode\"", .invalid),
        ("{\"command\":\"x\",\"cap_add\":[\"fly\"]}", "{}", "nobody", "\"fly\"", .invalid),
        ("{\"command\":\"x\",\"cap_add\":[\"sys_admin\"]}", "{}", "nobody", "sys_admin", .denied),
        ("{\"command\":\"x\"}", "{\"denied_host_uids\":\"0\"}", "root", "denied_host_uids", .denied),
        ("{\"command\":\"x\"}", "{\"denied_host_gids\":\"0\"}", "nobody:root", "denied_host_gids", .denied),
        ("{\"command\":\"x\"}", "{}", "no-such-user-here", "no-such-user-here", .notFound),
        ("{\"command\":\"x\"}", "{\"default_pid_mode\":\"x\"}", "nobody", "\"default_pid_mode\"", .invalid),
        ("{\"command\":\"x\"}", "{\"chroot_env\":{\"etc\":\"/etc\"}}", "nobody", "\"chroot_env\"", .invalid),
        ("{\"command\":\"x\"}", "{\"allow_caps\":[\"fly\"]}", "nobody", "\"allow_caps\"", .invalid),
    ])
    func refusesWithTheKey(
        config: String, settings: String, user: String, word: String, code: PluginError.Code
    ) throws {
        let error = #expect(throws: PluginError.self) {
            try specification(config, user: user, settings: settings)
        }
        #expect(error?.code == code)
        #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
    }

    private static let machine = IsolationRequirements(
        uid: 0, capabilities: CapabilitySet(mask: .max), kernel: "6.1.0-18-amd64",
        namespaces: ["pid", "mnt", "ipc", "uts"],
        mounts: "1 2 0:1 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
            + "1 2 0:1 / /x rw - cgroup cgroup rw,memory\n1 2 0:1 / /y rw - cgroup cgroup rw,pids\n"
            + "1 2 0:1 / /z rw - cgroup cgroup rw,cpuset",
        unifiedControllers: "", hasSeccomp: true)

    static let changes: [(change: @Sendable (inout IsolationRequirements) -> Void, word: String)] = [
        ({ $0.uid = 1000 }, "uid 1000"), ({ $0.capabilities = .none }, "sys_admin"), ({ $0.kernel = "5.10.0" }, "5.12"),
        ({ $0.kernel = "x" }, "5.12"), ({ $0.namespaces = ["pid", "mnt"] }, "ipc, uts"),
        ({ $0.mounts = "" }, "cpu, memory, pids, cpuset"), ({ $0.hasSeccomp = false }, "seccomp"),
        ({ $0.withheldControllers = ["memory": "Device or resource busy"] }, "memory (Device or resource busy)"),
    ]

    @Test(arguments: changes.indices)
    func theFingerprintNamesWhatIsMissing(number: Int) throws {
        let (change, word) = Self.changes[number]
        var machine = Self.machine
        #expect(machine.missing == [])
        change(&machine)
        #expect(machine.missing.count == 1 && machine.missing.first?.contains(word) == true, "\(machine.missing)")
        let changed = machine
        try FakeHost.run { _, host in
            let driver = ExecDriver(executor: host.executor, settings: try IsolationSettings([:])) { changed }
            #expect(driver.fingerprint().health == .undetected)
            #expect(driver.fingerprint().message.contains(word))
        }
    }

    @Test func theUnifiedHierarchyWillDo() {
        var machine = Self.machine
        machine.mounts = "1 2 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"
        machine.unifiedControllers = "cpuset cpu io memory hugetlb pids"
        #expect(machine.missing == [])
    }

    /// A folder of plain files in place of /sys/fs/cgroup, whose cgroup.subtree_control cannot be written when it is a folder.
    @Test func asksTheUnifiedHierarchyToPassItsControllersOn() throws {
        var template = Array("/tmp/drover-test-XXXXXX".utf8CString)
        let folder = String(cString: try #require(mkdtemp(&template)))
        let file = folder + "/cgroup.subtree_control"
        defer {
            _ = remove(file)
            rmdir(folder)
        }
        #expect(SmallFile.append(Array("cpu memory pids\n".utf8), to: file) == 0)
        #expect(IsolationRequirements.withheld(of: "cpuset cpu io memory pids", by: folder) == [:])
        #expect(SmallFile.readLine(file)?.hasPrefix("+cpuset") == true)
        #expect(remove(file) == 0 && mkdir(file, 0o700) == 0)
        let withheld = IsolationRequirements.withheld(of: "cpu io memory", by: folder)
        #expect(withheld == ["cpu": "Is a directory", "memory": "Is a directory"])
    }
}
