import Basics
import Foundation
import TestSupport
import Testing

/// An agent with a bridge and a subnet of its own, and a look at what networks leave on the machine.
final class GroupNetworkFixture {
    let folder: TemporaryFolder
    let bridge: String
    /// What addresses of its allocations begin with.
    let prefix: String
    private var agent: AgentProcess?

    private static let programs = "/usr/lib/cni"

    /// What this machine lacks for such networks; empty: nothing.
    static var reason: String {
        guard geteuid() == 0 else { return "needs root, for network namespaces" }
        let needed: [String] = ["\(programs)/bridge", "\(programs)/portmap", "/usr/sbin/iptables"]
        let absent = needed.first { access($0, X_OK) != 0 }
        return absent.map { "needs \($0): apt-get install containernetworking-plugins iptables" } ?? ""
    }

    init() throws {
        folder = try TemporaryFolder("networks")
        let number = Int.random(in: 16...250)
        bridge = "drt\(UInt32.random(in: 100_000...999_999))"
        prefix = "10.\(number)."
        for name in ["cni", "configured"] {
            try FileManager.default.createDirectory(atPath: "\(folder.path)/\(name)", withIntermediateDirectories: true)
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: Self.programs) {
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder.path)/cni/\(name)", withDestinationPath: "\(Self.programs)/\(name)")
        }
    }

    deinit {
        agent = nil
        _ = Self.run("ip link del \(bridge)")
    }

    func configure(_ file: String, _ text: String) throws { try folder.write("configured/\(file)", text) }

    /// Makes a plug-in take its time, and say that it has begun.
    func slowDown(_ plugin: String) throws {
        let path = "\(folder.path)/cni/\(plugin)"
        try FileManager.default.removeItem(atPath: path)
        let script = """
            #!/bin/sh
            if [ "$CNI_COMMAND" = ADD ]; then touch \(folder.path)/begun; sleep 2; fi
            exec \(Self.programs)/\(plugin)

            """
        try folder.write("cni/\(plugin)", script)
        chmod(path, 0o755)
    }

    var slowHasBegun: Bool { access(folder.path + "/begun", F_OK) == 0 }

    /// Starts an agent with `more` in its file, and `client` in that block of it.
    func start(
        _ more: String = "", client: String = "", environment: [String: String] = [:]
    ) throws -> AgentProcess {
        let configuration = """
            client {
              \(client)
              cni_path = "\(folder.path)/cni"
              cni_config_dir = "\(folder.path)/configured"
              bridge_network_name = "\(bridge)"
              bridge_network_subnet = "\(prefix)0.0/20"
            }
            plugin "raw_exec" {
              config { enabled = true }
            }

            """
        let agent = try AgentProcess(configuration: configuration + more)
        self.agent = agent
        try agent.start(environment: environment)
        try agent.waitUntilReady()
        return agent
    }

    static func task(_ name: String, _ driver: String, _ line: String, config: [(String, JSON)] = []) -> JSON {
        let command: [(String, JSON)] = [
            ("command", .string("/bin/sh")), ("args", .array([.string("-c"), .string(line)])),
        ]
        return .object([
            ("Name", .string(name)), ("Driver", .string(driver)), ("KillTimeout", .integer(200_000_000)),
            ("Config", .object(JSONObject(command + config))),
            ("Resources", .object([("CPU", .integer(10)), ("MemoryMB", .integer(32))])),
        ])
    }

    /// A job of one group on a network of that mode, with a name, a name server, and a port that leads to 8080.
    ///
    /// With `movesAtOnce` an allocation of which a task ends is replaced right away, not tried again first.
    func job(
        _ id: String, _ mode: String, _ tasks: [JSON], ports: Bool = true, movesAtOnce: Bool = false
    ) -> JSON {
        let port = JSON.object([("Label", .string("http")), ("To", .integer(8_080))])
        let network = JSON.object([
            ("Mode", .string(mode)), ("Hostname", .string("inside")), ("DynamicPorts", .array(ports ? [port] : [])),
            (
                "DNS",
                .object([
                    ("Servers", .array([.string("10.0.0.53")])), ("Searches", .array([.string("example.org")])),
                    ("Options", .array([.string("ndots:1")])),
                ])
            ),
        ])
        let group = JSON.object([
            ("Name", .string("group")), ("Count", .integer(1)), ("Networks", .array([network])),
            ("RestartPolicy", movesAtOnce ? Jobs.noRestart : .null),
            (
                "ReschedulePolicy",
                movesAtOnce
                    ? .object([
                        ("Unlimited", .bool(true)), ("Delay", .integer(5_000_000_000)),
                        ("DelayFunction", .string("constant")),
                    ]) : .null
            ),
            ("Tasks", .array(tasks)),
        ])
        return .object([
            (
                "Job",
                .object([
                    ("ID", .string(id)), ("Name", .string(id)), ("Type", .string("service")),
                    ("TaskGroups", .array([group])),
                ])
            )
        ])
    }

    // MARK: - What is on the machine

    /// The machine's ends of the links to allocations.
    var links: [String] {
        Self.run("ip -o link show master \(bridge)").split(separator: "\n").map(String.init)
    }

    /// Addresses that an allocation holds.
    func leases(of id: String) -> [String] {
        Self.run("grep -rls \(id) /var/lib/cni/networks").split(separator: "\n").map(String.init)
    }

    func expectNothingLeft(of id: String, _ address: String, _ agent: AgentProcess) throws {
        try eventually("the network is gone", details: { agent.log }) { access("/run/netns/\(id)", F_OK) != 0 }
        #expect(links.isEmpty)
        #expect(leases(of: id).isEmpty)
        let rules = Self.run("iptables-save")
        #expect(!rules.contains(id), "\(rules)")
        #expect(address.isEmpty || !rules.contains("\(address)/"), "\(rules)")
    }

    static func run(_ line: String) -> String {
        let (process, pipe) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "PATH=/usr/sbin:/usr/bin:/sbin:/bin; \(line) 2>/dev/null"]
        process.standardOutput = pipe
        guard (try? process.run()) != nil else { return "" }
        let bytes = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: bytes, as: UTF8.self)
    }

    /// What is said at an address; nil when nobody listens there.
    static func read(_ host: String, _ port: Int) -> String? {
        let text = run(
            "timeout 5 perl -MIO::Socket::INET -e '$c = IO::Socket::INET->new(\"\(host):\(port)\") or exit; print <$c>'"
        )
        return text.isEmpty ? nil : text
    }
}
