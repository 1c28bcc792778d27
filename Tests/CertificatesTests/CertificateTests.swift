import Basics
import Certificates
import Testing

struct CertificateTests {
    private static let from = Timestamp(nanoseconds: 1_700_000_000_000_000_000)
    private static let until = from + .seconds(86_400)

    private func authority(constraints: [String] = []) throws -> CertificateAuthority {
        var name = AuthorityName()
        name.country = "CH"
        name.organization = "Example"
        name.postalCode = "8000"
        return try CertificateAuthority(
            name, nameConstraints: constraints, validFrom: Self.from, validUntil: Self.until)
    }

    @Test func anAuthoritySaysWhoItIs() throws {
        let summary = try CertificateSummary(pem: authority(constraints: ["nomad", "localhost"]).files.certificate)
        #expect(summary.isAuthority && summary.subject == summary.issuer)
        for part in ["CN=Drover Agent CA", "O=Example", "C=CH"] { #expect(summary.subject.contains(part)) }
        #expect(summary.validFrom == Self.from && summary.validUntil == Self.until)
        #expect(summary.nameConstraints == ["nomad", "localhost"])
    }

    @Test(arguments: [
        (
            CertificateWish.Role.server, ["server.europe.nomad", "localhost", "db"],
            ["127.0.0.1", "10.0.0.7", "fd00:0:0:0:0:0:0:1"]
        ),
        (.client, ["client.europe.nomad", "localhost", "db"], ["127.0.0.1", "10.0.0.7", "fd00:0:0:0:0:0:0:1"]),
        (.cli, ["cli.europe.nomad", "localhost", "db"], ["10.0.0.7", "fd00:0:0:0:0:0:0:1"]),
    ])
    func certificatesNameRoleAndRegion(role: CertificateWish.Role, names: [String], addresses: [String]) throws {
        // A CA read back signs as one just made.
        let authority = try CertificateAuthority(try authority().files)
        var wish = CertificateWish(role, region: "europe", validFrom: Self.from, validUntil: Self.until)
        wish.names = ["db", "localhost"]
        wish.addresses = ["10.0.0.7", "fd00::1"]
        let issued = try authority.issue(wish)
        let summary = try CertificateSummary(pem: issued.certificate)
        #expect(summary.names == names && summary.addresses == addresses && !summary.isAuthority)
        #expect(summary.issuer.contains("CN=Drover Agent CA") && summary.subject == "CN=\(names[0])")
        #expect(issued.key.contains("PRIVATE KEY"))
        #expect(throws: CertificateError.self) { try CertificateAuthority(issued) }
    }

    @Test func whatDoesNotBelongTogetherIsRefused() throws {
        let (one, other) = (try authority().files, try authority().files)
        let mixed = #expect(throws: CertificateError.self) {
            try CertificateAuthority(certificate: one.certificate, key: other.key)
        }
        #expect(mixed?.description.contains("the CA's key does not belong to its certificate") == true)
        #expect(throws: CertificateError.self) { try CertificateAuthority(certificate: "nothing", key: one.key) }
        #expect(throws: CertificateError.self) { try CertificateSummary(pem: one.key) }
        var wish = CertificateWish(.server, validFrom: Self.from, validUntil: Self.until)
        wish.addresses = ["somewhere"]
        let address = #expect(throws: CertificateError.self) { try authority().issue(wish) }
        #expect(address?.description.contains("\"somewhere\" is no IP address") == true)
    }
}
