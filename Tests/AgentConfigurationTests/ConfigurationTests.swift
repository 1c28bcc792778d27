import AgentConfiguration
import Basics
import HCL
import Testing

@Suite struct ConfigurationTests {
    static func settings(_ texts: (name: String, text: String)...) throws -> Configuration {
        var settings = Configuration()
        for (name, text) in texts { try settings.apply(Array(text.utf8), file: name) }
        return settings
    }

    static func refusal(_ text: String, _ name: String = "a.hcl") -> String? {
        do {
            _ = try settings((name, text))
            return nil
        } catch let error as Diagnostics {
            return error.description
        } catch {
            return "\(error)"
        }
    }

    static let hcl = """
        region     = "eu"
        datacenter = "dc7"
        data_dir   = "/var/lib/drover"
        log_level  = "debug"
        bind_addr  = "{{ GetInterfaceIP \\"eth0\\" }}"
        leave_on_terminate = true
        ports { http = 14646, rpc = 14647 }
        addresses {
          http = "127.0.0.1 10.0.0.1"
        }
        advertise { rpc = "1.2.3.4:4647" }
        http_api_response_headers { "Access-Control-Allow-Origin" = "*" }
        server {
          enabled          = true
          bootstrap_expect = 3
          node_gc_threshold = "48h"
          server_join {
            retry_join     = ["10.0.0.1", "10.0.0.2"]
            retry_interval = "5s"
          }
          default_scheduler_config {
            scheduler_algorithm = "spread"
            preemption_config { batch_scheduler_enabled = true }
          }
        }
        client {
          enabled    = true
          node_class = "big"
          servers    = ["10.0.0.1:4647"]
          meta { "rack.name" = "r1" size = 3 }
          options = { "driver.allowlist" = "raw_exec" }
          reserved { cpu = 500 memory = 256 reserved_ports = "22,8500-8600" }
          host_volume "data" { path = "/srv/data" read_only = true }
          host_network "public" { cidr = "203.0.113.0/24" }
          chroot_env { "/bin" = "/bin" }
          template { wait { min = "2s" max = "60s" } }
          drain_on_shutdown { deadline = "10m" }
        }
        plugin "docker" {
          args = ["-x"]
          config {
            allow_privileged = true
            volumes { enabled = true }
          }
        }
        acl { enabled = true token_ttl = "60s" }
        telemetry { prometheus_metrics = true prefix_filter = ["+a", "-b"] }
        tls { http = true ca_file = "/ca.pem" cert_file = "/c.pem" key_file = "/k.pem" }
        limits { http_max_conns_per_client = 0 }
        ui { enabled = false label { text = "Prod" } }
        autopilot { max_trailing_logs = 500 }
        consul { address = "127.0.0.1:8500" }
        vault "main" { enabled = false }
        keyring "awskms" { active = true kms_key_id = "x" }
        audit { enabled = true sink "file" { type = "file" path = "/x" } }
        """

    static let json = """
        {
          "region": "eu", "datacenter": "dc7", "data_dir": "/var/lib/drover", "log_level": "debug",
          "bind_addr": "{{ GetInterfaceIP \\"eth0\\" }}", "leave_on_terminate": true,
          "ports": {"http": 14646, "rpc": 14647},
          "addresses": [{"http": "127.0.0.1 10.0.0.1"}],
          "advertise": {"rpc": "1.2.3.4:4647"},
          "http_api_response_headers": {"Access-Control-Allow-Origin": "*"},
          "server": {
            "enabled": true, "bootstrap_expect": 3, "node_gc_threshold": "48h",
            "server_join": {"retry_join": ["10.0.0.1", "10.0.0.2"], "retry_interval": "5s"},
            "default_scheduler_config": {
              "scheduler_algorithm": "spread", "preemption_config": {"batch_scheduler_enabled": true}
            }
          },
          "client": [{
            "enabled": true, "node_class": "big", "servers": ["10.0.0.1:4647"],
            "meta": {"rack.name": "r1", "size": 3}, "options": [{"driver.allowlist": "raw_exec"}],
            "reserved": {"cpu": 500, "memory": 256, "reserved_ports": "22,8500-8600"},
            "host_volume": {"data": {"path": "/srv/data", "read_only": true}},
            "host_network": [{"public": [{"cidr": "203.0.113.0/24"}]}],
            "chroot_env": {"/bin": "/bin"},
            "template": {"wait": {"min": "2s", "max": "60s"}},
            "drain_on_shutdown": {"deadline": "10m"}
          }],
          "plugin": [{"docker": {"args": ["-x"], "config": [{"allow_privileged": true, "volumes": [{"enabled": true}]}]}}],
          "acl": {"enabled": true, "token_ttl": "60s"},
          "telemetry": {"prometheus_metrics": true, "prefix_filter": ["+a", "-b"]},
          "tls": {"http": true, "ca_file": "/ca.pem", "cert_file": "/c.pem", "key_file": "/k.pem"},
          "limits": {"http_max_conns_per_client": 0},
          "ui": {"enabled": false, "label": {"text": "Prod"}},
          "autopilot": {"max_trailing_logs": 500},
          "consul": {"address": "127.0.0.1:8500"}
        }
        """

