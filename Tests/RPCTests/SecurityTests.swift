import Basics
import Certificates
import Connections
import TestSupport
import Testing

@testable import RPC

/// Mutual TLS over real sockets: who is let in, and what both ends say of who is not.
struct SecurityTests {
    @Test func theCallerIsNamed() async throws {
        let certificates = try TestCertificates()
        let caller = try await call(
            as: try security(certificates, .client), to: try security(certificates, .server), role: .client,
            TestHandler.caller)
        #expect(try caller.answer.get() == Array("client.global.nomad".utf8) && caller.reports.isEmpty)
    }

    /// What the caller of a table's row shows, and the words that both ends say of it.
    struct Refusal: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var role = CertificateWish.Role.client
        var region = "global"
        var seconds: Int64 = 3_600
        /// Whose CA the caller believes, and whose signed its certificate.
        var believesOther = false
        var isOutsider = false
        var isPlain = false
        var serverIsPlain = false
        var says = TransportRole.client
        let caller: String
        /// Nil where the caller turns the server away before it says anything.
        let server: String?
    }

    static let refusals = [
        Refusal(
            testDescription: "another CA", believesOther: true, isOutsider: true,
            caller: "for server.global.nomad, localhost, is not signed by a CA this end knows",
            server: "the other end does not know the CA that signed this end's certificate"),
        Refusal(
            testDescription: "a certificate of another CA", isOutsider: true,
            caller: "the other end does not know the CA that signed this end's certificate",
            server: "for client.global.nomad, localhost, is not signed by a CA this end knows"),
        Refusal(
            testDescription: "expired", seconds: -60, caller: "this end's certificate (cert_file) has expired",
            server: "the other end's certificate, for client.global.nomad, localhost, expired on"),
        Refusal(
            testDescription: "another region's client", region: "europe",
            caller: "the other end refused: the caller says it is a client; its certificate is for client.europe.nomad",
            server: "not for client.global.nomad or server.global.nomad: wrong region or role?"),
        Refusal(
            testDescription: "a client as a server", says: .server,
            caller: "the other end refused: the caller says it is a server; its certificate is for client.global.nomad",
            server: "not for server.global.nomad: wrong region or role?"),
        Refusal(
            testDescription: "a person as a client", role: .cli,
            caller: "its certificate is for cli.global.nomad", server: "wrong region or role?"),
        Refusal(
            testDescription: "no TLS", isPlain: true,
            caller: "this port speaks TLS only", server: "this port speaks TLS only"),
        Refusal(
            testDescription: "TLS where there is none", serverIsPlain: true,
            caller: "the other end does not speak TLS", server: "the first bytes are not Drover's"),
    ]

    @Test(arguments: refusals)
    func bothEndsSayWhy(row: Refusal) async throws {
        let certificates = try TestCertificates()
        let others = try TestCertificates()
        let pair = try (row.isOutsider ? others : certificates).issue(
            "caller", row.role, region: row.region, seconds: row.seconds)
        let source = try TLSSource(files(row.believesOther ? others : certificates, pair))
        let caller = row.isPlain ? nil : TransportSecurity(source: source, region: "global")
        let server = row.serverIsPlain ? nil : try security(certificates, .server)
        let seen = try await call(as: caller, to: server, role: row.says, TestHandler.echo)
        #expect(throws: CallError.self) { try seen.answer.get() }
        guard case .failure(let error) = seen.answer else { return }
        #expect(error.code == .undone && error.message.contains(row.caller), "\(error)")
        if let words = row.server { #expect(seen.reports.contains { $0.contains(words) }, "\(seen.reports)") }
    }

    /// A server of another region is let in and told from this one's; it is called as one of its region.
    @Test func serversOfOtherRegionsPassCallsOn() async throws {
        let certificates = try TestCertificates()
        var european = try security(certificates, .server, region: "europe")
        european.region = "europe"
        let own = try security(certificates, .server)
        #expect(own.refusalOfCaller(["server.europe.nomad"], role: .server) == nil)
        #expect(own.refusalOfCaller(["server.europe.nomad"], role: .client) != nil)
        #expect(own.refusalOfCaller(["client.europe.nomad"], role: .server) != nil)
        #expect(own.region(of: ["server.europe.nomad", "localhost"]) == "europe")
        #expect(own.region(of: ["server.europe.nomad", "server.global.nomad"]) == "global")
        #expect(own.region(of: ["client.global.nomad"]) == "global")
        #expect(own.refusalOfServer(["server.europe.nomad"]) != nil)
        #expect(own.towards("europe").refusalOfServer(["server.europe.nomad"]) == nil)
        #expect(european.towards("global").refusalOfServer(["server.europe.nomad"]) != nil)
        var anybody = own
        anybody.region = nil
        #expect(anybody.region(of: ["server.europe.nomad"]) == nil)
    }

    /// A server whose certificate is another region's, or a client's, is not spoken to, and learns why.
    @Test(arguments: [(CertificateWish.Role.server, "europe"), (.client, "global")])
    func theServerIsCheckedToo(role: CertificateWish.Role, region: String) async throws {
        let certificates = try TestCertificates()
        var server = try security(certificates, role, region: region)
        server.region = nil
        let seen = try await call(
            as: try security(certificates, .client), to: server, role: .client, TestHandler.echo)
        guard case .failure(let error) = seen.answer else {
            Issue.record("the server was spoken to")
            return
        }
        let words = "certificate is for \(role.rawValue).\(region).nomad, localhost, not for server.global.nomad"
        #expect(error.code == .undone && error.message.contains("the server's \(words)"), "\(error)")
        #expect(
            seen.reports.contains { $0.contains("the other end refused: the server's \(words)") }, "\(seen.reports)")
    }

    /// Names do not matter where they are not to be checked; the CA does.
    @Test func namesAreCheckedOnlyIfWanted() async throws {
        let certificates = try TestCertificates()
        var (caller, server) = (
            try security(certificates, .cli, region: "europe"), try security(certificates, .client, region: "asia")
        )
        (caller.region, server.region) = (nil, nil)
        let seen = try await call(as: caller, to: server, role: .client, TestHandler.caller)
        #expect(try seen.answer.get() == Array("cli.europe.nomad".utf8))
    }

    /// While a cluster changes over, both kinds of connection come and go.
    @Test func upgradingTakesBothKinds() async throws {
        let certificates = try TestCertificates()
        var upgrading = try security(certificates, .server)
        upgrading.allowsPlain = true
        let plain = try await call(as: nil, to: upgrading, role: .server, TestHandler.caller)
        #expect(try plain.answer.get() == Array("none".utf8))
        let secure = try await call(
            as: upgrading, to: try security(certificates, .server), role: .server, TestHandler.caller)
        #expect(try secure.answer.get() == Array("server.global.nomad".utf8))
        // To one that has no TLS yet, the second attempt is a plain one.
        let old = try await call(as: upgrading, to: nil, role: .server, TestHandler.caller, attempts: 50)
        #expect(try old.answer.get() == Array("none".utf8))
    }

    /// New connections use what was read last; files that cannot be used change nothing.
    @Test func certificatesAreReadAgain() async throws {
        let certificates = try TestCertificates()
        let settings = TestHandler()
        let pair = try certificates.issue("agent", .server)
        let source = try TLSSource(files(certificates, pair))
        let server = TCPNetwork(settings: quick, security: TransportSecurity(source: source))
        try await serving(server, settings) { address in
            func name() async throws -> CallError? {
                let caller = try security(certificates, .client)
                let client = TCPNetwork(settings: quick, security: caller)
                defer { client.disconnect() }
                do {
                    _ = try await client.peer(at: address).call(TestHandler.echo, [], deadline: .seconds(20))
                    return nil
                } catch let error as CallError {
                    return error
                }
            }
            #expect(try await name() == nil)
            _ = try certificates.issue("agent", .server, region: "europe")
            #expect(try await name() == nil, "nobody has said that there are new ones")
            try source.reload()
            #expect(try await name()?.message.contains("is for server.europe.nomad") == true)
            _ = try certificates.issue("agent", .server)
            try source.reload()
            #expect(try await name() == nil)
        }
    }

    // MARK: - Support

    private func files(_ certificates: TestCertificates, _ pair: TestCertificates.Pair) -> TLSSettings {
        TLSSettings(
            authorityFile: certificates.authorityFile, certificateFile: pair.certificate, keyFile: pair.key)
    }

    private func security(
        _ certificates: TestCertificates, _ role: CertificateWish.Role, region: String = "global"
    ) throws -> TransportSecurity {
        let pair = try certificates.issue("\(role.rawValue)-\(region)", role, region: region)
        return TransportSecurity(source: try TLSSource(files(certificates, pair)), region: "global")
    }

    /// One call, what came of it, and what the server reported meanwhile.
    private func call(
        as caller: TransportSecurity?, to server: TransportSecurity?, role: TransportRole, _ method: UInt16,
        attempts: Int = 1
    ) async throws -> (answer: Result<[UInt8], CallError>, reports: [String]) {
        let reports = Shared<[String]>([])
        let answers = Shared<[Result<[UInt8], CallError>]>([])
        let network = TCPNetwork(settings: quick, security: server) { _, reason in
            reports.withLock { $0.append(reason) }
        }
        var settings = quick
        settings.role = role
        let client = TCPNetwork(settings: settings, security: caller)
        try await serving(network, TestHandler()) { address in
            let peer = client.peer(at: address)
            for attempt in 1...attempts {
                do {
                    let answer = try await peer.call(method, [], deadline: .seconds(20))
                    answers.withLock { $0.append(.success(answer)) }
                    return
                } catch let error as CallError {
                    if attempt == attempts { answers.withLock { $0.append(.failure(error)) } }
                    try await Task.sleep(for: .milliseconds(attempts == 1 ? 0 : 5))
                }
            }
            // The server hears of it a moment later.
            for _ in 0..<500 where reports.withLock({ $0.isEmpty }) { try await Task.sleep(for: .milliseconds(2)) }
        }
        client.disconnect()
        return (try #require(answers.withLock { $0.first }), reports.withLock { $0 })
    }
}
