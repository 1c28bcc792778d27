package import Basics
internal import Crypto
internal import Foundation
internal import Glibc
internal import SwiftASN1
internal import X509

/// A certificate authority: its certificate, and the key that signs others.
package struct CertificateAuthority: Sendable {
    private let certificate: Certificate
    private let key: Certificate.PrivateKey

    /// A certificate or a CA as two PEM texts, to be kept in two files.
    package struct Files: Sendable {
        package let certificate: String
        package let key: String
    }

    /// A new one. Outside of the DNS domains in `nameConstraints` its certificates are not to be believed; empty is no limit.
    ///
    /// - Throws: ``CertificateError`` for a name that no certificate can hold.
    package init(
        _ name: AuthorityName = AuthorityName(), nameConstraints: [String] = [], validFrom: Timestamp,
        validUntil: Timestamp
    ) throws {
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let subject = try CertificateAuthority.distinguishedName(name)
        do {
            var extensions = try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                Critical(KeyUsage(digitalSignature: true, keyCertSign: true, cRLSign: true))
                SubjectKeyIdentifier(hash: key.publicKey)
            }
            if !nameConstraints.isEmpty {
                let constraints = NameConstraints(permittedDNSDomains: nameConstraints)
                try extensions.append(Certificate.Extension(constraints, critical: true))
            }
            certificate = try Certificate(
                version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
                notValidBefore: validFrom.date, notValidAfter: validUntil.date, issuer: subject, subject: subject,
                extensions: extensions, issuerPrivateKey: key)
        } catch {
            throw CertificateError("the CA cannot be made: \(error)")
        }
        self.key = key
    }

    /// One read back from its files.
    ///
    /// - Throws: ``CertificateError`` when the texts are no PEM, do not belong together, or are no CA's.
    package init(_ files: Files) throws {
        do {
            certificate = try Certificate(pemEncoded: files.certificate)
            key = try Certificate.PrivateKey(pemEncoded: files.key)
        } catch {
            throw CertificateError("the CA's certificate or key is not PEM that can be read: \(error)")
        }
        guard certificate.publicKey == key.publicKey else {
            throw CertificateError("the CA's key does not belong to its certificate; give the files made together")
        }
        guard case .isCertificateAuthority = try? certificate.extensions.basicConstraints else {
            throw CertificateError("the certificate given as the CA's is none of a CA; make one with \"tls ca create\"")
        }
    }

    package init(certificate: String, key: String) throws {
        try self.init(Files(certificate: certificate, key: key))
    }

    package var files: Files {
        get throws {
            Files(
                certificate: try certificate.serializeAsPEM().pemString + "\n",
                key: try key.serializeAsPEM().pemString + "\n")
        }
    }

    /// A certificate with a new key, signed by this CA.
    ///
    /// It may be shown as a server's and as a client's, since agents are both; a `cli` one as a client's only.
    /// - Throws: ``CertificateError`` for an address that is none, or a name that no certificate can hold.
    package func issue(_ wish: CertificateWish) throws -> Files {
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let names =
            wish.allNames.map { GeneralName.dnsName($0) }
            + (try wish.allAddresses.map { .ipAddress(try CertificateAuthority.octets(of: $0)) })
        do {
            let usage: [ExtendedKeyUsage.Usage] = wish.role == .cli ? [.clientAuth] : [.serverAuth, .clientAuth]
            let extensions = try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true, keyEncipherment: true))
                try ExtendedKeyUsage(usage)
                SubjectKeyIdentifier(hash: key.publicKey)
                AuthorityKeyIdentifier(
                    keyIdentifier: try certificate.extensions.subjectKeyIdentifier?.keyIdentifier)
                SubjectAlternativeNames(names)
            }
            let signed = try Certificate(
                version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
                notValidBefore: wish.validFrom.date, notValidAfter: wish.validUntil.date,
                issuer: certificate.subject, subject: try DistinguishedName { CommonName(wish.commonName) },
                extensions: extensions, issuerPrivateKey: self.key)
            return Files(
                certificate: try signed.serializeAsPEM().pemString + "\n",
                key: try key.serializeAsPEM().pemString + "\n")
        } catch {
            throw CertificateError("the certificate \(wish.commonName) cannot be made: \(error)")
        }
    }

    /// The address in network order: 4 bytes, or 16.
    private static func octets(of address: String) throws(CertificateError) -> ASN1OctetString {
        var (four, sixteen) = (in_addr(), in6_addr())
        if inet_pton(AF_INET, address, &four) == 1 {
            return ASN1OctetString(contentBytes: withUnsafeBytes(of: &four) { ArraySlice($0) })
        }
        guard inet_pton(AF_INET6, address, &sixteen) == 1 else {
            throw CertificateError("\"\(address)\" is no IP address; give names with -additional-dnsname")
        }
        return ASN1OctetString(contentBytes: withUnsafeBytes(of: &sixteen) { ArraySlice($0) })
    }

    private static func distinguishedName(_ name: AuthorityName) throws(CertificateError) -> DistinguishedName {
        let postalCode: ASN1ObjectIdentifier = [2, 5, 4, 17]
        let parts: [(ASN1ObjectIdentifier, String)] = [
            (.RDNAttributeType.countryName, name.country), (postalCode, name.postalCode),
            (.RDNAttributeType.stateOrProvinceName, name.province), (.RDNAttributeType.localityName, name.locality),
            (.RDNAttributeType.streetAddress, name.streetAddress),
            (.RDNAttributeType.organizationName, name.organization),
            (.RDNAttributeType.organizationalUnitName, name.organizationalUnit),
            (.RDNAttributeType.commonName, name.commonName),
        ]
        do {
            return try DistinguishedName(
                parts.filter { !$0.1.isEmpty }.map { type, text in
                    RelativeDistinguishedName.Attribute(
                        type: type,
                        // A country is two printable letters (X.520); everything else may be any text.
                        value: type == .RDNAttributeType.countryName
                            ? try .init(printableString: text) : .init(utf8String: text))
                })
        } catch {
            throw CertificateError("the CA's name cannot be written: \(error)")
        }
    }
}

extension Timestamp {
    var date: Date { Date(timeIntervalSince1970: Double(seconds)) }
}
