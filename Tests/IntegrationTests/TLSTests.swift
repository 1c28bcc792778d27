import Basics
import Certificates
import TestSupport
import Testing

/// Real agents under mutual TLS.
@Suite struct TLSTests {
    private let certificates: TestCertificates
    /// Of a CA that no server knows.
    private let foreign: TestCertificates

    init() throws { (certificates, foreign) = (try TestCertificates(), try TestCertificates()) }

    private func block(
        _ pair: TestCertificates.Pair, authority: String? = nil, http: Bool = false, rpc: Bool = true
    ) -> String {
        """
        tls {
          http                   = \(http)
          rpc                    = \(rpc)
          verify_server_hostname = true
          verify_https_client    = \(http)
          ca_file                = "\(authority ?? certificates.authorityFile)"
          cert_file              = "\(pair.certificate)"
          key_file               = "\(pair.key)"
        }
        plugin "raw_exec" {
          config {
            enabled = true
          }
        }

        """
    }

    private func servers() throws -> [AgentProcess] {
        let all = try (1...3).map { number in
            try AgentProcess(
                ["-server", "-bootstrap-expect", "3", "-node", "s\(number)", "-bind", "127.0.0.1"],
                configuration: block(try certificates.issue("s\(number)", .server)))
        }
        for server in all { try server.start(all.flatMap { ["-retry-join", $0.gossip] }) }
        for server in all {
            try eventually("three voters", seconds: 30, details: { Self.log(all) }) {
                let peers = try? server.http.getJSON("/v1/status/peers").array?.count
                return peers == 3 && (try? server.http.getJSON("/v1/status/leader").string)?.isEmpty == false
            }
        }
        return all
    }

    private static func log(_ agents: [AgentProcess]) -> String {
        agents.map { "\($0.log.suffix(3_000))" }.joined(separator: "\n---\n")
    }

    private func client(_ name: String, of servers: [AgentProcess], _ configuration: String) throws -> AgentProcess {
        let client = try AgentProcess(
            ["-client", "-node", name, "-bind", "127.0.0.1"]
                + servers.flatMap { ["-servers", "127.0.0.1:\($0.rpcPort)"] }, configuration: configuration)
        try client.start()
        return client
    }

    private static func nodes(_ server: AgentProcess) throws -> Set<String> {
        let ready = try server.http.getJSON("/v1/nodes").array?.filter { $0["Status"]?.string == "ready" } ?? []
        return Set(ready.compactMap { $0["Name"]?.string })
    }

    /// Agents that are not to come in: what each shows, and the words its own log and the servers' have.
    private func strangers(_ servers: [AgentProcess]) throws -> [(agent: AgentProcess, own: String, theirs: String)] {
        let unsigned = try client(
            "foreign", of: servers, block(try foreign.issue("foreign", .client)))
        let expired = try client(
            "expired", of: servers, block(try certificates.issue("expired", .client, seconds: -60)))
        let european = try client(
            "european", of: servers, block(try certificates.issue("european", .client, region: "europe")))
        let plain = try client("plain", of: servers, block(try certificates.issue("unused", .client), rpc: false))
        let climber = try AgentProcess(
            ["-server", "-node", "climber", "-bind", "127.0.0.1", "-retry-join", servers[0].gossip],
            configuration: block(try certificates.issue("climber", .client)))
        try climber.start()
        return [
            (
                unsigned, "does not know the CA that signed this end's certificate",
                "for client.global.nomad, localhost, is not signed by a CA this end knows"
            ),
            (
                expired, "this end's certificate (cert_file) has expired",
                "for client.global.nomad, localhost, expired on"
            ),
            (
                european, "its certificate is for client.europe.nomad, localhost, not for client.global.nomad",
                "its certificate is for client.europe.nomad, localhost, not for client.global.nomad"
            ),
            (plain, "this port speaks TLS only", "this port speaks TLS only"),
            (
                climber, "the caller says it is a server; its certificate is for client.global.nomad",
                "the caller says it is a server; its certificate is for client.global.nomad"
            ),
        ]
    }

