import DroverSDK
import Glibc
import PluginHostTestSupport
import Testing

@testable import DockerPlugin

/// The document that makes a container, out of task and settings.
@Suite("docker: container documents")
struct RequestTests {
    /// A task with folders that need not exist.
    private func document(
        _ config: String, settings: String = "{}", more: String = "", folder: String = "/nowhere",
        machine: ContainerRequest.MachineFacts = .init(runtimes: ["runc", "nvidia"], coreMHz: 2_000, owner: "me")
    ) throws -> JSON {
        let task = try TaskDocument(
            """
            {"id":"a1-web-1","name":"web","alloc_id":"a1b2c3d4-0000","job_id":"shop","group":"front","namespace":"default",
             "node_id":"n1","user":"www","kill_signal":"SIGQUIT","config":\(config),"env":{"B":"2","A":"1"},
             "dirs":{"alloc":"\(folder)/alloc","task":"\(folder)/task","local":"\(folder)/task/local",
                     "secrets":"\(folder)/task/secrets"},
             "resources":{"cpu_mhz":500,"cores":[],"memory_bytes":67108864,"memory_max_bytes":0},
             "ports":[{"label":"http","host_ip":"10.0.0.5","host_port":20000,"to":8080},
                      {"label":"admin","host_ip":"10.0.0.5","host_port":20001,"to":0}]\(more)}
            """)
        let request = ContainerRequest(
            task: task, settings: try DockerSettings(JSON(parsing: settings)), machine: machine)
        return try request.document(image: "sha256:1")
    }

    @Test func aPlainTask() throws {
        let body = try document("{\"image\":\"box\"}")
        let expected: JSON = [
            "Image": "sha256:1", "Env": ["A=1", "B=2"], "Tty": false, "OpenStdin": false, "ExposedPorts": .object([:]),
            "User": "www", "StopSignal": "SIGQUIT",
            "Labels": [
                "drover.task_id": "a1-web-1", "drover.owner": "me",
                "com.hashicorp.nomad.alloc_id": "a1b2c3d4-0000",
            ],
            "HostConfig": [
                "NetworkMode": "bridge", "PortBindings": .object([:]), "Privileged": false, "ReadonlyRootfs": false,
                "RestartPolicy": ["Name": "no"], "AutoRemove": false, "Devices": [],
                "LogConfig": ["Type": "json-file", "Config": ["max-file": "2", "max-size": "2m"]],
                "Memory": 67_108_864, "MemorySwap": 67_108_864, "CpuShares": 500, "CapAdd": [], "CapDrop": ["NET_RAW"],
                "Binds": [
                    "/nowhere/alloc:/alloc", "/nowhere/task/local:/local", "/nowhere/task/secrets:/secrets",
                ],
            ],
        ]
        #expect(body == expected, "\(body.text)")
    }

