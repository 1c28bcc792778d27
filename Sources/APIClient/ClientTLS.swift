internal import Connections
internal import Glibc
internal import NIOSSL

/// How a client of an agent under https checks it, and what certificate it shows.
///
/// Without a CA the machine's own are believed.
public struct ClientTLS: Sendable, Equatable {
    /// A PEM file of CA certificates (`CACERT`).
    public var authorityFile: String?
    /// A folder of such files (`CAPATH`); counts when there is no file.
    public var authorityFolder: String?
    /// PEM files of a certificate and its key, for agents that ask for one (`CLIENT_CERT`, `CLIENT_KEY`).
    public var certificateFile: String?
    public var keyFile: String?
    /// The name expected in the agent's certificate, such as `server.global.nomad`, if it is not the address's host
    /// (`TLS_SERVER_NAME`).
    public var serverName: String?
    /// Believe any certificate (`SKIP_VERIFY`): for trying out only.
    public var skipsVerification = false

    public init() {}

    /// - Throws: ``ConnectionError`` naming the file that cannot be used.
    func context() throws(ConnectionError) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if skipsVerification { configuration.certificateVerification = .none }
        if let authorityFile {
            configuration.trustRoots = .certificates(try ClientTLS.certificates(authorityFile))
        } else if let authorityFolder {
            configuration.trustRoots = .certificates(try ClientTLS.certificates(below: authorityFolder))
        }
        guard (certificateFile == nil) == (keyFile == nil) else {
            throw ConnectionError("a client certificate needs its key: give both -client-cert and -client-key")
        }
        if let certificateFile, let keyFile {
            configuration.certificateChain = try ClientTLS.certificates(certificateFile).map { .certificate($0) }
            do {
                configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: keyFile, format: .pem))
            } catch {
                throw ConnectionError("the key \(keyFile) cannot be used: \(error)")
            }
        }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw ConnectionError("the certificate \(certificateFile ?? "") cannot be used with its key: \(error)")
        }
    }

    private static func certificates(_ file: String) throws(ConnectionError) -> [NIOSSLCertificate] {
        do {
            return try NIOSSLCertificate.fromPEMFile(file)
        } catch {
            throw ConnectionError("\(file) cannot be read as PEM certificates: \(error)")
        }
    }

    private static func certificates(below folder: String) throws(ConnectionError) -> [NIOSSLCertificate] {
        guard let directory = opendir(folder) else {
            throw ConnectionError("the folder \(folder) cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { closedir(directory) }
        var all: [NIOSSLCertificate] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".pem") || name.hasSuffix(".crt") { all += try certificates("\(folder)/\(name)") }
        }
        guard !all.isEmpty else { throw ConnectionError("the folder \(folder) holds no file ending in .pem or .crt") }
        return all
    }
}
