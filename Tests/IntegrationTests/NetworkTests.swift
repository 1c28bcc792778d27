import Basics
import Foundation
import TestSupport
import Testing

/// Networks of groups on whole agents, with real namespaces and CNI plug-ins: what a job's author sees, and that nothing is left.
@Suite(.enabled(if: GroupNetworkFixture.reason.isEmpty, "\(GroupNetworkFixture.reason)")) struct NetworkTests {
    private static let server =
        "exec perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalPort => 8080, Listen => 5, ReuseAddr => 1) or die; "
        + "while ($c = $s->accept) { print $c \"hello from $ENV{NOMAD_TASK_NAME}\\n\"; close $c }'"
    /// Prints what the server in the same network says, once it listens.
    private static let client =
        "perl -MIO::Socket::INET -e 'for (1..600) { $c = IO::Socket::INET->new(\"127.0.0.1:8080\") and last; "
        + "select undef, undef, undef, 0.05 } print <$c>'"

    private static let facts =
        "echo $NOMAD_ALLOC_INTERFACE_http $NOMAD_ALLOC_ADDR_http $NOMAD_ADDR_http $NOMAD_PORT_http; hostname; "
        + "cat /etc/resolv.conf; grep inside /etc/hosts"

    private static func tasks(_ drivers: (server: String, client: String)) -> [JSON] {
        [
            GroupNetworkFixture.task("server", drivers.server, server),
            GroupNetworkFixture.task("client", drivers.client, "\(client); \(facts); exec sleep 100000"),
        ]
    }

    @Test func tasksShareANetworkThatOutlivesTheAgent() throws {
        let fixture = try GroupNetworkFixture()
        let agent = try fixture.start()
        let node = try #require(try agent.http.getJSON("/v1/nodes").array?.first?["ID"]?.string)
        let attributes = try agent.http.getJSON("/v1/node/\(node)")["Attributes"]
        #expect(attributes?["nomad.bridge.hairpin_mode"] == .string("false"))
        #expect(attributes?["plugins.cni.version.bridge"] != nil)

        try agent.register(fixture.job("pair", "bridge", Self.tasks(("raw_exec", "exec"))))
        try agent.wait("pair", "running")
        let allocation = try #require(try agent.allocations("pair").first)
        let id = try #require(allocation["ID"]?.string)
        let whole = try agent.http.getJSON("/v1/allocation/\(id)")
        let status = whole["NetworkStatus"]
        let address = try #require(status?["Address"]?.string)
        #expect(address.hasPrefix(fixture.prefix) && status?["InterfaceName"] == .string("eth0"), "\(whole.text)")
        let port = try #require(whole["AllocatedResources"]?["Shared"]?["Ports"]?.array?.first)
        let (host, number) = (port["HostIP"]?.string ?? "", port["Value"]?.integer ?? 0)

        let expected = """
            hello from server
            eth0 \(address):8080 \(host):\(number) 8080
            inside
            search example.org
            nameserver 10.0.0.53
            options ndots:1
            \(address) inside

            """
        try eventually("the client has said all", details: { agent.describe("pair") }) {
            try agent.logs(allocation, task: "client") == expected
        }
        #expect(
            GroupNetworkFixture.read(host, Int(number)) == "hello from server\n", "from outside, by the machine's port")
        #expect(GroupNetworkFixture.read(host, 8_080) == nil, "the server does not listen on the machine")

        agent.kill()
        try agent.start()
        try agent.waitUntilReady()
        try agent.wait("pair", "running")
        #expect(GroupNetworkFixture.read(host, Int(number)) == "hello from server\n", "also after the agent's death")
        for task in ["server", "client"] {
            let session = try ExecSession(agent, job: "pair", task: task, ["/bin/sh", "-c", "cat /proc/net/fib_trie"])
            try session.endInput()
            #expect(try session.wait() == 0)
            #expect(session.output.contains("|-- \(address)\n"), "a command in \(task) is in the network")
        }
        try agent.stop("pair")
        try agent.wait("pair", "complete")
        try fixture.expectNothingLeft(of: id, address, agent)
    }

    /// A container, and tasks that are not, in one network: the driver of containers makes it.
    @Test(.enabled(if: DockerEngine.isHere, "\(DockerEngine.reason)")) func containersShareItToo() throws {
        let engine = try DockerEngine.shared.get()
        let fixture = try GroupNetworkFixture()
        let agent = try fixture.start(
            "plugin \"docker\" {\n  config {\n    endpoint = \"\(engine.endpoint)\"\n    infra_image = \"pause:1\"\n  }\n}\n"
        )
        try eventually("the node has the driver", details: { agent.log }) {
            try agent.http.getJSON("/v1/nodes").array?.first?["Drivers"]?["docker"]?["Healthy"] == .bool(true)
        }
        let contained =
            "until nc 127.0.0.1 8080 </dev/null; do sleep 0.1; done; hostname; cat /etc/resolv.conf; grep inside /etc/hosts; "
            + "exec sleep 100000"
        let tasks = [
            GroupNetworkFixture.task("server", "exec", Self.server),
            GroupNetworkFixture.task("other", "raw_exec", "\(Self.client); exec sleep 100000"),
            GroupNetworkFixture.task("contained", "docker", contained, config: [("image", .string("box:1"))]),
        ]
        try agent.register(fixture.job("mixed", "bridge", tasks))
        try agent.wait("mixed", "running", seconds: 60)
        let allocation = try #require(try agent.allocations("mixed").first)
        let id = try #require(allocation["ID"]?.string)
        let whole = try agent.http.getJSON("/v1/allocation/\(id)")
        let address = whole["NetworkStatus"]?["Address"]?.string ?? ""
        let said =
            "hello from server\ninside\nsearch example.org\nnameserver 10.0.0.53\noptions ndots:1\n\(address) inside\n"
        try eventually("the container has said all", details: { agent.describe("mixed") }) {
            try agent.logs(allocation, task: "contained") == said
        }
        try eventually("the other has heard it", details: { agent.describe("mixed") }) {
            try agent.logs(allocation, task: "other") == "hello from server\n"
        }
        let port = whole["AllocatedResources"]?["Shared"]?["Ports"]?.array?.first
        let (host, number) = (port?["HostIP"]?.string ?? "", Int(port?["Value"]?.integer ?? 0))
        #expect(GroupNetworkFixture.read(host, number) == "hello from server\n")
        let before = engine.containers
        #expect(before.count == 2)
        agent.kill()
        try agent.start()
        try agent.waitUntilReady()
        try agent.wait("mixed", "running")
        #expect(engine.containers == before)
        #expect(GroupNetworkFixture.read(host, number) == "hello from server\n")
        try agent.stop("mixed")
        try agent.wait("mixed", "complete")
        try fixture.expectNothingLeft(of: id, address, agent)
        try eventually("no container is left", details: { agent.log }) { engine.containers.isEmpty }
    }

    /// The container that holds a network, over `kill -9` of the plug-in host and of the agent; with dockerd it dies, and then another
    /// allocation takes the place.
    @Test(.enabled(if: DockerEngine.isHere, "\(DockerEngine.reason)")) func theHoldingContainerOutlivesWhoMadeIt()
        throws
    {
        let engine = try DockerEngine.shared.get()
        let fixture = try GroupNetworkFixture()
        let agent = try fixture.start(
            "plugin \"docker\" {\n  config {\n    endpoint = \"\(engine.endpoint)\"\n    infra_image = \"pause:1\"\n  }\n}\n"
        )
        let node: () throws -> Bool = {
            try agent.http.getJSON("/v1/nodes").array?.first?["Drivers"]?["docker"]?["Healthy"] == .bool(true)
        }
        try eventually("the node has the driver", details: { agent.log }, node)
        let hears = "while sleep 0.1; do nc 127.0.0.1 8080 </dev/null; done"
        let tasks = [
            GroupNetworkFixture.task("server", "exec", Self.server),
            GroupNetworkFixture.task("contained", "docker", hears, config: [("image", .string("box:1"))]),
        ]
        try agent.register(fixture.job("held", "bridge", tasks, movesAtOnce: true))
        try agent.wait("held", "running", seconds: 60)
        let first = try #require(try agent.allocations("held").first)
        /// How often the container has heard the server.
        let heard: (JSON) throws -> Int = { try agent.logs($0, task: "contained").split(separator: "\n").count }
        let goesOn: (JSON) throws -> Void = { allocation in
            let before = try heard(allocation)
            try eventually("the tasks talk", details: { agent.describe("held") }) { try heard(allocation) > before + 3 }
        }
        try goesOn(first)
        let before = engine.containers
        #expect(before.count == 2)

        let host = pid_t(try #require(try agent.plugin("docker")?["PID"]?.integer))
        kill(host, SIGKILL)
        try eventually("the plug-in host is back", details: { agent.log }) {
            ![0, Int64(host)].contains(try agent.plugin("docker")?["PID"]?.integer ?? 0)
        }
        try goesOn(first)
        agent.kill()
        try agent.start()
        try agent.waitUntilReady()
        try agent.wait("held", "running")
        try goesOn(first)
        #expect(engine.containers == before, "the very containers run on")

        engine.stop(SIGKILL)
        try engine.start()
        try eventually("another allocation runs", seconds: 60, details: { agent.describe("held") }) {
            try agent.allocations("held").contains {
                $0["ID"] != first["ID"] && $0["ClientStatus"] == .string("running")
            }
        }
        let second = try #require(
            try agent.allocations("held").first { $0["ClientStatus"] == .string("running") })
        try goesOn(second)
        try eventually("only its containers are there", details: { agent.log }) { engine.containers.count == 2 }
        #expect(Set(engine.containers).isDisjoint(with: before))
        try agent.stop("held")
        try eventually("all links are gone", details: { agent.describe("held") }) { fixture.links.isEmpty }
        for id in try agent.allocations("held").compactMap({ $0["ID"]?.string }) {
            let address = try agent.http.getJSON("/v1/allocation/\(id)")["NetworkStatus"]?["Address"]?.string ?? ""
            try fixture.expectNothingLeft(of: id, address, agent)
        }
        try eventually("no container is left", details: { agent.log }) { engine.containers.isEmpty }
    }

    /// A virtual machine of Java sees the group's network, and no other.
    @Test(.enabled(if: access("/usr/bin/javac", X_OK) == 0, "needs javac: apt-get install openjdk-17-jdk-headless"))
    func aJavaTaskIsInTheNetwork() throws {
        let fixture = try GroupNetworkFixture()
        let app = fixture.folder.path + "/app"
        try FileManager.default.createDirectory(atPath: app, withIntermediateDirectories: true)
        try fixture.folder.write("app/Client.java", Self.javaClient)
        _ = GroupNetworkFixture.run("cd \(app) && javac Client.java && chmod -R a+rX \(fixture.folder.path)")
        let folders = ["/bin", "/etc", "/lib", "/lib64", "/usr"].map { "\"\($0)\" = \"\($0)\"" }
        let root = "chroot_env = {\n" + (folders + ["\"\(app)\" = \"/app\""]).joined(separator: "\n") + "\n}"
        let agent = try fixture.start(client: root)
        let java = JSON.object([
            ("Name", .string("client")), ("Driver", .string("java")), ("KillTimeout", .integer(200_000_000)),
            (
                "Config",
                .object([
                    ("class", .string("Client")), ("class_path", .string("/app")),
                    ("jvm_options", .array([.string("-Xmx32m")])),
                ])
            ),
            ("Resources", .object([("CPU", .integer(100)), ("MemoryMB", .integer(128))])),
        ])
        try agent.register(
            fixture.job("pair", "bridge", [GroupNetworkFixture.task("server", "exec", Self.server), java]))
        try agent.wait("pair", "running", seconds: 60)
        let allocation = try #require(try agent.allocations("pair").first)
        let id = try #require(allocation["ID"]?.string)
        let address = try agent.http.getJSON("/v1/allocation/\(id)")["NetworkStatus"]?["Address"]?.string ?? ""
        try eventually("the program has said all", seconds: 40, details: { agent.describe("pair") }) {
            try agent.logs(allocation, task: "client") == "hello from server\neth0 \(address)\nnamed \(address)\n"
        }
        try agent.stop("pair")
        try agent.wait("pair", "complete")
        try fixture.expectNothingLeft(of: id, address, agent)
    }

    private static let javaClient = """
        import java.io.*;
        import java.net.*;
        import java.util.*;

        public class Client {
            public static void main(String[] arguments) throws Exception {
                Socket socket = null;
                while (socket == null) {
                    try { socket = new Socket("127.0.0.1", 8080); } catch (IOException absent) { Thread.sleep(50); }
                }
                System.out.println(new BufferedReader(new InputStreamReader(socket.getInputStream())).readLine());
                for (NetworkInterface one : Collections.list(NetworkInterface.getNetworkInterfaces())) {
                    if (one.isLoopback()) continue;
                    for (InetAddress own : Collections.list(one.getInetAddresses())) {
                        if (own instanceof Inet4Address) System.out.println(one.getName() + " " + own.getHostAddress());
                    }
                }
                System.out.println("named " + InetAddress.getByName("inside").getHostAddress());
                Thread.sleep(100000000);
            }
        }
        """

    @Test func configuredNetworksAreOffered() throws {
        let fixture = try GroupNetworkFixture()
        try fixture.configure(
            "mesh.conflist",
            #"{"cniVersion":"0.4.0","name":"mesh","plugins":[{"type":"bridge","bridge":"\#(fixture.bridge)","isGateway":true,"#
                + #""ipam":{"type":"host-local","subnet":"\#(fixture.prefix)0.0/20"}}]}"#)
        try fixture.configure("torn.conf", "{")
        let agent = try fixture.start()
        try agent.register(fixture.job("meshed", "cni/mesh", Self.tasks(("exec", "raw_exec")), ports: false))
        try agent.register(fixture.job("lost", "cni/other", Self.tasks(("exec", "exec")), ports: false))
        try agent.wait("meshed", "running")
        let allocation = try #require(try agent.allocations("meshed").first)
        try eventually("the client has heard the server", details: { agent.describe("meshed") }) {
            try agent.logs(allocation, task: "client").hasPrefix("hello from server\n")
        }
        let id = try #require(allocation["ID"]?.string)
        let address = try agent.http.getJSON("/v1/allocation/\(id)")["NetworkStatus"]?["Address"]?.string ?? ""
        #expect(address.hasPrefix(fixture.prefix))
        let evaluations = try agent.http.get("/v1/job/lost/evaluations").text
        #expect(evaluations.contains("missing network"), "\(evaluations)")
        #expect(agent.log.contains("torn.conf"))
        try agent.stop("meshed")
        try agent.wait("meshed", "complete")
        try fixture.expectNothingLeft(of: id, address, agent)
    }

    /// The plug-ins of `bridge` are four: a kill before and after each thing done leaves nothing twice and nothing behind.
    @Test(arguments: ["before", "after"].flatMap { side in (1...5).map { "client.network.\(side):\($0)" } })
    func aKillLeavesNothingBehind(point: String) throws {
        let fixture = try GroupNetworkFixture()
        let agent = try fixture.start(environment: [
            "DROVER_FAULT_POINT": point, "DROVER_FAULT_MARK": "\(fixture.folder.path)/struck",
        ])
        _ = try? agent.register(fixture.job("pair", "bridge", Self.tasks(("exec", "exec"))))
        #expect(agent.hasEnded(seconds: 20), "the agent reached \(point)\n\(agent.describe("pair"))")
        agent.kill()
        try checkRestart(of: agent, fixture)
    }

    /// A plug-in that is under way when the agent dies goes on: the next agent waits for its end before it clears up.
    @Test func aPluginUnderWayIsWaitedFor() throws {
        let fixture = try GroupNetworkFixture()
        try fixture.slowDown("bridge")
        let agent = try fixture.start()
        try agent.register(fixture.job("pair", "bridge", Self.tasks(("exec", "exec"))))
        try eventually("the plug-in runs", details: { agent.log }) { fixture.slowHasBegun }
        agent.kill()
        try checkRestart(of: agent, fixture)
    }

    private func checkRestart(of agent: AgentProcess, _ fixture: GroupNetworkFixture) throws {
        try agent.start()
        try agent.waitUntilReady()
        if try agent.allocations("pair").isEmpty {
            try agent.register(fixture.job("pair", "bridge", Self.tasks(("exec", "exec"))))
        }
        try agent.wait("pair", "running")
        let allocation = try #require(try agent.allocations("pair").first)
        try eventually("the tasks talk", details: { agent.describe("pair") }) {
            try agent.logs(allocation, task: "client").hasPrefix("hello from server\n")
        }
        let id = try #require(allocation["ID"]?.string)
        #expect(fixture.links.count == 1, "\(fixture.links)")
        #expect(fixture.leases(of: id).count == 1)
        try agent.stop("pair")
        try agent.wait("pair", "complete")
        let address = try agent.http.getJSON("/v1/allocation/\(id)")["NetworkStatus"]?["Address"]?.string ?? ""
        try fixture.expectNothingLeft(of: id, address, agent)
    }
}
