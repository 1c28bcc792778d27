internal import Basics
internal import HTTPTypes
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import RPC

/// One request's way: route, permission, handler, response.
struct Exchange: Sendable {
    let table: RouteTable
    let endpoints: Endpoints
    let configuration: APIConfiguration
    let log: Logger
    private let extraHeaders: HTTPFields

    init(table: RouteTable, endpoints: Endpoints, configuration: APIConfiguration, log: Logger) {
        self.table = table
        self.endpoints = endpoints
        self.configuration = configuration
        self.log = log
        var headers = HTTPFields()
        for (name, value) in configuration.responseHeaders.sorted(by: { $0.key < $1.key }) {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        extraHeaders = headers
    }

    /// Answers on a stream of parts.
    func respond(to request: Request, writer: consuming ResponseWriter, on channel: any Channel) async throws {
        let start = endpoints.time.uptime
        if request.headers[.expect]?.lowercased() == "100-continue" {
            try await writer.writeInformationalHead(HTTPResponse(status: .continue))
        }
        let target = Target(request)
        let response = await response(to: request, target)
        if case .socket(let socket) = response.body {
            let headers = response.headers.map { ($0.name.canonicalName, $0.value) }
            log.debug("websocket opened", metadata: ["http.path": "\(target.path)", "peer": "\(channel.peer)"])
            return try await socket.run(on: channel, headers: headers)
        }
        let (head, body) = response.encoded(pretty: target.wantsPretty)
        try await writer.write(response: head, body: body)
        tell(request, target, head, since: start, channel)
    }

    /// Answers a request whose body is whole, in one piece.
    func answer(_ request: Request, on channel: any Channel) async throws -> (HTTPResponse, ByteBuffer) {
        let start = endpoints.time.uptime
        let target = Target(request)
        let (head, body) = await response(to: request, target).encoded(pretty: target.wantsPretty)
        let bytes = try await BodyCollector.bytes(of: body)
        tell(request, target, head, since: start, channel)
        return (head, bytes)
    }

    /// What a request's line asks for.
    private struct Target {
        let path: Substring
        let query: QueryItems

        init(_ request: Request) {
            let text = request.head.path ?? "/"
            let split = text.utf8.firstIndex(of: UInt8(ascii: "?")) ?? text.endIndex
            path = text[..<split]
            query = QueryItems(text[split...].dropFirst())
        }

        var wantsPretty: Bool { query["pretty"].map { $0 != "0" && $0 != "false" } ?? false }
    }

    private func response(to request: Request, _ target: Target) async -> APIResponse {
        var response = await answer(request, path: target.path, query: target.query)
        if request.headers[.origin] != nil, let methods = table.methodsForOthers(at: target.path) {
            response.admitOtherOrigins(methods)
        }
        for field in extraHeaders { response.headers[field.name] = field.value }
        return response
    }

    private func tell(
        _ request: Request, _ target: Target, _ head: HTTPResponse, since start: Uptime, _ channel: any Channel
    ) {
        log.debug(
            "request complete",
            metadata: [
                "http.method": "\(request.method.rawValue)", "http.path": "\(target.path)",
                "http.status": "\(head.status.code)", "duration": "\((endpoints.time.uptime - start).goText)",
                "peer": "\(channel.peer)",
            ])
    }

    private func authorize(_ route: Route, _ call: APIRequest) async throws {
        guard route.isAboutAllocation else { return try await endpoints.authorize(route.capability, call.context) }
        let id = try call.id("id", of: "allocation")
        try await endpoints.authorize(route.capability, call.context, onAllocation: id)
    }

    private func answer(_ request: Request, path: Substring, query: QueryItems) async -> APIResponse {
        // A browser asks before it lets a page make the request itself (Fetch standard, CORS-preflight).
        if request.method == .options, table.methodsForOthers(at: path) != nil {
            return APIResponse(status: .noContent, body: .text(""))
        }
        switch table.find(request.method, path: path) {
        case .unknown: return .failure(.notFound, "404 page not found: no such path in this API")
        case .wrongMethod: return .failure(.methodNotAllowed, "Invalid method")
        case .found(let route, let parameters):
            let call = APIRequest(
                request, parameters: parameters, query: query, region: endpoints.agent.region, limits: configuration)
            do {
                let isAskedLater = route.takesTokenFromSocket ? try call.takesTokenFromSocket : false
                if !isAskedLater { try await authorize(route, call) }
                return try await route.handler(call, endpoints)
            } catch {
                log.debug("request failed", metadata: ["http.path": "\(path)", "error": "\(error)"])
                return APIResponse(error: error)
            }
        }
    }
}

/// Puts a body that is written in pieces together.
private struct BodyCollector: ResponseBodyWriter {
    private final class Bytes { var buffer = ByteBuffer() }

    private let bytes = Bytes()

    static func bytes(of body: ResponseBody) async throws -> ByteBuffer {
        let collector = BodyCollector()
        try await body.write(collector)
        return collector.bytes.buffer
    }

    mutating func write(_ buffer: ByteBuffer) { bytes.buffer.writeImmutableBuffer(buffer) }

    consuming func finish(_ trailingHeaders: HTTPFields?) {}
}

extension Channel {
    /// Who is at the other end.
    fileprivate var peer: String { remoteAddress?.description ?? "" }
}