    @Test func aClusterWorksAndStrangersStayOut() throws {
        let servers = try servers()
        let worker = try client(
            "worker", of: servers, block(try certificates.issue("worker", .client), http: true))
        try eventually("the client is ready", seconds: 30, details: { Self.log(servers + [worker]) }) {
            try Self.nodes(servers[0]) == ["worker"]
        }
        try servers[1].register(Jobs.shell("keeper", "exec sleep 300"))
        try servers[2].wait("keeper", "running")
        let leader = try servers[0].http.getJSON("/v1/status/leader")

        for stranger in try strangers(servers) {
            try eventually("it says why it is refused: \(stranger.own)", details: { Self.log([stranger.agent]) }) {
                stranger.agent.log.contains(stranger.own)
            }
            try eventually("a server says why: \(stranger.theirs)", details: { Self.log(servers) }) {
                servers.contains { $0.log.contains(stranger.theirs) }
            }
            #expect(stranger.agent.log.utf8.count < 1 << 20)
        }
        #expect(try Self.nodes(servers[0]) == ["worker"])
        #expect(try servers[0].http.getJSON("/v1/status/leader") == leader)
        #expect(try servers[0].http.getJSON("/v1/status/peers").array?.count == 3)
        try servers[2].wait("keeper", "running")

        // The client's API is under TLS, and asks for a certificate.
        let person = try certificates.issue("person", .cli)
        let address = "https://127.0.0.1:\(worker.httpPort)"
        let known = [
            "DROVER_ADDR": address, "DROVER_CACERT": certificates.authorityFile,
            "NOMAD_CLIENT_CERT": person.certificate,
            "NOMAD_CLIENT_KEY": person.key,
        ]
        let status = try Binaries.run("drover", ["job", "status"], environment: known)
        #expect(status.code == 0 && status.output.contains("keeper"), "\(status.output)")
        let unknown = try Binaries.run(
            "drover", ["job", "status", "-address", address, "-ca-cert", certificates.authorityFile])
        #expect(unknown.code == 1 && unknown.output.contains("asks for a certificate"), "\(unknown.output)")
        let plain = try HTTPConnection(port: worker.httpPort).get("/v1/jobs")
        #expect(plain.status == 400 && plain.text.contains("Client sent an HTTP request to an HTTPS server"))
    }

    @Test func regionsPassCallsOnAndKeepTheirClustersApart() throws {
        let (home, abroad) = (try server("home", "global"), try server("abroad", "europe"))
        for server in [home, abroad] {
            try server.start()
            try eventually("it leads", seconds: 30, details: { server.log }) {
                (try? server.http.getJSON("/v1/status/leader").string)?.isEmpty == false
            }
        }
        #expect(try home.drover("server", "join", abroad.gossip).code == 0)
        let name = JSON.object([("Name", .string("there"))])
        try eventually("a write reaches the other region", seconds: 30, details: { Self.log([home, abroad]) }) {
            try home.http.put("/v1/namespace?region=europe", name).status == 200
        }
        let there = try abroad.http.getJSON("/v1/namespaces").array?.compactMap { $0["Name"]?.string }
        #expect(there == ["default", "there"])
        #expect(try home.http.get("/v1/namespace/there").status == 404)

        // It says it is of this region, and shows another's certificate.
        let liar = try server("liar", "global", certified: "europe", ["-retry-join", home.gossip], expect: 0)
        try liar.start()
        let text = "not for server.global.nomad: wrong region or role?"
        try eventually("both say why", seconds: 30, details: { Self.log([home, liar]) }) {
            home.log.contains(text)
                && liar.log.contains("the caller's certificate is for a server of region \\\"europe\\\"")
        }
        #expect(try home.http.getJSON("/v1/status/peers").array?.count == 1)
    }

    private func server(
        _ name: String, _ region: String, certified: String? = nil, _ more: [String] = [], expect: Int = 1
    ) throws -> AgentProcess {
        let pair = try certificates.issue(name, .server, region: certified ?? region)
        return try AgentProcess(
            ["-server", "-node", name, "-region", region, "-bind", "127.0.0.1", "-bootstrap-expect", "\(expect)"]
                + more,
            configuration: block(pair))
    }

    @Test func certificatesAreReadAgainOnHangup() throws {
        let servers = try servers()
        try certificates.spoil("s1")
        servers[0].signal(1)
        try eventually("the spoilt file is told of", details: { servers[0].log }) {
            servers[0].log.contains("SIGHUP: the certificates in use stay")
        }
        // A client's certificate where a server's is expected: new connections to it are refused, once it is read.
        _ = try certificates.issue("s1", .client)
        servers[0].signal(1)
        try eventually("the new file is read", details: { servers[0].log }) {
            servers[0].log.contains("SIGHUP: certificates read again")
        }
        let worker = try client(
            "worker", of: [servers[0]], block(try certificates.issue("worker", .client)))
        try eventually("the new certificate is shown", details: { worker.log }) {
            worker.log.contains("the server's certificate is for client.global.nomad, localhost, not for server.global")
        }
        _ = try certificates.issue("s1", .server)
        servers[0].signal(1)
        try eventually("the client comes in", seconds: 30, details: { Self.log(servers + [worker]) }) {
            try Self.nodes(servers[1]) == ["worker"]
        }
    }
}
