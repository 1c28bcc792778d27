import APIClient
import Basics
import Certificates
import Connections
import Glibc
import HTTPAPI
import Model
import NIOPosix
import Synchronization
import TestSupport
import Testing

/// The API under TLS: who is let in, and what both ends say of who is not.
struct SecureServingTests {
    private let certificates: TestCertificates
    private let pair: TestCertificates.Pair

    init() throws {
        certificates = try TestCertificates()
        pair = try certificates.issue("server", .server)
    }

    private func serving(
        asksCertificate: Bool = false, handshakeTimeout: Duration = .seconds(5),
        report: @escaping @Sendable (String, String) -> Void = { _, _ in },
        _ body: @Sendable (DroverClient) async throws -> Void
    ) async throws {
        var security = APISecurity(
            source: try TLSSource(
                TLSSettings(
                    authorityFile: certificates.authorityFile, certificateFile: pair.certificate, keyFile: pair.key)))
        security.asksCertificate = asksCertificate
        security.handshakeTimeout = handshakeTimeout
        let change: (inout APIConfiguration) -> Void = { configuration in
            configuration.addresses = [.tls(NetworkAddress(host: "127.0.0.1", port: 0))]
            configuration.security = security
        }
        try await withAPI(change: change, report: report) { client in
            var client = client
            client.tls.authorityFile = certificates.authorityFile
            try await body(client)
        }
    }

    private func expectServed(_ client: DroverClient) async throws {
        let answer = try await client.get("/v1/regions")
        #expect(answer.status == 200)
    }

    @Test func theCertificateIsTheAddresses() async throws {
        try await serving { client in
            guard case .https("127.0.0.1", let port) = client.address else {
                Issue.record("\(client.address)")
                return
            }
            try await expectServed(client)
            let byName = DroverClient(address: .https(host: "localhost", port: port))
            var known = byName
            known.tls = client.tls
            try await expectServed(known)
            known.tls.serverName = "server.global.nomad"
            try await expectServed(known)
        }
    }

    /// A WebSocket lies above TLS as anything else does, and says as much when TLS fails.
    @Test func commandsRunUnderTLS() async throws {
        try await serving { client in
            let long = [UInt8](repeating: UInt8(ascii: "x"), count: 100_000)
            let run: @Sendable (DroverClient) async throws -> Int = { client in
                try await client.runCommand(["a", "b"], in: FakeClient.allocation, task: "t", terminal: false) {
                    try await $0.send(CommandInput(data: long, isEnd: true))
                    var said: [UInt8] = []
                    while let output = try await $0.next() {
                        said += output.standardOutput
                        if let code = output.exitCode { return said == long ? code : -1 }
                    }
                    return -1
                }
            }
            let code = try await run(client)
            #expect(code == 2)
            var stranger = client
            stranger.tls = ClientTLS()
            let known = stranger
            let error = await #expect(throws: ConnectionError.self) { try await run(known) }
            #expect(error?.description.contains("cannot be used") == true, "\(error?.description ?? "")")
        }
    }

    @Test func folderAndSkippingWork() async throws {
        try await serving { client in
            var other = client
            other.tls = ClientTLS()
            other.tls.authorityFolder = certificates.authorityFile.split(separator: "/").dropLast().reduce("") {
                $0 + "/" + $1
            }
            // The folder holds keys too, which are no certificates.
            let error = await #expect(throws: ConnectionError.self) { try await other.get("/v1/regions") }
            #expect(error?.description.contains("cannot be read as PEM certificates") == true)
            other.tls = ClientTLS()
            other.tls.skipsVerification = true
            try await expectServed(other)
        }
    }

    @Test(arguments: [
        ("another name", "is for server.global.nomad, localhost, not for the name it was asked for"),
        ("no name", "TLS cannot ask for the name \"127.0.0.2\"; set -tls-server-name to a host name"),
        ("the machine's CAs", "is not signed by a CA this end knows"),
        ("no such file", "/absent.pem cannot be read as PEM certificates"),
        ("half a certificate", "give both -client-cert and -client-key"),
    ])
    func wrongTLSOfTheClientIsNamed(fault: String, words: String) async throws {
        try await serving { client in
            var client = client
            switch fault {
            case "another name": client.tls.serverName = "server.europe.nomad"
            case "no name": client.tls.serverName = "127.0.0.2"
            case "the machine's CAs": client.tls.authorityFile = nil
            case "no such file": client.tls.authorityFile = "/absent.pem"
            default: client.tls.certificateFile = pair.certificate
            }
            let error = await #expect(throws: ConnectionError.self) { try await client.get("/v1/regions") }
            #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
        }
    }

    @Test func certificatesAreAskedFor() async throws {
        let reports = Mutex<[String]>([])
        let person = try certificates.issue("cli", .cli)
        try await serving(asksCertificate: true, report: { _, reason in reports.withLock { $0.append(reason) } }) {
            client in
            let error = await #expect(throws: ConnectionError.self) { try await client.get("/v1/regions") }
            #expect(
                error?.description.contains("the other end asks for a certificate, and this end has shown none")
                    == true,
                "\(error?.description ?? "")")
            var known = client
            (known.tls.certificateFile, known.tls.keyFile) = (person.certificate, person.key)
            try await expectServed(known)
        }
        #expect(reports.withLock { $0 } == ["the other end showed no certificate"])
    }

    @Test func plainHTTPIsToldSo() async throws {
        let reports = Mutex<[String]>([])
        try await serving(report: { _, reason in reports.withLock { $0.append(reason) } }) { client in
            guard case .https(_, let port) = client.address else { return }
            let answer = try await DroverClient(address: .http(host: "127.0.0.1", port: port)).send(
                "GET", "/v1/regions")
            #expect(answer.status == 400 && answer.text == "Client sent an HTTP request to an HTTPS server.\n")
        }
        #expect(reports.withLock { $0 } == ["it does not speak TLS, and this port speaks nothing else"])
    }

    @Test func tlsToAPlainPortIsToldSo() async throws {
        let reports = Mutex<[String]>([])
        try await withAPI(report: { _, reason in reports.withLock { $0.append(reason) } }) { client in
            guard case .http(_, let port) = client.address else { return }
            let secure = DroverClient(address: .https(host: "127.0.0.1", port: port))
            let error = await #expect(throws: ConnectionError.self) { try await secure.get("/v1/regions") }
            #expect(
                error?.description.contains("the other end does not speak TLS") == true, "\(error?.description ?? "")")
            try await expectServed(client)
        }
        #expect(reports.withLock { $0 }.first?.contains("what it sent is no HTTP request") == true)
    }

    /// Silence, and a handshake that goes no further, end after their time.
    @Test(arguments: [("", "nothing was said within"), ("\u{16}\u{3}\u{1}", "the TLS handshake took too long")])
    func slowHandshakesEnd(bytes: String, words: String) async throws {
        let reports = Mutex<[String]>([])
        try await serving(
            handshakeTimeout: .milliseconds(200), report: { _, reason in reports.withLock { $0.append(reason) } }
        ) { client in
            guard case .https(_, let port) = client.address else { return }
            let answer = try await NIOThreadPool.singleton.runIfActive {
                try RawConnection(port: port).exchange(bytes, closes: false)
            }
            #expect(answer.isEmpty)
        }
        #expect(reports.withLock { $0 }.contains { $0.contains(words) })
    }
}
