import Certificates
import Connections
import TestSupport
import Testing

struct TLSIdentityTests {
    private let certificates: TestCertificates
    private let settings: TLSSettings

    init() throws {
        certificates = try TestCertificates()
        let pair = try certificates.issue("one", .server)
        settings = TLSSettings(
            authorityFile: certificates.authorityFile, certificateFile: pair.certificate, keyFile: pair.key)
    }

    /// What is changed in settings that are right, and the words of the error.
    static let faults: [(String, any WritableKeyPath<TLSSettings, String> & Sendable, String, String)] = [
        ("no CA file", \.authorityFile, "/absent/ca.pem", "CA file /absent/ca.pem cannot be used"),
        ("no certificate file", \.certificateFile, "/absent/c.pem", "certificate /absent/c.pem cannot be used"),
        ("no key file", \.keyFile, "/absent/k.pem", "key /absent/k.pem cannot be used"),
        ("no PEM", \.authorityFile, "/dev/null", "CA file /dev/null cannot be used"),
        ("no key in it", \.keyFile, "/dev/null", "key /dev/null cannot be used"),
    ]

    @Test(arguments: faults.indices)
    func faultsAreNamed(row: Int) {
        var settings = settings
        settings[keyPath: Self.faults[row].1] = Self.faults[row].2
        let error = #expect(throws: TLSError.self) { try TLSIdentity(settings) }
        #expect(
            error?.description.contains(Self.faults[row].3) == true,
            "\(Self.faults[row].0): \(error?.description ?? "")")
    }

    @Test func theKeyMustBeTheCertificates() throws {
        var settings = settings
        settings.keyFile = try certificates.issue("two", .server).key
        let error = #expect(throws: TLSError.self) { try TLSIdentity(settings) }
        #expect(error?.description.contains("give the two files that were made together") == true)
    }

    @Test func suitesAreKnownByName() throws {
        var settings = settings
        settings.cipherSuites = ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305"]
        _ = try TLSIdentity(settings)
        settings.cipherSuites.append("ROT13")
        let error = #expect(throws: TLSError.self) { try TLSIdentity(settings) }
        #expect(error?.description.contains("tls_cipher_suites: \"ROT13\" is not known") == true)
    }

    @Test func aFailedReloadKeepsWhatIsInUse() throws {
        let source = try TLSSource(settings)
        _ = try certificates.issue("one", .client)
        try source.reload()
        _ = try certificates.issue("one", .server, seconds: 60)
        try certificates.spoil("one")
        let error = #expect(throws: TLSError.self) { try source.reload() }
        #expect(error?.description.contains(settings.certificateFile) == true)
        _ = try source.current.clientHandler()
    }

    @Test func limitsCountByAddressAndInAll() {
        let limiter = ConnectionLimiter(perClientMax: 2, totalMax: 3)
        #expect(limiter.open("a") == nil && limiter.open("a") == nil)
        #expect(limiter.open("a") == "2 connections of this address are open")
        #expect(limiter.open("b") == "3 connections are open")
        limiter.close("a")
        limiter.close("b")
        #expect(limiter.open("b") == nil)
        limiter.close("a")
        #expect(limiter.open("a") == nil, "one of a's is left")
    }
}
