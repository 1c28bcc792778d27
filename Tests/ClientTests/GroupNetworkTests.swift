import Basics
import Client
import Model
import PluginHost
import Synchronization
import Testing

/// What is asked of CNI plug-ins, and what comes of their answers.
@Suite struct CNITests {
    @Test func theBridgesConfigurationIsNomads() throws {
        var settings = BridgeSettings()
        settings.isHairpin = true
        let network = CNINetwork.bridge(settings)
        #expect(
            network.json.text
                == #"{"cniVersion":"1.0.0","name":"nomad","plugins":[{"type":"loopback"},{"type":"bridge","bridge":"nomad","#
                + #""ipMasq":true,"isGateway":true,"forceAddress":true,"hairpinMode":true,"ipam":{"type":"host-local","#
                + #""ranges":[[{"subnet":"172.26.64.0/20"}]],"routes":[{"dst":"0.0.0.0/0"}]}},{"type":"firewall","#
                + #""backend":"iptables","iptablesAdminChainName":"NOMAD-ADMIN"},{"type":"portmap","#
                + #""capabilities":{"portMappings":true},"snat":true}]}"#)
        #expect(try CNINetwork(network.json) == network, "what is written down is read again")
        settings.subnetIPv6 = "fd00:a110:c8::/120"
        let both = CNINetwork.bridge(settings).plugins[1]["ipam"]?.text ?? ""
        #expect(both.contains(#"[{"subnet":"fd00:a110:c8::/120"}]"#) && both.contains(#"{"dst":"::/0"}"#))
    }

