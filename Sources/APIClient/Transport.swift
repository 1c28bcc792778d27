internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// No answer: the agent cannot be reached, or the connection broke.
public struct ConnectionError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

struct TransportRequest: Sendable {
    var method: String
    /// Path and query.
    var target: String
    var headers: [(String, String)]
    var body: [UInt8]?
}

struct ResponseHead: Sendable {
    var status: Int
    /// Names in lower case; of repeated ones the last.
    var headers: [String: String]
}

/// HTTP/1.1 over one connection a request.
struct Transport: Sendable {
    private typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

    let address: AgentAddress

    /// The pieces of an answer's body.
    struct Chunks {
        fileprivate var parts: NIOAsyncChannelInboundStream<HTTPClientResponsePart>.AsyncIterator

        /// The next piece, or nil after the last.
        mutating func next() async throws -> [UInt8]? {
            guard let part = try await parts.next() else {
                throw ConnectionError("the agent closed the connection before the answer was complete")
            }
            guard case .body(let buffer) = part else { return nil }
            return Array(buffer.readableBytesView)
        }
    }

    /// Sends the request and hands the answer to `read`; the connection lives as long as that.
    func exchange<Result>(
        _ request: TransportRequest, read: (ResponseHead, inout Chunks) async throws -> Result
    ) async throws -> Result {
        let connection = try await connect()
        do {
            return try await connection.executeThenClose { inbound, outbound in
                try await send(request, to: outbound)
                var parts = inbound.makeAsyncIterator()
                // Informational heads (100 Continue) are dropped by NIO's decoder.
                guard case .head(let head)? = try await parts.next() else {
                    throw ConnectionError("the agent at \(address) closed the connection without an answer")
                }
                var headers: [String: String] = [:]
                for (name, value) in head.headers { headers[name.lowercased()] = value }
                var chunks = Chunks(parts: parts)
                return try await read(ResponseHead(status: Int(head.status.code), headers: headers), &chunks)
            }
        } catch let error as HTTPParserError {
            throw ConnectionError("\(address) does not answer in HTTP: \(error)")
        } catch let error as IOError {
            throw ConnectionError("the connection to \(address) broke: \(error)")
        } catch let error as ChannelError {
            throw ConnectionError("the connection to \(address) broke: \(error)")
        }
    }

    private func send(
        _ request: TransportRequest, to outbound: NIOAsyncChannelOutboundWriter<HTTPClientRequestPart>
    ) async throws {
        var headers = HTTPHeaders(request.headers)
        if case .http(let host, let port) = address {
            headers.replaceOrAdd(name: "Host", value: host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)")
        } else {
            headers.replaceOrAdd(name: "Host", value: "localhost")
        }
        headers.add(name: "Accept", value: "application/json, text/plain, */*")
        headers.add(name: "User-Agent", value: "drover")
        if let body = request.body {
            headers.replaceOrAdd(name: "Content-Length", value: String(body.count))
            if !headers.contains(name: "Content-Type") { headers.add(name: "Content-Type", value: "application/json") }
        }
        let head = HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: request.method), uri: request.target, headers: headers)
        var parts: [HTTPClientRequestPart] = [.head(head)]
        if let body = request.body, !body.isEmpty { parts.append(.body(.byteBuffer(ByteBuffer(bytes: body)))) }
        // All in one go: an agent may answer the head and close before a later write has begun, and that write would
        // fail instead of the answer being read.
        try await outbound.write(contentsOf: parts + [.end(nil)])
    }

    private func connect() async throws(ConnectionError) -> Connection {
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connectTimeout(.seconds(10))
        let setUp: @Sendable (any Channel) -> EventLoopFuture<Connection> = { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHTTPClientHandlers()
                return try Connection(wrappingChannelSynchronously: channel)
            }
        }
        do {
            switch address {
            case .http(let host, let port):
                return try await bootstrap.connect(host: host, port: port, channelInitializer: setUp)
            case .unix(let path):
                return try await bootstrap.connect(unixDomainSocketPath: path, channelInitializer: setUp)
            }
        } catch {
            throw ConnectionError("cannot reach the agent at \(address): \(Transport.reason(of: error))")
        }
    }

    private static func reason(of error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let failure = error.connectionErrors.first { return reason(of: failure.error) }
            return "no address for host \"\(error.host)\""
        case let error as IOError where error.errnoCode == ECONNREFUSED:
            return "connection refused; is an agent running there?"
        case let error as IOError where error.errnoCode == ENOENT: return "no such socket; is an agent running there?"
        default: return "\(error)"
        }
    }
}