    /// HCL and JSON say the same, in each of the forms that objects may take.
    @Test(arguments: [("agent.hcl", hcl), ("agent.json", json), ("agent.conf", json)])
    func readsEveryBlock(name: String, text: String) throws {
        let settings = try Self.settings((name, text))
        #expect(settings.region == "eu" && settings.datacenter == "dc7" && settings.leaveOnTerminate)
        #expect(settings.bindAddress == "{{ GetInterfaceIP \"eth0\" }}")
        #expect(settings.ports.http == 14_646 && settings.ports.rpc == 14_647 && settings.ports.serf == 4648)
        #expect(settings.addresses.http == "127.0.0.1 10.0.0.1" && settings.advertise.rpc == "1.2.3.4:4647")
        #expect(settings.httpAPIResponseHeaders == ["Access-Control-Allow-Origin": "*"])
        let server = settings.server
        #expect(server.isEnabled && server.bootstrapExpect == 3 && server.nodeGCThreshold == .seconds(48 * 3600))
        #expect(server.join.retryJoin == ["10.0.0.1", "10.0.0.2"] && server.join.retryInterval == .seconds(5))
        #expect(server.schedulerDefaults.algorithm == "spread" && server.schedulerDefaults.preemptBatch)
        let client = settings.client
        #expect(client.isEnabled && client.nodeClass == "big" && client.servers == ["10.0.0.1:4647"])
        #expect(client.meta == ["rack.name": "r1", "size": "3"] && client.options == ["driver.allowlist": "raw_exec"])
        #expect(client.reserved.cpu == 500 && client.reserved.reservedPorts == "22,8500-8600")
        #expect(
            client.hostVolumes["data"]?.isReadOnly == true && client.hostNetworks["public"]?.cidr == "203.0.113.0/24")
        #expect(client.chrootEnv == ["/bin": "/bin"] && client.template.wait.min == .seconds(2))
        #expect(client.drainOnShutdown?.deadline == .seconds(600))
        let docker = try #require(settings.plugins["docker"])
        #expect(docker.arguments == ["-x"] && docker.isSet)
        #expect(docker.config.text == #"{"allow_privileged":true,"volumes":[{"enabled":true}]}"#)
        #expect(settings.acl.isEnabled && settings.acl.tokenTTL == .seconds(60))
        #expect(settings.telemetry.prefixFilter == ["+a", "-b"] && settings.tls.caFile == "/ca.pem")
        #expect(settings.limits.httpConnectionsPerClientMax == 0 && !settings.ui.isEnabled)
        #expect(settings.ui.labelText == "Prod" && settings.autopilot.trailingLogsMax == 500)
        #expect(settings.stored.first?.content.text == #"{"address":"127.0.0.1:8500"}"#)
        #expect(settings.validate() == [])
    }

    @Test func laterFilesWinKeyByKey() throws {
        let settings = try Self.settings(
            (
                "1.hcl",
                "region = \"a\"\nclient {\nmeta { x = \"1\" y = \"1\" }\nservers = [\"s1\"]\nnode_class = \"c\"\n}\n"
            ),
            ("2.json", #"{"region": "b", "client": {"meta": {"y": "2"}, "servers": ["s2", "s1"], "enabled": true}}"#))
        #expect(settings.region == "b" && settings.datacenter == "dc1")
        #expect(settings.client.meta == ["x": "1", "y": "2"])
        #expect(
            settings.client.servers == ["s1", "s2"] && settings.client.nodeClass == "c" && settings.client.isEnabled)
        #expect(settings.files == ["1.hcl", "2.json"])
    }

    @Test(arguments: [
        (
            "a.hcl", "server {\n  enabeld = true\n}\n",
            "a.hcl:2,3-10: Unsupported argument; \"enabeld\" is not known in block \"server\". Did you mean \"enabled\"?"
        ),
        (
            "a.hcl", "ports {\n  http = \"many\"\n}\n",
            "a.hcl:2,10-16: Incorrect value type; \"http\" must be a whole number, but is string \"many\"."
        ),
        (
            "a.hcl", "ports {\n  http = 70000\n}\n",
            "a.hcl:2,10-15: Value out of range; \"http\" must be at most 65535, but is 70000."
        ),
        (
            "a.json", "{\n \"cleint\": {}}",
            "a.json:2,2-10: Unsupported argument; \"cleint\" is not known in the agent configuration. Did you mean \"client\"?"
        ),
        (
            "a.json", "{\"server\": {\"enabled\": \"maybe\"}}",
            "a.json:1,24-31: Incorrect value type; \"enabled\" must be true or false, but is string \"maybe\"."
        ),
        ("a.json", "{\"server\": 3}", "a.json:1,12: Incorrect value type; \"server\" must be a block or an object."),
        (
            "a.hcl", "client {\n  gc_interval = 5\n}\n",
            "a.hcl:2,17: Invalid duration; \"gc_interval\" must be a duration such as \"30s\" or \"1h30m\", but is \"5\"."
        ),
        (
            "a.hcl", "client {\n  host_volume \"x\" {\n  }\n}\n",
            "a.hcl:2,3-18: Missing required argument; \"path\" is required in block \"host_volume\"."
        ),
        (
            "a.hcl", "consul {\n  adress = \"x\"\n}\n",
            "a.hcl:2,3-9: Unsupported argument; \"adress\" is not known in block \"consul\". Did you mean \"address\"?"
        ),
        (
            "a.hcl", "region = upper(\"x\")\n",
            "a.hcl:1,10-15: Call to unknown function; There is no function named \"upper\"."
        ),
    ])
    func namesTheFault(name: String, text: String, message: String) {
        #expect(Self.refusal(text, name)?.hasPrefix(message) == true, "\(Self.refusal(text, name) ?? "accepted")")
    }

    @Test func aFaultyFileChangesNothing() {
        var settings = Configuration()
        #expect(throws: Diagnostics.self) {
            try settings.apply(Array("region = \"x\"\nfoo = 1\n".utf8), file: "a.hcl")
        }
        #expect(settings.region == "global" && settings.files.isEmpty)
    }

    @Test func foldersAreReadInOrderAndAllFaultsReported() throws {
        let files = [
            "/etc/d/20.hcl": "region = \"twenty\"", "/etc/d/10.json": #"{"region": "ten", "name": "n"}"#,
            "/etc/d/.30.hcl": "region = \"hidden\"", "/etc/d/40.hcl~": "region = \"backup\"", "/x.hcl": "bad {",
        ]
        let loader = ConfigurationLoader(
            kind: { files[$0] != nil ? .file : ["/etc/d", "/etc/d/"].contains($0) ? .folder : .absent },
            list: { _ in files.keys.filter { $0.hasPrefix("/etc/d/") }.map { String($0.dropFirst(7)) } },
            read: { Array((files[$0] ?? "").utf8) })
        var settings = Configuration()
        try loader.apply(["/etc/d"], to: &settings)
        #expect(
            settings.region == "twenty" && settings.name == "n"
                && settings.files == ["/etc/d/10.json", "/etc/d/20.hcl"])
        let error = #expect(throws: Diagnostics.self) { try loader.apply(["/x.hcl", "/none"], to: &settings) }
        #expect(error?.items.map(\.summary) == ["Unclosed block", "Missing configuration"])
    }

    @Test func developmentNeedsNothingElse() {
        let settings = Configuration.development()
        #expect(settings.validate() == [])
        #expect(settings.server.isEnabled && settings.client.isEnabled && settings.bindAddress == "127.0.0.1")
        #expect(settings.plugins["raw_exec"]?.config.text == #"{"enabled":true}"#)
    }

    @Test(arguments: [
        ("", "Must have at least client or server mode enabled"),
        ("client { enabled = true }", "Must specify \"data_dir\""),
        ("data_dir = \"x\"\nclient { enabled = true }", "data_dir must be given as an absolute path: got \"x\""),
        ("data_dir = \"/x\"\nserver { enabled = true }", "server.bootstrap_expect must be the number of servers"),
        (
            "data_dir = \"/x\"\nports { http = 5 rpc = 5 }\nclient { enabled = true }",
            "ports must differ: http 5, rpc 5, serf 4648"
        ),
        (
            "data_dir = \"/x\"\nserver {\nenabled = true\nbootstrap_expect = 1\nenabled_schedulers = [\"servce\"]\n}",
            "server.enabled_schedulers: \"servce\" is not one of service, batch"
        ),
        ("log_level = \"loud\"", "log_level \"loud\" is not one of"),
        ("tls { rpc = true ca_file = \"/ca\" cert_file = \"/c\" }", "tls.key_file must name a PEM file"),
        ("tls { tls_min_version = \"ssl3\" }", "tls.tls_min_version \"ssl3\" is not one of"),
        ("tls { rpc_upgrade_mode = true }", "tls.rpc_upgrade_mode needs tls.rpc"),
        ("tls { verify_https_client = true }", "tls.verify_https_client needs tls.http"),
        (
            "client {\nenabled = true\nmin_dynamic_port = 30\nmax_dynamic_port = 20\n}",
            "client.min_dynamic_port (30) must not be above"
        ),
        (
            "client {\nenabled = true\nreserved { reserved_ports = \"a-b\" }\n}",
            "client.reserved.reserved_ports \"a-b\" is not a list"
        ),
    ])
    func refusesToStart(text: String, fault: String) throws {
        let faults = try Self.settings(("a.hcl", text)).validate()
        #expect(faults.contains { $0.hasPrefix(fault) }, "\(faults)")
    }

    @Test(arguments: [
        ("22, 80,8500-8502", [22, 80, 8500, 8501, 8502]), ("", []), ("5-3", nil), ("x", nil), ("70000", nil),
        ("1-2-3", nil),
    ])
    func readsPortRanges(text: String, ports: [Int]?) {
        #expect(PortRanges(text)?.ports == ports)
    }

    @Test(arguments: [
        ("1.2.3.4", "1.2.3.4"), ("{{ GetPrivateIP }}", "10.0.0.5"), ("{{GetInterfaceIP \"lo\"}}:80", "127.0.0.1:80"),
        ("{{ GetPublicIPs }}", "203.0.113.9"), ("{{ GetInterfaceIP \"eth7\" }}", nil), ("{{ Run }}", nil),
        ("{{ x", nil),
    ])
    func resolvesAddressTemplates(text: String, expected: String?) {
        let interfaces = [
            AddressTemplate.Interface(name: "lo", address: "127.0.0.1", isPrivate: false, isLoopback: true),
            AddressTemplate.Interface(name: "eth0", address: "10.0.0.5", isPrivate: true, isLoopback: false),
            AddressTemplate.Interface(name: "eth1", address: "203.0.113.9", isPrivate: false, isLoopback: false),
        ]
        #expect((try? AddressTemplate.resolve(text, interfaces: interfaces)) == expected)
    }

    /// Thousands of damaged configurations end in faults, not in a crash.
    @Test(arguments: [hcl, json])
    func damagedFilesNeverCrash(text: String) {
        var state: UInt64 = 42
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % max(1, bound)
        }
        let bytes = Array(text.utf8)
        for round in 0..<400 {
            var damaged = bytes
            for _ in 0...random(4) {
                let position = random(damaged.count)
                switch random(3) {
                case 0: damaged[position] = UInt8(truncatingIfNeeded: random(256))
                case 1: damaged.removeSubrange(position..<min(damaged.count, position + random(40)))
                default:
                    damaged.insert(
                        contentsOf: damaged[position..<min(damaged.count, position + 10)], at: random(damaged.count))
                }
            }
            var settings = Configuration()
            try? settings.apply(damaged, file: round % 2 == 0 ? "f.hcl" : "f.json")
        }
    }
}
