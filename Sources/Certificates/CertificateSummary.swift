package import Basics
internal import Foundation
internal import SwiftASN1
internal import X509

/// What a certificate says, for people.
package struct CertificateSummary: Sendable {
    /// Hexadecimal, pairs parted by colons.
    package let serialNumber: String
    package let issuer: String
    package let subject: String
    package let validFrom: Timestamp
    package let validUntil: Timestamp
    package let isAuthority: Bool
    package let names: [String]
    package let addresses: [String]
    /// DNS domains outside of which what this CA signs is not to be believed.
    package let nameConstraints: [String]

    /// - Throws: ``CertificateError`` when the text holds no PEM certificate.
    package init(pem: String) throws {
        let certificate: Certificate
        do {
            certificate = try Certificate(pemEncoded: pem)
        } catch {
            throw CertificateError("no PEM certificate: \(error)")
        }
        serialNumber = certificate.serialNumber.bytes.map { CertificateSummary.hexadecimal($0) }.joined(separator: ":")
        issuer = certificate.issuer.description
        subject = certificate.subject.description
        validFrom = Timestamp(certificate.notValidBefore)
        validUntil = Timestamp(certificate.notValidAfter)
        let constraints = (try? certificate.extensions.basicConstraints) ?? .notCertificateAuthority
        if case .isCertificateAuthority = constraints { isAuthority = true } else { isAuthority = false }
        let alternatives = (try? certificate.extensions.subjectAlternativeNames).map { Array($0) } ?? []
        names = alternatives.compactMap { if case .dnsName(let name) = $0 { name } else { nil } }
        addresses = alternatives.compactMap { name in
            guard case .ipAddress(let octets) = name else { return nil }
            return CertificateSummary.address(Array(octets.bytes))
        }
        nameConstraints = ((try? certificate.extensions.nameConstraints)?.permittedDNSDomains).map { Array($0) } ?? []
    }

    private static func hexadecimal(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }

    private static func address(_ octets: [UInt8]) -> String {
        if octets.count == 4 { return octets.map(String.init).joined(separator: ".") }
        return stride(from: 0, to: octets.count - 1, by: 2)
            .map { String(Int(octets[$0]) << 8 | Int(octets[$0 + 1]), radix: 16) }.joined(separator: ":")
    }
}

extension Timestamp {
    init(_ date: Date) { self.init(nanoseconds: Int64(date.timeIntervalSince1970) * 1_000_000_000) }
}
