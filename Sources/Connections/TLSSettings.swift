/// Which certificates an agent shows and believes (the `tls` block).
package struct TLSSettings: Sendable, Equatable {
    package enum Version: String, Sendable, CaseIterable {
        case tls10
        case tls11
        case tls12
        case tls13
    }

    /// PEM files: the authority's certificates, this agent's certificate (chain), and its key.
    package var authorityFile: String
    package var certificateFile: String
    package var keyFile: String
    /// Lower ones are refused; TLS 1.2.
    package var versionMin = Version.tls12
    /// Names as IANA's, such as `TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256`, for versions up to 1.2; empty is the
    /// library's choice. TLS 1.3 has its own, which are not chosen.
    package var cipherSuites: [String] = []

    package init(authorityFile: String, certificateFile: String, keyFile: String) {
        self.authorityFile = authorityFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }
}

/// Why certificates cannot be used: which file or setting, and what is expected.
package struct TLSError: Error, Equatable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}
