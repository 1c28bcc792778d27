internal import DroverSDK
internal import Glibc

/// TLS to the engine: who it must be, and who we are. The cryptography is the machine's OpenSSL, opened when it is needed, so
/// that it is renewed with the machine.
struct TransportSecurity: Sendable {
    private let context: OpaquePointerBox
    private let library: TLSLibrary

    private struct OpaquePointerBox: @unchecked Sendable {
        /// An SSL_CTX, shared by all connections; OpenSSL counts its users.
        let pointer: OpaquePointer
    }

    /// - Parameters: paths of PEM files; `authority` "" takes the machine's, `certificate` "" shows none.
    /// - Throws: ``PluginError/Code/invalid`` naming the setting whose file cannot be used.
    init(authority: String, certificate: String, key: String) throws(PluginError) {
        library = try TLSLibrary.shared.get()
        guard let context = library.makeContext() else {
            throw PluginError(.internalError, "OpenSSL: \(library.lastError())")
        }
        library.verifyPeers(context)
        let isTrusting = authority.isEmpty ? library.trustMachine(context) : library.trust(context, authority)
        guard isTrusting else { throw library.wrong("ca", authority) }
        if !certificate.isEmpty {
            guard library.useCertificate(context, certificate) else { throw library.wrong("cert", certificate) }
            guard library.useKey(context, key) else { throw library.wrong("key", key) }
        }
        self.context = OpaquePointerBox(pointer: context)
    }

    /// Speaks TLS 1.2 or newer over `socket`, with `host` as the peer's name.
    func secure(_ socket: SocketStream, host: String, loop: EventLoop) async throws -> any ByteStream {
        guard let session = library.makeSession(context.pointer, socket.descriptor, host) else {
            socket.close()
            throw PluginError(.internalError, "OpenSSL: \(library.lastError())")
        }
        let stream = TLSStream(session: session, socket: socket, library: library, loop: loop)
        do {
            try await stream.handshake()
        } catch {
            stream.close()
            throw error
        }
        return stream
    }
}

/// A connection under TLS. Used by one reading and one writing task on the loop's thread, so OpenSSL is never entered twice.
final class TLSStream: ByteStream, @unchecked Sendable {
    private let session: OpaquePointer
    private let socket: SocketStream
    private let library: TLSLibrary
    private let loop: EventLoop

    init(session: OpaquePointer, socket: SocketStream, library: TLSLibrary, loop: EventLoop) {
        self.session = session
        self.socket = socket
        self.library = library
        self.loop = loop
    }

    func handshake() async throws {
        while try await again(library.connect(session), "TLS handshake") {}
    }

    func read(max: Int) async throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: max)
        while true {
            let count = library.read(session, &buffer, Int32(clamping: max))
            if count > 0 { return Array(buffer.prefix(Int(count))) }
            if library.isEnd(session, count) { return [] }
            _ = try await again(count, "TLS read")
        }
    }

    func write(_ bytes: [UInt8]) async throws {
        // The same bytes are offered until they are taken, as SSL_write(3) wants it.
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = Array(rest.prefix(16 << 10))
            let count = library.write(session, part, Int32(part.count))
            if count > 0 { rest = rest.dropFirst(Int(count)) } else { _ = try await again(count, "TLS write") }
        }
    }

    func finishWriting() async throws { library.shutdown(session) }

    func close() {
        library.free(session)
        socket.close()
    }

    /// After a call that did not end well: waits for what it waits for. False when it did end well.
    private func again(_ code: Int32, _ what: String) async throws -> Bool {
        switch library.want(session, code) {
        case .nothing: return false
        case .input: try await loop.ready(socket.descriptor, .input)
        case .output: try await loop.ready(socket.descriptor, .output)
        case .failed(let reason): throw PluginError(.retry, "\(what) with the container engine: \(reason)")
        }
        return true
    }
}
