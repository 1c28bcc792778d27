internal import Basics
internal import NIOCore
internal import NIOSSL

/// Mutual TLS: both ends show a certificate of one authority, and are checked for their role.
package struct TransportSecurity: Sendable {
    /// PEM files: the authority's certificates, this agent's certificate (chain) and its key.
    package var authorityFile: String
    package var certificateFile: String
    package var keyFile: String
    /// A DNS name that a server's certificate must carry, such as `server.global.nomad`; nil accepts any of the
    /// authority.
    package var serverName: String?
    /// DNS names of which a caller's certificate must carry one; empty accepts any of the authority.
    package var callerNames: [String] = []
    /// Refuse versions below TLS 1.3.
    package var requiresTLS13 = false

    package init(authorityFile: String, certificateFile: String, keyFile: String, serverName: String? = nil) {
        self.authorityFile = authorityFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.serverName = serverName
    }
}

/// A ``TransportSecurity`` with its files read.
///
/// The chain is checked by the TLS library, which is why nothing here replaces its verification; names are checked once
/// a connection,
/// afterwards. Host names are not: agents are dialled by address.
struct SecurityContext: Sendable {
    private let client: NIOSSLContext
    private let server: NIOSSLContext
    private let settings: TransportSecurity

    init(_ settings: TransportSecurity) throws {
        self.settings = settings
        func read<Value>(_ file: String, _ what: String, _ body: () throws -> Value) throws -> Value {
            do {
                return try body()
            } catch {
                throw CallError(.invalid, "\(what) \(file) cannot be used (\(error)); expected PEM")
            }
        }
        let authority = try read(settings.authorityFile, "CA file") {
            try NIOSSLCertificate.fromPEMFile(settings.authorityFile)
        }
        let chain = try read(settings.certificateFile, "certificate") {
            try NIOSSLCertificate.fromPEMFile(settings.certificateFile).map { NIOSSLCertificateSource.certificate($0) }
        }
        let key = try read(settings.keyFile, "key") { try NIOSSLPrivateKey(file: settings.keyFile, format: .pem) }
        var serverTLS = TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key))
        serverTLS.trustRoots = .certificates(authority)
        serverTLS.certificateVerification = .noHostnameVerification
        var clientTLS = TLSConfiguration.makeClientConfiguration()
        clientTLS.trustRoots = .certificates(authority)
        clientTLS.certificateChain = chain
        clientTLS.privateKey = .privateKey(key)
        clientTLS.certificateVerification = .noHostnameVerification
        serverTLS.minimumTLSVersion = settings.requiresTLS13 ? .tlsv13 : .tlsv12
        clientTLS.minimumTLSVersion = serverTLS.minimumTLSVersion
        server = try read(settings.certificateFile, "certificate") { try NIOSSLContext(configuration: serverTLS) }
        client = try read(settings.certificateFile, "certificate") { try NIOSSLContext(configuration: clientTLS) }
    }

    func clientHandler(for address: NetworkAddress) throws -> NIOSSLClientHandler {
        try NIOSSLClientHandler(context: client, serverHostname: nil)
    }

    func serverHandler() -> NIOSSLServerHandler { NIOSSLServerHandler(context: server) }

    func refusalOfServer(_ names: [String]) -> String? {
        guard let wanted = settings.serverName, !names.contains(wanted) else { return nil }
        return
            "the server's certificate is for \(names.joined(separator: ", ")), not for \(wanted): wrong region or role?"
    }

    func refusalOfCaller(_ names: [String]) -> String? {
        guard !settings.callerNames.isEmpty, !names.contains(where: settings.callerNames.contains) else { return nil }
        return "the caller's certificate is for \(names.joined(separator: ", ")), not for any of "
            + settings.callerNames.joined(separator: ", ")
    }
}