    /// One row a key: what it brings to the document, and where.
    static let keys: [(config: String, path: String, expected: JSON)] = [
        (#""command":"/bin/a","args":["b c"]"#, "Cmd", ["/bin/a", "b c"]), (#""args":["b"]"#, "Cmd", ["b"]),
        (#""entrypoint":["/x"]"#, "Entrypoint", ["/x"]), (#""work_dir":"/srv""#, "WorkingDir", "/srv"),
        (#""hostname":"h""#, "Hostname", "h"), (#""tty":true"#, "Tty", true),
        (#""interactive":true"#, "OpenStdin", true),
        (#""mac_address":"02:00:00:00:00:01""#, "MacAddress", "02:00:00:00:00:01"),
        (#""healthchecks":{"disable":true}"#, "Healthcheck", ["Test": ["NONE"]]),
        (#""labels":{"k":"v"}"#, "Labels/k", "v"), (#""init":true"#, "HostConfig/Init", true),
        (#""readonly_rootfs":true"#, "HostConfig/ReadonlyRootfs", true),
        (#""memory_hard_limit":128"#, "HostConfig/Memory", 134_217_728),
        (#""memory_hard_limit":128"#, "HostConfig/MemoryReservation", 67_108_864),
        (#""cpu_hard_limit":true"#, "HostConfig/CpuQuota", 25_000),
        (#""cpu_hard_limit":true,"cpu_cfs_period":20000"#, "HostConfig/CpuQuota", 5_000),
        (#""cpuset_cpus":"0-2""#, "HostConfig/CpusetCpus", "0-2"), (#""pids_limit":7"#, "HostConfig/PidsLimit", 7),
        (#""oom_score_adj":5"#, "HostConfig/OomScoreAdj", 5), (#""shm_size":4096"#, "HostConfig/ShmSize", 4_096),
        (#""sysctl":{"net.core.somaxconn":"16"}"#, "HostConfig/Sysctls", ["net.core.somaxconn": "16"]),
        (#""storage_opt":{"size":"1G"}"#, "HostConfig/StorageOpt", ["size": "1G"]),
        (
            #""ulimit":{"nofile":"10:20","nproc":"5"}"#, "HostConfig/Ulimits",
            [["Name": "nofile", "Soft": 10, "Hard": 20], ["Name": "nproc", "Soft": 5, "Hard": 5]]
        ),
        (#""cap_add":["CAP_CHOWN","net_bind_service"]"#, "HostConfig/CapAdd", ["CHOWN", "NET_BIND_SERVICE"]),
        (#""cap_drop":["chown"]"#, "HostConfig/CapDrop", ["CHOWN", "NET_RAW"]),
        (#""cap_drop":["all"]"#, "HostConfig/CapDrop", ["ALL"]),
        (#""security_opt":["no-new-privileges"]"#, "HostConfig/SecurityOpt", ["no-new-privileges"]),
        (#""group_add":["video"]"#, "HostConfig/GroupAdd", ["video"]),
        (#""runtime":"runc""#, "HostConfig/Runtime", "runc"),
        (#""ipc_mode":"none""#, "HostConfig/IpcMode", "none"),
        (#""cgroupns":"private""#, "HostConfig/CgroupnsMode", "private"),
        (#""pid_mode":"container:x""#, "HostConfig/PidMode", "container:x"),
        (#""isolation":"default""#, "HostConfig/Isolation", "default"),
        (#""dns_servers":["1.1.1.1"]"#, "HostConfig/Dns", ["1.1.1.1"]),
        (#""dns_options":["ndots:1"]"#, "HostConfig/DnsOptions", ["ndots:1"]),
        (#""dns_search_domains":["a.b"]"#, "HostConfig/DnsSearch", ["a.b"]),
        (#""extra_hosts":["a:1.2.3.4"]"#, "HostConfig/ExtraHosts", ["a:1.2.3.4"]),
        (#""network_mode":"host""#, "HostConfig/NetworkMode", "host"),
        (
            #""network_mode":"blue","network_aliases":["a"],"ipv4_address":"10.9.0.2","ipv6_address":"fd::2""#,
            "NetworkingConfig/EndpointsConfig",
            ["blue": ["Aliases": ["a"], "IPAMConfig": ["IPv4Address": "10.9.0.2", "IPv6Address": "fd::2"]]]
        ),
        (
            #""logging":{"driver":"syslog","config":{"tag":"t"}}"#, "HostConfig/LogConfig",
            ["Type": "syslog", "Config": ["tag": "t"]]
        ),
        (#""logging":{"type":"none"}"#, "HostConfig/LogConfig/Type", "none"),
        (#""ports":["http"]"#, "HostConfig/PortBindings/8080,tcp", [["HostIp": "10.0.0.5", "HostPort": "20000"]]),
        (#""ports":["admin"]"#, "HostConfig/PortBindings/20001,udp", [["HostIp": "10.0.0.5", "HostPort": "20001"]]),
        (
            #""port_map":{"http":"80"}"#, "HostConfig/PortBindings/80,tcp",
            [["HostIp": "10.0.0.5", "HostPort": "20000"]]
        ),
        (
            #""devices":[{"host_path":"/dev/null","container_path":"/dev/n","cgroup_permissions":"r"}]"#,
            "HostConfig/Devices",
            [["PathOnHost": "/dev/null", "PathInContainer": "/dev/n", "CgroupPermissions": "r"]]
        ),
        (
            #""mount":[{"type":"tmpfs","target":"/t","tmpfs_options":{"size":1024,"mode":448}}]"#, "HostConfig/Mounts",
            [["Type": "tmpfs", "Target": "/t", "ReadOnly": false, "TmpfsOptions": ["SizeBytes": 1_024, "Mode": 448]]]
        ),
        (
            #""mounts":[{"target":"/v","source":"vol","readonly":true,"volume_options":{"no_copy":true,"labels":{"a":"b"}}}]"#,
            "HostConfig/Mounts",
            [
                [
                    "Type": "volume", "Target": "/v", "Source": "vol", "ReadOnly": true,
                    "VolumeOptions": ["NoCopy": true, "Labels": ["a": "b"]],
                ]
            ]
        ),
    ]

    @Test(arguments: keys)
    func keysReachTheDocument(config: String, path: String, expected: JSON) throws {
        var found: JSON? = try document("{\"image\":\"box\",\(config)}")
        for key in path.split(separator: "/") { found = found?[String(key.map { $0 == "," ? "/" : $0 })] }
        #expect(found == expected)
    }

    /// What the operator allows, and what a job then gets.
    static let allowed: [(settings: String, config: String, path: String, expected: JSON)] = [
        (#"{"allow_privileged":true}"#, #""privileged":true"#, "HostConfig/Privileged", true),
        (#"{"allow_privileged":true}"#, #""pid_mode":"host""#, "HostConfig/PidMode", "host"),
        (#"{"allowed_modes":{"uts":["host"]}}"#, #""uts_mode":"host""#, "HostConfig/UTSMode", "host"),
        (#"{"allow_caps":["all"]}"#, #""cap_add":["sys_admin"]"#, "HostConfig/CapAdd", ["SYS_ADMIN"]),
        (#"{"allow_caps":["all"]}"#, "\"tty\":false", "HostConfig/CapDrop", []),
        (#"{"allow_runtimes":["kata"]}"#, #""runtime":"kata""#, "HostConfig/Runtime", "kata"),
        (
            #"{"volumes":{"enabled":true,"selinuxlabel":"z"}}"#, #""volumes":["/etc:/e:ro"]"#, "HostConfig/Binds",
            [
                "/nowhere/alloc:/alloc:z", "/nowhere/task/local:/local:z", "/nowhere/task/secrets:/secrets:z",
                "/etc:/e:ro,z",
            ]
        ),
        (
            #"{"volumes":{"enabled":true}}"#, #""volumes":["v:/e"],"volume_driver":"nfs""#, "HostConfig/VolumeDriver",
            "nfs"
        ),
        (#"{"pids_limit":50}"#, "\"tty\":false", "HostConfig/PidsLimit", 50),
        (#"{"oom_score_adj":100}"#, "\"tty\":false", "HostConfig/OomScoreAdj", 100),
        (#"{"oom_score_adj":100}"#, "\"oom_score_adj\":1", "HostConfig/OomScoreAdj", 1),
        (#"{"oom_score_adj":-100}"#, "\"oom_score_adj\":-50", "HostConfig/OomScoreAdj", -50),
        (#"{"allow_privileged":true}"#, "\"oom_score_adj\":-1000", "HostConfig/OomScoreAdj", -1_000),
        (
            #"{"extra_labels":["job*","task_group_name","short_alloc_id"]}"#, "\"tty\":false", "Labels",
            [
                "drover.task_id": "a1-web-1", "drover.owner": "me", "com.hashicorp.nomad.alloc_id": "a1b2c3d4-0000",
                "com.hashicorp.nomad.job_name": "shop", "com.hashicorp.nomad.job_id": "shop",
                "com.hashicorp.nomad.task_group_name": "front", "com.hashicorp.nomad.short_alloc_id": "a1b2c3d4",
            ]
        ),
        (
            #"{"logging":{"type":"journald"}}"#, "\"tty\":false", "HostConfig/LogConfig",
            ["Type": "journald", "Config": .object([:])]
        ),
    ]

    @Test(arguments: allowed)
    func theOperatorDecides(settings: String, config: String, path: String, expected: JSON) throws {
        let machine = ContainerRequest.MachineFacts(runtimes: ["runc", "kata"], coreMHz: 1, owner: "me")
        var found: JSON? = try document("{\"image\":\"box\",\(config)}", settings: settings, machine: machine)
        for key in path.split(separator: "/") { found = found?[String(key)] }
        #expect(found == expected)
    }

    /// Each names the key, or the operator's rule.
    static let refused: [(config: String, code: PluginError.Code, word: String)] = [
        (#""privileged":true"#, .denied, "allow_privileged"), (#""pid_mode":"host""#, .denied, "pid_mode"),
        (#""ipc_mode":"host""#, .denied, "allowed_modes.ipc"), (#""userns_mode":"host""#, .denied, "userns_mode"),
        (#""oom_score_adj":-1"#, .denied, "allow_privileged"),
        (#""cap_add":["sys_admin"]"#, .denied, "SYS_ADMIN"), (#""cap_add":["net_raw"]"#, .denied, "NET_RAW"),
        (#""runtime":"kata""#, .denied, "allow_runtimes"), (#""volumes":["/etc:/e"]"#, .denied, "volumes.enabled"),
        (#""volumes":["../../../etc:/e"]"#, .denied, "volumes.enabled"), (#""volumes":["a"]"#, .invalid, "\"volumes\""),
        (#""volume_driver":"nfs""#, .denied, "volume_driver"),
        (#""mount":[{"type":"bind","target":"/e","source":"/etc"}]"#, .denied, "\"mount\""),
        (#""mount":[{"type":"npipe","target":"/e"}]"#, .invalid, "\"type\""),
        (#""mount":[{"target":"e"}]"#, .invalid, "\"target\""),
        (#""mount":[{"target":"/e","volume_options":{"driver_config":{"name":"x"}}}]"#, .denied, "driver_config"),
        (#""ports":["db"]"#, .invalid, "\"db\""), (#""port_map":{"http":"0"}"#, .invalid, "port_map"),
        (#""ports":["http"],"port_map":{"http":"1"}"#, .invalid, "exclude"),
        (#""ulimit":{"nofile":"a"}"#, .invalid, "ulimit"),
        (#""cpu_hard_limit":true,"cpu_cfs_period":5"#, .invalid, "cpu_cfs_period"),
        (#""cgroupns":"x""#, .invalid, "cgroupns"),
        (#""memory_hard_limit":1"#, .invalid, "memory_hard_limit"),
        (#""ipv4_address":"1.2.3.4""#, .invalid, "network_mode"),
        (#""security_opt":["seccomp=/no/such/file"]"#, .invalid, "/no/such/file"),
        (#""devices":[{"host_path":"/dev/null","cgroup_permissions":"x"}]"#, .invalid, "cgroup_permissions"),
        (#""devices":[{}]"#, .invalid, "host_path"),
    ]

    @Test(arguments: refused)
    func whatIsWrongOrNotAllowedIsNamed(config: String, code: PluginError.Code, word: String) {
        let error = #expect(throws: PluginError.self) { try document("{\"image\":\"box\",\(config)}") }
        #expect(error?.code == code && error?.message.contains(word) == true, "\(error?.message ?? "")")
    }

    /// A container's logging driver may keep no logs: who asks again is told the same for ever.
    @Test func whatTheEngineCannotDoIsNoPassingError() {
        #expect(EngineClient.failure(501, "logging driver does not support reading", "no logs").code == .unsupported)
    }

    /// A job may name any path: a pipe that nobody writes to must not hold the plug-in's only thread.
    @Test func aProfileThatIsAPipeIsRefusedAtOnce() throws {
        let folder = PluginBuilder.makeFolder("pipe")
        defer { _ = system("rm -rf \(folder)") }
        try #require(mkfifo(folder + "/profile", 0o600) == 0)
        let config = "{\"image\":\"box\",\"security_opt\":[\"seccomp=\(folder)/profile\"]}"
        let error = #expect(throws: PluginError.self) { try document(config) }
        #expect(error?.code == .invalid && error?.message.contains("no readable seccomp profile") == true)
    }

    @Test func resourcesOfTheGroupReachTheDocument() throws {
        let more = """
            ,"mounts":[{"source":"/vol/x","target":"data","read_only":true,"propagation":"private"}],
            "devices":[{"reservation":{"env":{"NVIDIA_VISIBLE_DEVICES":"0","A":"0"},
              "devices":[{"host_path":"/dev/nvidia0","permissions":"rw"}],"mounts":[{"source":"/l","target":"/l"}]}}]
            """
        let host = try document("{\"image\":\"box\"}", more: more)["HostConfig"]
        #expect(host?["Runtime"] == "nvidia")
        #expect(
            host?["Devices"] == [
                ["PathOnHost": "/dev/nvidia0", "PathInContainer": "/dev/nvidia0", "CgroupPermissions": "rw"]
            ])
        let targets = (host?["Mounts"]?.array ?? []).map { "\($0["Target"]?.string ?? "") \($0["ReadOnly"] == true)" }
        #expect(targets == ["/data true", "/l false"])
        let none = ContainerRequest.MachineFacts(runtimes: ["runc"], coreMHz: 1, owner: "me")
        let error = #expect(throws: PluginError.self) { try document("{\"image\":\"box\"}", more: more, machine: none) }
        #expect(error?.code == .unsupported && error?.message.contains("nvidia") == true)
    }

    @Test func theNetworkOfAGroupIsJoined() throws {
        let group = #","network":{"mode":"group","path":"/run/netns/x","hostname":"inside"}"#
        let request = try document(#"{"image":"box","ports":["http"]}"#, more: group)
        #expect(request["HostConfig"]?["NetworkMode"] == "container:nomad_init_a1b2c3d4-0000")
        #expect(
            request["HostConfig"]?["PortBindings"] == [:] && request["ExposedPorts"] == [:]
                && request["Hostname"] == nil)
        let own = try document(#"{"image":"box","network_mode":"host"}"#, more: group)
        #expect(own["HostConfig"]?["NetworkMode"] == "host", "the task's word goes before the group's")
        let error = #expect(throws: PluginError.self) {
            try document(#"{"image":"box","dns_servers":["10.0.0.1"]}"#, more: group)
        }
        #expect(error?.code == .invalid && error?.message.contains("dns_servers") == true)
    }

    @Test func aGroupWithoutNetworkHasNone() throws {
        let alone = ",\"network\":{\"mode\":\"none\",\"path\":\"\"}"
        for config in ["{\"image\":\"box\"}", "{\"image\":\"box\",\"network_mode\":\"none\"}"] {
            #expect(try document(config, more: alone)["HostConfig"]?["NetworkMode"] == "none")
        }
        let error = #expect(throws: PluginError.self) {
            try document("{\"image\":\"box\",\"network_mode\":\"host\"}", more: alone)
        }
        #expect(error?.code == .invalid && error?.message.contains("network_mode") == true)
    }

    @Test func linksOutOfTheAllocationAreSeen() throws {
        let folder = PluginBuilder.makeFolder("links")
        defer { _ = system("rm -rf \(folder)") }
        _ = system(
            "mkdir -p \(folder)/alloc \(folder)/task/local/in && ln -s /etc \(folder)/task/out && ln -s /no/such \(folder)/task/void"
        )
        for path in ["out:/e", "out/new:/e", "void/x:/e", "local/../../../x:/e"] {
            let error = #expect(throws: PluginError.self) {
                try document("{\"image\":\"box\",\"volumes\":[\"\(path)\"]}", folder: folder)
            }
            #expect(error?.code == .denied, "\(path)")
        }
        let inside = try document(
            "{\"image\":\"box\",\"volumes\":[\"local/in:/a\",\"local/new/x:/b:ro\"]}", folder: folder)
        let binds = inside["HostConfig"]?["Binds"]?.strings?.suffix(2)
        #expect(binds == ["\(folder)/task/local/in:/a", "\(folder)/task/local/new/x:/b:ro"])
    }

    @Test(arguments: [
        (#"{"endpoint":"x"}"#, "endpoint"), (#"{"tls":{"cert":"c"}}"#, "tls"),
        (#"{"auth":{"helper":"a/b"}}"#, "auth.helper"),
        (#"{"container_exists_attempts":0}"#, "container_exists_attempts"),
        (#"{"oom_score_adj":2000}"#, "oom_score_adj"),
        (#"{"gc":{"dangling_containers":{"period":0}}}"#, "gc.dangling_containers.period"),
    ])
    func wrongSettingsNameTheKey(settings: String, key: String) {
        let error = #expect(throws: PluginError.self) { try DockerSettings(JSON(parsing: settings)) }
        #expect(error?.code == .invalid && error?.message.contains("\"\(key)\"") == true, "\(error?.message ?? "")")
    }

    @Test func namesOfContainersAreAsTheEngineWantsThem() throws {
        func name(_ text: String) throws -> String {
            ContainerRequest(
                task: try TaskDocument(text), settings: try DockerSettings(.object([:])), machine: .init()
            ).name
        }
        #expect(try name(#"{"id":"i","name":"web","alloc_id":"a-1"}"#) == "web-a-1")
        #expect(try name(#"{"id":"i","name":"ä b/c","alloc_id":"a-1"}"#) == "t__b_c-a-1")
        #expect(try name(#"{"id":"_x#1"}"#) == "t_x_1")
    }
}
