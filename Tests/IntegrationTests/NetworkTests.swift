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