    @Test(arguments: [
        (#"{"name":"m","cniVersion":"0.4.0","plugins":[{"type":"ptp"},{"type":"portmap"}]}"#, "m 0.4.0 ptp portmap"),
        (#"{"name":"m","type":"macvlan","master":"eth1"}"#, "m 0.3.1 macvlan"),
        ("{", "is not JSON"), (#"{"plugins":[{"type":"a"}]}"#, "\"name\""), (#"{"name":"m"}"#, "neither"),
        (#"{"name":"m","plugins":[{"type":"../sh"}]}"#, "\"type\""), (#"{"name":"m","plugins":[{}]}"#, "\"type\""),
    ])
    func configurationsAreRead(text: String, expected: String) {
        let read: String
        do {
            let network = try CNINetwork(Array(text.utf8))
            read = ([network.name, network.version] + network.plugins.map { $0["type"]?.string ?? "" })
                .joined(separator: " ")
        } catch {
            read = "\(error)"
        }
        #expect(read.contains(expected), "\(read)")
    }

    @Test func pluginsAreToldWhatConcernsThem() throws {
        var attachment = CNIAttachment(.bridge(BridgeSettings()), allocation: "a1", path: "/run/netns/a1")
        attachment.arguments = [("NOMAD_JOB_ID", "web"), ("BAD", "x;y")]
        attachment.folders = ["/opt/cni/bin", "/usr/lib/cni"]
        var port = PortMapping()
        (port.label, port.value, port.to, port.hostIP) = ("http", 23_456, 80, "10.0.0.1")
        var same = PortMapping()
        (same.label, same.value) = ("rpc", 24_000)
        attachment.ports = CNIAttachment.mappings([port, same])
        let environment = attachment.environment(.add)
        for line in [
            "CNI_COMMAND=ADD", "CNI_CONTAINERID=a1", "CNI_NETNS=/run/netns/a1", "CNI_IFNAME=eth0",
            "CNI_ARGS=IgnoreUnknown=true;NOMAD_JOB_ID=web", "CNI_PATH=/opt/cni/bin:/usr/lib/cni",
        ] {
            #expect(environment.contains(line), "\(line) in \(environment)")
        }
        let previous = JSON.object([("cniVersion", .string("1.0.0"))])
        let first = try JSONParser.parse(attachment.input(0, previous: .null))
        #expect(first.text == #"{"type":"loopback","cniVersion":"1.0.0","name":"nomad"}"#)
        let last = try JSONParser.parse(attachment.input(3, previous: previous))
        #expect(last["prevResult"] == previous && last["capabilities"] == nil && last["name"] == .string("nomad"))
        #expect(
            (last["runtimeConfig"]?["portMappings"]?.array ?? []).map(\.text) == [
                #"{"hostPort":23456,"containerPort":80,"protocol":"tcp","hostIP":"10.0.0.1"}"#,
                #"{"hostPort":23456,"containerPort":80,"protocol":"udp","hostIP":"10.0.0.1"}"#,
                #"{"hostPort":24000,"containerPort":24000,"protocol":"tcp"}"#,
                #"{"hostPort":24000,"containerPort":24000,"protocol":"udp"}"#,
            ])
    }

    @Test(arguments: [
        (
            #"{"interfaces":[{"name":"nomad"},{"name":"veth1"},{"name":"eth0","sandbox":"/n"}],"#
                + #""ips":[{"interface":2,"address":"10.1.0.2/16"},{"interface":2,"address":"fd::2/64"}]}"#,
            "eth0 10.1.0.2 fd::2"
        ),
        (#"{"ips":[{"version":"4","address":"10.1.0.3/16"}]}"#, "eth0 10.1.0.3 "),
        (
            #"{"interfaces":[{"name":"lo","sandbox":"/n"},{"name":"net1","sandbox":"/n"}],"#
                + #""ips":[{"interface":1,"address":"fd::3/64"}],"dns":{"nameservers":["10.9.9.9"],"search":["a.b"]}}"#,
            "net1 fd::3 fd::3 10.9.9.9 a.b"
        ),
        (#"{"cniVersion":"1.0.0"}"#, "the network's plug-ins gave the allocation no address"),
    ])
    func resultsBecomeTheStatus(result: String, expected: String) throws {
        let read: String
        do {
            let status = try AllocationNetworkStatus(cni: try JSONParser.parse(Array(result.utf8)))
            let dns = (status.dns?.servers ?? []) + (status.dns?.searches ?? [])
            read = ([status.interfaceName, status.address, status.addressIPv6] + dns).joined(separator: " ")
        } catch {
            read = "\(error)"
        }
        #expect(read == expected)
    }

    @Test func aPluginsOwnWordsAreTold() {
        let said = ProgramAnswer(exitCode: 1, output: Array(#"{"code":7,"msg":"bad subnet","details":"no /"}"#.utf8))
        let error = #expect(throws: CNIError.self) { try CNIAttachment.result("bridge", said) }
        #expect(error?.description == "CNI plug-in \"bridge\" failed with 1: bad subnet: no /")
        let torn = ProgramAnswer(exitCode: 139, output: [], error: Array("panic".utf8))
        let other = #expect(throws: CNIError.self) { try CNIAttachment.result("x", torn) }
        #expect(other?.description == "CNI plug-in \"x\" failed with 139: panic")
    }

    @Test(arguments: [
        (NetworkRecord.Phase.making, false, NetworkRecord.Step.clearAndMake), (.making, true, .clearAndMake),
        (.ready, false, .clearAndMake), (.ready, true, .keep),
    ])
    func onlyAWholeNetworkIsKept(phase: NetworkRecord.Phase, isHeld: Bool, expected: NetworkRecord.Step) {
        var record = NetworkRecord()
        record.phase = phase
        #expect(record.step(isHeld: isHeld) == expected)
    }

    @Test func filesOfNamesFollowTheGroupAndThenTheMachine() {
        let machine = "# local\nnameserver 192.168.1.1\nsearch lan\noptions ndots:2 rotate\n"
        var dns = DNSConfig()
        dns.servers = ["10.0.0.53", "10.0.0.54"]
        #expect(
            NameFiles.resolver(dns, machine: machine)
                == "search lan\nnameserver 10.0.0.53\nnameserver 10.0.0.54\noptions ndots:2 rotate\n")
        dns = DNSConfig()
        (dns.searches, dns.options) = (["a.b", "c.d"], ["trust-ad"])
        #expect(
            NameFiles.resolver(dns, machine: machine)
                == "search a.b c.d\nnameserver 192.168.1.1\noptions trust-ad\n")
        var status = AllocationNetworkStatus()
        (status.address, status.addressIPv6) = ("10.1.0.2", "fd::2")
        #expect(NameFiles.hosts("web", status).hasSuffix("ip6-loopback\n10.1.0.2 web\nfd::2 web\n"))
    }
}

/// A client's allocations with networks of their own, on networks that are only written down.
@Suite struct GroupNetworkTests {
    private static let made = ["make", "ADD loopback", "ADD bridge", "ADD firewall", "ADD portmap"]
    private static let taken = ["DEL portmap", "DEL firewall", "DEL bridge", "DEL loopback", "release"]

    private func makeFixture(_ tools: FakeNetworkTools) -> ClientFixture {
        var fixture = ClientFixture()
        fixture.network = tools
        fixture.drivers = [FakeDriver(networkIsolation: ["host", "group"])]
        return fixture
    }

    private func allocation() -> Allocation {
        makeAllocation(.batch, [makeTask("server")]) { group in
            group.restartPolicy?.attempts = 0
            var network = NetworkResource()
            network.mode = "bridge"
            group.networks = [network]
        }
    }

    @Test func tasksGetItAndItGoesWithThem() async throws {
        let tools = FakeNetworkTools()
        let fixture = makeFixture(tools)
        defer { fixture.close() }
        let driver = try #require(fixture.drivers.first as? FakeDriver)
        let allocation = allocation()
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { client in
            let update = try await fixture.reported(allocation.id, "running") { $0.clientStatus == .running }
            #expect(update.networkStatus?.address == "172.26.64.7" && update.networkStatus?.interfaceName == "eth0")
            #expect(tools.done == Self.made)
            let spec = try #require(driver.spec("server"))
            #expect(spec.networkMode == "group" && spec.networkPath == "/run/netns/\(allocation.id)")
            let environment = spec.environment
            #expect(environment["NOMAD_ALLOC_INTERFACE_http_api"] == "eth0")
            #expect(environment["NOMAD_ALLOC_ADDR_http_api"] == "172.26.64.7:23456")
            #expect(environment["NOMAD_HOST_ADDR_http_api"] == "127.0.0.1:23456")
            #expect(client.node.nodeResources.networks.contains { $0.mode == "bridge" && $0.device == "nomad" })
            #expect(client.node.attributes["plugins.cni.version.bridge"] == "v1.4.0")
            driver.end("server")
            try await fixture.reported(allocation.id, "complete") { $0.clientStatus == .complete }
            let came = try await fixture.eventually { tools.done == Self.made + Self.taken }
            #expect(came, "\(tools.done)")
            let deletions = tools.state.withLock { $0.inputs.suffix(4) }
            #expect(deletions.allSatisfy { $0["prevResult"]?["ips"] != nil }, "what was added is told")
        }
    }

    @Test func aNextClientFindsIt() async throws {
        let tools = FakeNetworkTools()
        let fixture = makeFixture(tools)
        defer { fixture.close() }
        let driver = try #require(fixture.drivers.first as? FakeDriver)
        let allocation = allocation()
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { _ in
            try await fixture.reported(allocation.id, "running") { $0.clientStatus == .running }
        }
        try await fixture.run(try await fixture.client()) { _ in
            try await fixture.reported(allocation.id, "running") { $0.networkStatus != nil }
            #expect(tools.done == Self.made, "made once")
            driver.end("server")
            let came = try await fixture.eventually { tools.done == Self.made + Self.taken }
            #expect(came, "\(tools.done)")
        }
    }

    /// After the machine's restart the namespace is gone, while leases and rules may be there.
    @Test func aLostOneIsClearedAndMadeAnew() async throws {
        let tools = FakeNetworkTools()
        let fixture = makeFixture(tools)
        defer { fixture.close() }
        let allocation = allocation()
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { _ in
            try await fixture.reported(allocation.id, "running") { $0.clientStatus == .running }
        }
        tools.state.withLock { $0.held = [] }
        try await fixture.run(try await fixture.client()) { _ in
            let came = try await fixture.eventually { tools.done == Self.made + Self.taken + Self.made }
            #expect(came, "\(tools.done)")
        }
    }

    @Test func aFailedOneIsTriedAgainAndLeavesNothing() async throws {
        let tools = FakeNetworkTools()
        let fixture = makeFixture(tools)
        defer { fixture.close() }
        tools.state.withLock { $0.failures = ["ADD firewall": 3] }
        let allocation = allocation()
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { _ in
            let update = try await fixture.reported(allocation.id, "failed") { $0.clientStatus == .failed }
            let messages = update.taskStates["server"]?.events.map(\.displayMessage).joined(separator: "\n") ?? ""
            #expect(messages.contains("mode \"bridge\"") && messages.contains("no room"), "\(messages)")
            let turn = ["make", "ADD loopback", "ADD bridge", "ADD firewall"] + Self.taken
            #expect(tools.done == turn + turn + turn)
            #expect(tools.state.withLock { $0.held.isEmpty })
        }
    }

    /// Not all could be taken away: it is tried again with the next client.
    @Test func whatCannotBeTakenAwayIsKeptInMind() async throws {
        let tools = FakeNetworkTools()
        let fixture = makeFixture(tools)
        defer { fixture.close() }
        let driver = try #require(fixture.drivers.first as? FakeDriver)
        tools.state.withLock { $0.failures = ["DEL portmap": 1] }
        let allocation = allocation()
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { _ in
            try await fixture.reported(allocation.id, "running") { $0.clientStatus == .running }
            driver.end("server")
            let came = try await fixture.eventually { tools.done == Self.made + ["DEL portmap"] }
            #expect(came, "\(tools.done)")
        }
        try await fixture.run(try await fixture.client()) { _ in
            let came = try await fixture.eventually { tools.done == Self.made + ["DEL portmap"] + Self.taken }
            #expect(came, "\(tools.done)")
        }
    }

    /// The driver that made it has been removed since: what needs no driver goes, and the allocation with it.
    @Test func oneWhoseDriverIsGoneGoesWithoutIt() async throws {
        let tools = FakeNetworkTools()
        var fixture = makeFixture(tools)
        defer { fixture.close() }
        let maker = FakeDriver("maker", networkIsolation: ["host", "group"], makesNetworks: true)
        fixture.drivers = [maker]
        tools.state.withLock { $0.failures = ["DEL portmap": 1] }
        var allocation = allocation()
        allocation.job?.taskGroups[0].tasks[0].driver = "maker"
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { [fixture, id = allocation.id] _ in
            try await fixture.reported(id, "running") { $0.clientStatus == .running }
            maker.end("server")
            try await fixture.reported(id, "complete") { $0.clientStatus == .complete }
            let came = try await fixture.eventually { tools.done.last == "DEL portmap" }
            #expect(came, "\(tools.done)")
        }
        fixture.drivers = []
        fixture.servers.forget(allocation.id)
        try await fixture.run(try await fixture.client { $0.driverWait = .zero }) { [fixture, id = allocation.id] _ in
            let came = try await fixture.eventually { !fixture.seam.disk.exists("\(fixture.folder)/alloc/\(id)") }
            #expect(came, "\(tools.done)")
        }
        #expect(tools.done.suffix(5) == Self.taken[...] && tools.state.withLock { $0.held.isEmpty })
    }

    /// A driver whose tasks join no other network makes it: for the tasks of all drivers.
    @Test func aDriverMakesItWhereItMust() async throws {
        let tools = FakeNetworkTools()
        var fixture = makeFixture(tools)
        defer { fixture.close() }
        let plain = FakeDriver(networkIsolation: ["host", "group"])
        let maker = FakeDriver("maker", networkIsolation: ["host", "group"], makesNetworks: true)
        fixture.drivers = [plain, maker]
        var other = makeTask("contained")
        other.driver = "maker"
        let allocation = makeAllocation(.batch, [makeTask("server"), other]) { group in
            var network = NetworkResource()
            network.mode = "bridge"
            network.hostname = "inside"
            group.networks = [network]
        }
        fixture.servers.place(allocation)
        try await fixture.run(try await fixture.client()) { [fixture] _ in
            try await fixture.reported(allocation.id, "running") { update in
                ["server", "contained"].allSatisfy { update.taskStates[$0]?.state == .running }
            }
            #expect(maker.state.withLock { $0.networks } == ["\(allocation.id)": "inside"])
            #expect(tools.done == ["hold /proc/7/ns/net"] + Self.made.dropFirst())
            for spec in [plain.spec("server"), maker.spec("contained")] {
                #expect(spec?.networkPath == "/run/netns/\(allocation.id)" && spec?.hostname == "inside")
            }
            plain.end("server")
            maker.end("contained")
            let came = try await fixture.eventually { maker.state.withLock { $0.networks.isEmpty } }
            #expect(came, "\(tools.done)")
            #expect(tools.done.suffix(5) == Self.taken[...])
        }
    }
}
