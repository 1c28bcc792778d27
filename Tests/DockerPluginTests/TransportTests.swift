import Basics
import Certificates
import PluginHost
import PluginHostTestSupport
import TestSupport
import Testing

/// TLS, to a real dockerd.
@Suite(
    "docker: TLS", .serialized, .enabled(if: DockerEngine.isHere, "\(DockerEngine.reason)"),
    .enabled(if: DockerFixture.library != nil, "needs libdrover-driver-docker.so beside the tests"))
struct TransportTests {
    /// Restarts the engine with another listener, and without it.
    @Test func endpointsOverTLSProveWhoTheyAre() async throws {
        let engine = try DockerEngine.shared.get()
        let (files, others) = (try TestCertificates(), try TestCertificates())
        let (server, client) = (try files.issue("server", .server), try files.issue("client", .client))
        let port = try freePort()
        engine.stop()
        try engine.start([
            "--tlsverify", "--tlscacert=\(files.authorityFile)", "--tlscert=\(server.certificate)",
            "--tlskey=\(server.key)", "--host=tcp://127.0.0.1:\(port)",
        ])
        func tls(_ authority: String, _ pair: TestCertificates.Pair?) -> [(String, JSON)] {
            var files = [("ca", JSON.string(authority))]
            if let pair { files += [("cert", .string(pair.certificate)), ("key", .string(pair.key))] }
            return [("tls", .object(files))]
        }
        let endpoint = "https://localhost:\(port)"
        for isolation in [PluginIsolation.process, .agent] {
            try await DockerFixture.run(isolation, config: tls(files.authorityFile, client), endpoint: endpoint) {
                fixture in
                let exit = try await fixture.run(fixture.task("t", "echo over TLS; exit 6"))
                #expect(exit == TaskExit(code: 6) && fixture.log() == "over TLS\n")
                _ = try await fixture.driver.start(fixture.task("u", "echo ready; sleep 1000"))
                try await fixture.says("ready")
                let fed = try await fixture.exec("cat; echo done", id: "u", input: "line\n")
                #expect(fed == (TaskExit(code: 0), "line\ndone\n", ""))
                try await fixture.driver.destroy("u", force: true)
            }
        }
        // Nobody vouches for the engine, or for the agent.
        for config in [tls(others.authorityFile, client), tls(files.authorityFile, nil)] {
            let settings = JSON.object([("endpoint", .string(endpoint))] + config)
            let library = try #require(DockerFixture.library)
            let configure = isolated(.process, "docker", config: settings)
            try await withHost([(library, "libdrover-driver-docker.so")], configure: configure) { host, _ in
                let found = try await #require(host.driver(named: "docker")).fingerprint()
                #expect(found.health == .undetected && found.message.contains("ertificate"), "\(found.message)")
            }
        }
        engine.stop()
        try engine.start()
    }
}
