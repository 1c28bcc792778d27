internal import NIOCore
package import NIOSSL

/// A ``TLSSettings`` with its files read: what a connection needs to begin TLS.
package struct TLSIdentity: Sendable {
    private let client: NIOSSLContext
    /// Ask the caller for a certificate of the authority, or do not.
    private let mutualServer: NIOSSLContext
    private let openServer: NIOSSLContext

    /// - Throws: ``TLSError`` naming the file or setting that cannot be used.
    package init(_ settings: TLSSettings) throws(TLSError) {
        let authority = try TLSIdentity.read(settings.authorityFile, "CA file") {
            try NIOSSLCertificate.fromPEMFile(settings.authorityFile)
        }
        let chain = try TLSIdentity.read(settings.certificateFile, "certificate") {
            try NIOSSLCertificate.fromPEMFile(settings.certificateFile).map { NIOSSLCertificateSource.certificate($0) }
        }
        let key = try TLSIdentity.read(settings.keyFile, "key") {
            NIOSSLPrivateKeySource.privateKey(try NIOSSLPrivateKey(file: settings.keyFile, format: .pem))
        }
        var server = TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: key)
        server.trustRoots = .certificates(authority)
        server.minimumTLSVersion = settings.versionMin.version
        var client = TLSConfiguration.makeClientConfiguration()
        client.trustRoots = .certificates(authority)
        client.certificateChain = chain
        client.privateKey = key
        // Agents are dialled by address; the names in certificates say role and region, and are checked afterwards.
        client.certificateVerification = .noHostnameVerification
        client.minimumTLSVersion = settings.versionMin.version
        if !settings.cipherSuites.isEmpty {
            let suites = try settings.cipherSuites.map { name throws(TLSError) in try TLSIdentity.cipherSuite(name) }
            server.cipherSuiteValues = suites
            client.cipherSuiteValues = suites
        }
        openServer = try TLSIdentity.context(server, settings)
        server.certificateVerification = .noHostnameVerification
        mutualServer = try TLSIdentity.context(server, settings)
        self.client = try TLSIdentity.context(client, settings)
    }

    /// For a connection this end makes.
    package func clientHandler() throws -> NIOSSLClientHandler {
        try NIOSSLClientHandler(context: client, serverHostname: nil)
    }

    /// For an accepted connection; with `asksCertificate` the caller must show a certificate of the authority.
    package func serverHandler(asksCertificate: Bool) -> NIOSSLServerHandler {
        NIOSSLServerHandler(context: asksCertificate ? mutualServer : openServer)
    }

    private static func read<Value>(
        _ file: String, _ what: String, _ body: () throws -> Value
    ) throws(TLSError) -> Value {
        do {
            return try body()
        } catch {
            throw TLSError(
                "\(what) \(file) cannot be used: \(reason(error)); expected a PEM file that this user can read")
        }
    }

    private static func context(
        _ configuration: TLSConfiguration, _ settings: TLSSettings
    ) throws(TLSError) -> NIOSSLContext {
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw TLSError(
                "certificate \(settings.certificateFile) cannot be used with key \(settings.keyFile): \(reason(error)); "
                    + "give the two files that were made together")
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case NIOSSLError.noSuchFilesystemObject: "there is no such file"
        case NIOSSLError.failedToLoadCertificate: "it holds no certificate"
        case NIOSSLError.failedToLoadPrivateKey: "it holds no private key, or one under a passphrase"
        case let error as IOError: "\(error)"
        default: "\(error)"
        }
    }

    private static func cipherSuite(_ name: String) throws(TLSError) -> NIOTLSCipher {
        guard let suite = suites.first(where: { $0.name == name }) else {
            let known = suites.map(\.name).joined(separator: ", ")
            throw TLSError("tls_cipher_suites: \"\(name)\" is not known; known are \(known)")
        }
        return suite.value
    }

    private static let suites: [(name: String, value: NIOTLSCipher)] = [
        ("TLS_RSA_WITH_AES_128_CBC_SHA", .TLS_RSA_WITH_AES_128_CBC_SHA),
        ("TLS_RSA_WITH_AES_256_CBC_SHA", .TLS_RSA_WITH_AES_256_CBC_SHA),
        ("TLS_RSA_WITH_AES_128_GCM_SHA256", .TLS_RSA_WITH_AES_128_GCM_SHA256),
        ("TLS_RSA_WITH_AES_256_GCM_SHA384", .TLS_RSA_WITH_AES_256_GCM_SHA384),
        ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", .TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA),
        ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", .TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA),
        ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", .TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA),
        ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", .TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA),
        ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
        ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
        ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
        // Go, whose names configuration files have, leaves out the hash of these two.
        ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
        ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
        ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
        ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ]
}

extension TLSSettings.Version {
    fileprivate var version: TLSVersion {
        switch self {
        case .tls10: .tlsv1
        case .tls11: .tlsv11
        case .tls12: .tlsv12
        case .tls13: .tlsv13
        }
    }
}
