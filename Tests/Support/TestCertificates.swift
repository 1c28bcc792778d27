internal import Basics
package import Certificates
internal import Glibc

/// A CA of a test's own and certificates by it, in a folder that goes with it.
package final class TestCertificates: Sendable {
    private let folder: TemporaryFolder
    private let authority: CertificateAuthority

    package init() throws {
        folder = try TemporaryFolder("certificates")
        let now = TestCertificates.now
        authority = try CertificateAuthority(validFrom: now + .seconds(-86_400), validUntil: now + .seconds(86_400))
        try folder.write("ca.pem", try authority.files.certificate)
    }

    /// PEM files of a certificate and its key.
    package struct Pair: Sendable {
        package let certificate: String
        package let key: String
    }

    package var authorityFile: String { folder.path + "/ca.pem" }

    /// Makes a certificate, valid until `seconds` from now, and writes it as `name`; one of that name is replaced.
    package func issue(
        _ name: String, _ role: CertificateWish.Role, region: String = "global", seconds: Int64 = 3_600
    ) throws -> Pair {
        let now = TestCertificates.now
        let files = try authority.issue(
            CertificateWish(
                role, region: region, validFrom: now + .seconds(-7_200), validUntil: now + .seconds(seconds)))
        try folder.write(name + ".pem", files.certificate)
        try folder.write(name + "-key.pem", files.key)
        return Pair(certificate: "\(folder.path)/\(name).pem", key: "\(folder.path)/\(name)-key.pem")
    }

    /// Makes the certificate file `name` one that holds none.
    package func spoil(_ name: String) throws { try folder.write(name + ".pem", "no certificate\n") }

    private static var now: Timestamp { Timestamp(nanoseconds: Int64(time(nil)) * 1_000_000_000) }
}
