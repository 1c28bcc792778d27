internal import DroverSDK
internal import Glibc

/// The functions of libssl (OpenSSL 3 or 1.1) that a client needs.
struct TLSLibrary: Sendable {
    private typealias Pointer = OpaquePointer
    private typealias Text = UnsafePointer<CChar>

    enum Want {
        case nothing
        case input
        case output
        case failed(String)
    }

    /// Opened once, and kept: code of OpenSSL must not be unmapped.
    static let shared: Result<TLSLibrary, PluginError> = Result { () throws(PluginError) in try TLSLibrary() }

    private let newContext: @convention(c) (Pointer?) -> Pointer?
    private let clientMethod: @convention(c) () -> Pointer?
    private let setVerify: @convention(c) (Pointer, Int32, OpaquePointer?) -> Void
    private let loadAuthority: @convention(c) (Pointer, Text, Text?) -> Int32
    private let loadMachine: @convention(c) (Pointer) -> Int32
    private let loadCertificate: @convention(c) (Pointer, Text) -> Int32
    private let loadKey: @convention(c) (Pointer, Text, Int32) -> Int32
    private let contextControl: @convention(c) (Pointer, Int32, Int, UnsafeMutableRawPointer?) -> Int
    private let newSession: @convention(c) (Pointer) -> Pointer?
    private let freeSession: @convention(c) (Pointer) -> Void
    private let setDescriptor: @convention(c) (Pointer, Int32) -> Int32
    private let setHost: @convention(c) (Pointer, Text) -> Int32
    private let getParameters: @convention(c) (Pointer) -> Pointer?
    private let setAddress: @convention(c) (Pointer, Text) -> Int32
    private let sessionControl: @convention(c) (Pointer, Int32, Int, UnsafeMutableRawPointer?) -> Int
    private let connectSession: @convention(c) (Pointer) -> Int32
    private let readSession: @convention(c) (Pointer, UnsafeMutableRawPointer, Int32) -> Int32
    private let writeSession: @convention(c) (Pointer, UnsafeRawPointer, Int32) -> Int32
    private let shutdownSession: @convention(c) (Pointer) -> Int32
    private let sessionError: @convention(c) (Pointer, Int32) -> Int32
    private let verifyResult: @convention(c) (Pointer) -> Int
    private let verifyText: @convention(c) (Int) -> Text?
    private let nextError: @convention(c) () -> UInt
    private let errorText: @convention(c) (UInt, UnsafeMutablePointer<CChar>, Int) -> Void

    private init() throws(PluginError) {
        let names = ["libssl.so.3", "libssl.so.1.1"]
        guard let ssl = names.lazy.compactMap({ dlopen($0, RTLD_NOW | RTLD_LOCAL) }).first else {
            throw PluginError(
                .unsupported, "TLS to the container engine needs OpenSSL: install libssl3, or use a unix endpoint")
        }
        func function<Function>(_ name: String, _ type: Function.Type) throws(PluginError) -> Function {
            // libssl's own libcrypto is found through it.
            guard let symbol = dlsym(ssl, name) else {
                throw PluginError(.unsupported, "this machine's libssl has no \(name)")
            }
            return unsafeBitCast(symbol, to: type)
        }
        newContext = try function("SSL_CTX_new", (@convention(c) (Pointer?) -> Pointer?).self)
        clientMethod = try function("TLS_client_method", (@convention(c) () -> Pointer?).self)
        setVerify = try function("SSL_CTX_set_verify", (@convention(c) (Pointer, Int32, Pointer?) -> Void).self)
        loadAuthority = try function(
            "SSL_CTX_load_verify_locations", (@convention(c) (Pointer, Text, Text?) -> Int32).self)
        loadMachine = try function("SSL_CTX_set_default_verify_paths", (@convention(c) (Pointer) -> Int32).self)
        loadCertificate = try function(
            "SSL_CTX_use_certificate_chain_file", (@convention(c) (Pointer, Text) -> Int32).self)
        loadKey = try function("SSL_CTX_use_PrivateKey_file", (@convention(c) (Pointer, Text, Int32) -> Int32).self)
        contextControl = try function(
            "SSL_CTX_ctrl", (@convention(c) (Pointer, Int32, Int, UnsafeMutableRawPointer?) -> Int).self)
        newSession = try function("SSL_new", (@convention(c) (Pointer) -> Pointer?).self)
        freeSession = try function("SSL_free", (@convention(c) (Pointer) -> Void).self)
        setDescriptor = try function("SSL_set_fd", (@convention(c) (Pointer, Int32) -> Int32).self)
        setHost = try function("SSL_set1_host", (@convention(c) (Pointer, Text) -> Int32).self)
        getParameters = try function("SSL_get0_param", (@convention(c) (Pointer) -> Pointer?).self)
        setAddress = try function("X509_VERIFY_PARAM_set1_ip_asc", (@convention(c) (Pointer, Text) -> Int32).self)
        sessionControl = try function(
            "SSL_ctrl", (@convention(c) (Pointer, Int32, Int, UnsafeMutableRawPointer?) -> Int).self)
        connectSession = try function("SSL_connect", (@convention(c) (Pointer) -> Int32).self)
        readSession = try function(
            "SSL_read", (@convention(c) (Pointer, UnsafeMutableRawPointer, Int32) -> Int32).self)
        writeSession = try function("SSL_write", (@convention(c) (Pointer, UnsafeRawPointer, Int32) -> Int32).self)
        shutdownSession = try function("SSL_shutdown", (@convention(c) (Pointer) -> Int32).self)
        sessionError = try function("SSL_get_error", (@convention(c) (Pointer, Int32) -> Int32).self)
        verifyResult = try function("SSL_get_verify_result", (@convention(c) (Pointer) -> Int).self)
        verifyText = try function("X509_verify_cert_error_string", (@convention(c) (Int) -> Text?).self)
        nextError = try function("ERR_get_error", (@convention(c) () -> UInt).self)
        errorText = try function(
            "ERR_error_string_n", (@convention(c) (UInt, UnsafeMutablePointer<CChar>, Int) -> Void).self)
    }

