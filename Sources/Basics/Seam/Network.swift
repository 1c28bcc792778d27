/// Requests and replies between agents as code above the shells sees them.
///
/// The unit is one call: a method number and a body of bytes, answered by bytes, by an error, or by a stream of items. Connections,
/// framing, encryption and multiplexing belong to the implementations: `RPC.TCPNetwork` and the simulation's.
public protocol Network: Sendable {
    /// A peer at `address`; connects at the first call and again after a failure.
    func peer(at address: NetworkAddress) -> any Peer

    /// A peer at `address`, an agent of another region than this one; where certificates name regions, it must show one of that.
    func peer(at address: NetworkAddress, region: String) -> any Peer

    /// Serves calls at `address` until cancelled; reports the bound address, with the real port when 0 was asked, to `ready`.
    func serve(
        at address: NetworkAddress, handler: any CallHandler, ready: @escaping @Sendable (NetworkAddress) -> Void
    ) async throws
}

extension Network {
    public func peer(at address: NetworkAddress, region: String) -> any Peer { peer(at: address) }
}

/// A host and port; the host is an address or a name.
public struct NetworkAddress: Hashable, Sendable, CustomStringConvertible {
    public var host: String
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port` or `[v6]:port`; without a port, `defaultPort`.
    public init?(_ text: String, defaultPort: Int) {
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            host = String(text[text.index(after: text.startIndex)..<end])
            let rest = text[text.index(after: end)...]
            guard !rest.isEmpty else {
                port = defaultPort
                return
            }
            guard rest.first == ":", let number = Int(rest.dropFirst()), (0...65_535).contains(number) else {
                return nil
            }
            port = number
            return
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard let first = parts.first, !first.isEmpty, parts.count <= 2 else { return nil }
        host = String(first)
        guard parts.count == 2 else {
            port = defaultPort
            return
        }
        guard let number = Int(parts[1]), (0...65_535).contains(number) else { return nil }
        port = number
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// The far end of calls.
public protocol Peer: Sendable {
    /// One call with one answer. Throws ``CallError``; after `deadline` with ``CallError/Code/deadline``.
    func call(_ method: UInt16, _ body: [UInt8], deadline: Duration) async throws -> [UInt8]

    /// One call answered by a stream of items, ended by the handler, by cancellation of the reader, or by an error.
    func stream(_ method: UInt16, _ body: [UInt8]) async throws -> any ItemStream
}

/// Items of a streamed answer, pulled one batch at a time.
public protocol ItemStream: Sendable {
    /// The next items in order, at least one; nil at the end. Throws ``CallError`` when the stream broke.
    func next() async throws -> [[UInt8]]?

    func cancel()
}

/// Answers calls; runs inside the task tree of ``Network/serve(at:handler:ready:)``.
public protocol CallHandler: Sendable {
    func handle(_ method: UInt16, _ body: [UInt8], from caller: CallOrigin) async throws -> [UInt8]

    /// Answers by sending items to `sink` until done; `sink` throws once the reader is gone.
    func handleStream(_ method: UInt16, _ body: [UInt8], from caller: CallOrigin, to sink: any ItemSink) async throws
}

/// Where a streamed answer goes; suspends while the reader lags.
public protocol ItemSink: Sendable {
    func send(_ item: [UInt8]) async throws
}

/// Who called: the address seen, and the name in its certificate when TLS is on.
public struct CallOrigin: Sendable, Equatable {
    public var address: String
    public var certificateName: String?
    /// It says that it is a server; where certificates are checked for roles, its certificate says so too.
    public var isServer: Bool
    /// The region that its certificate names; nil where certificates are not asked for it.
    public var region: String?

    public init(address: String, certificateName: String? = nil, isServer: Bool = true, region: String? = nil) {
        self.address = address
        self.certificateName = certificateName
        self.isServer = isServer
        self.region = region
    }
}

/// A failed call: a code both sides know, the HTTP status it becomes, and a text for people.
public struct CallError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Code: UInt16, Sendable {
        /// The caller's fault; the text says what to change.
        case invalid = 400
        case permission = 403
        case notFound = 404
        case conflict = 409
        case tooLarge = 413
        /// Nothing was done: no server was reached, or the one reached does not lead. Asking again, or another, is safe.
        case undone = 421
        case limited = 429
        case failed = 500
        /// The method or feature does not exist here.
        case unsupported = 501
        /// No connection, no leader, or shutting down; trying again may help.
        case unavailable = 503
        case deadline = 504
    }

    public let code: Code
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
