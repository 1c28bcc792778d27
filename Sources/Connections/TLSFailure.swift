internal import Basics
internal import Glibc
package import NIOSSL

/// The TLS library's errors in words an operator can act on.
package enum TLSFailure {
    /// What the words of the library's error mean; the first that is contained counts.
    private static let meanings = [
        ("ALERT_UNKNOWN_CA", "the other end does not know the CA that signed this end's certificate (cert_file)"),
        (
            "ALERT_CERTIFICATE_EXPIRED",
            "the other end says that this end's certificate (cert_file) has expired or is not valid yet"
        ),
        ("ALERT_CERTIFICATE_REQUIRED", "the other end asks for a certificate, and this end has shown none"),
        ("ALERT_BAD_CERTIFICATE", "the other end refused this end's certificate (cert_file)"),
        ("ALERT_CERTIFICATE_UNKNOWN", "the other end refused this end's certificate (cert_file)"),
        ("ALERT_UNSUPPORTED_CERTIFICATE", "the other end refused this end's certificate: it is not for this use"),
        ("ALERT_PROTOCOL_VERSION", "the two ends have no version of TLS in common; see tls_min_version"),
        ("UNSUPPORTED_PROTOCOL", "the two ends have no version of TLS in common; see tls_min_version"),
        ("NO_SHARED_CIPHER", "the two ends have no cipher suite in common; see tls_cipher_suites"),
        ("ALERT_HANDSHAKE_FAILURE", "the other end found no cipher suite or certificate to go on with"),
        ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "the other end showed no certificate"),
        ("WRONG_VERSION_NUMBER", "the other end does not speak TLS; is it on at both ends?"),
        ("HTTP_REQUEST", "the other end does not speak TLS; is it on at both ends?"),
        ("EOF during handshake", "the other end closed the connection during the TLS handshake; is TLS on there?"),
    ]

    /// A sentence for `error`, or nil when it is none of TLS. The certificate that the other end showed, if it came to that, tells
    /// why it was refused.
    package static func describe(_ error: any Error, certificate: NIOSSLCertificate?) -> String? {
        switch error {
        case NIOSSLError.uncleanShutdown: return "the other end broke the connection off"
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            return wrongName(certificate)
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError: break
        default: return nil
        }
        let text = "\(error)"
        if text.contains("CERTIFICATE_VERIFY_FAILED") { return refused(certificate) }
        return meanings.first { text.contains($0.0) }?.1 ?? "TLS failed: \(text)"
    }

    /// Why a certificate is not taken for `name`, if it is not; `*` in it stands for one label (RFC 6125 §6.4.3).
    package static func refusal(of certificate: NIOSSLCertificate?, for name: String) -> String? {
        let wanted = name.lowercased()
        let rest = wanted.firstIndex(of: ".").map { "*" + wanted[$0...] }
        let isFor = certificate?.dnsNames.contains { $0.lowercased() == wanted || $0.lowercased() == rest } ?? false
        return isFor ? nil : wrongName(certificate)
    }

    private static func wrongName(_ certificate: NIOSSLCertificate?) -> String {
        "the other end's certificate is for \(names(certificate)), not for the name it was asked for; give one of these "
            + "with -tls-server-name if it is the right agent"
    }

    private static func refused(_ certificate: NIOSSLCertificate?) -> String {
        guard let certificate else {
            return "the other end's certificate is not signed by a CA this end knows (ca_file), or is not valid now"
        }
        let now = time(nil)
        let whose = "the other end's certificate, for \(names(certificate)),"
        if certificate.notValidAfter < now { return "\(whose) expired on \(text(certificate.notValidAfter))" }
        if certificate.notValidBefore > now {
            return "\(whose) is not valid before \(text(certificate.notValidBefore)); are both clocks right?"
        }
        return "\(whose) is not signed by a CA this end knows (ca_file)"
    }

    private static func text(_ seconds: time_t) -> String {
        Timestamp(nanoseconds: Int64(seconds) * 1_000_000_000).rfc3339
    }

    private static func names(_ certificate: NIOSSLCertificate?) -> String {
        let names = certificate?.dnsNames ?? []
        return names.isEmpty ? "no name" : names.joined(separator: ", ")
    }
}

extension NIOSSLCertificate {
    /// The DNS names it is for, in order.
    package var dnsNames: [String] {
        _subjectAlternativeNames().compactMap { name in
            guard name.nameType == .dnsName else { return nil }
            return name.contents.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
        }
    }
}