    // MARK: - Contexts

    func makeContext() -> OpaquePointer? {
        guard let context = newContext(clientMethod()) else { return nil }
        // SSL_CTX_set_min_proto_version(TLS 1.2) and SSL_CTX_set_mode(ENABLE_PARTIAL_WRITE | ACCEPT_MOVING_WRITE_BUFFER).
        _ = contextControl(context, 123, 0x0303, nil)
        _ = contextControl(context, 33, 1 | 2, nil)
        return context
    }

    func verifyPeers(_ context: OpaquePointer) { setVerify(context, 1, nil) }  // SSL_VERIFY_PEER
    func trust(_ context: OpaquePointer, _ path: String) -> Bool { loadAuthority(context, path, nil) == 1 }
    func trustMachine(_ context: OpaquePointer) -> Bool { loadMachine(context) == 1 }
    func useCertificate(_ context: OpaquePointer, _ path: String) -> Bool { loadCertificate(context, path) == 1 }
    func useKey(_ context: OpaquePointer, _ path: String) -> Bool { loadKey(context, path, 1) == 1 }  // PEM

    func wrong(_ key: String, _ path: String) -> PluginError {
        PluginError(.invalid, "\"tls.\(key)\": cannot use \"\(path)\": \(lastError())")
    }

    // MARK: - Sessions

    /// A session over a connected socket; the peer must prove to be `host`, a name or an address.
    func makeSession(_ context: OpaquePointer, _ descriptor: Int32, _ host: String) -> OpaquePointer? {
        guard let session = newSession(context) else { return nil }
        let isAddress = getParameters(session).map { setAddress($0, host) } == 1
        if !isAddress {
            var name = Array(host.utf8CString)
            // SSL_set_tlsext_host_name.
            _ = name.withUnsafeMutableBytes { sessionControl(session, 55, 0, $0.baseAddress) }
        }
        guard isAddress || setHost(session, host) == 1, setDescriptor(session, descriptor) == 1 else {
            freeSession(session)
            return nil
        }
        return session
    }

    func connect(_ session: OpaquePointer) -> Int32 {
        forgetErrors()
        return connectSession(session)
    }

    func read(_ session: OpaquePointer, _ buffer: inout [UInt8], _ count: Int32) -> Int32 {
        forgetErrors()
        return buffer.withUnsafeMutableBytes { bytes in bytes.baseAddress.map { readSession(session, $0, count) } ?? 0 }
    }

    func write(_ session: OpaquePointer, _ bytes: [UInt8], _ count: Int32) -> Int32 {
        forgetErrors()
        return bytes.withUnsafeBytes { bytes in bytes.baseAddress.map { writeSession(session, $0, count) } ?? 0 }
    }

    func shutdown(_ session: OpaquePointer) { _ = shutdownSession(session) }
    func free(_ session: OpaquePointer) { freeSession(session) }

    /// Whether the peer has closed in order (SSL_ERROR_ZERO_RETURN).
    func isEnd(_ session: OpaquePointer, _ code: Int32) -> Bool { sessionError(session, code) == 6 }

    /// What a call that returned `code` waits for; the numbers are those of SSL_get_error(3).
    func want(_ session: OpaquePointer, _ code: Int32) -> Want {
        switch sessionError(session, code) {
        case 0: return .nothing
        case 2: return .input
        case 3: return .output
        default:
            let verification = verifyResult(session)
            guard verification == 0 else {
                return .failed(verifyText(verification).map { String(cString: $0) } ?? "certificate refused")
            }
            return .failed(lastError())
        }
    }

    /// The oldest error of this thread, in words.
    func lastError() -> String {
        let number = nextError()
        guard number != 0 else { return "the connection was closed" }
        forgetErrors()
        var buffer = [CChar](repeating: 0, count: 256)
        errorText(number, &buffer, buffer.count)
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// SSL_get_error(3) looks at all errors of the thread: those of earlier calls must be gone.
    private func forgetErrors() { while nextError() != 0 {} }
}
