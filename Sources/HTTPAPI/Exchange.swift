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

    func respond(to request: Request, writer: consuming ResponseWriter, on channel: any Channel) async throws {
        let start = endpoints.time.uptime
        let target = request.head.path ?? "/"
        let split = target.utf8.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex
        let query = QueryItems(target[split...].dropFirst())
        if request.headers[.expect]?.lowercased() == "100-continue" {
            try await writer.writeInformationalHead(HTTPResponse(status: .continue))
        }
        var response = await answer(request, path: target[..<split], query: query)
        if request.headers[.origin] != nil, let methods = table.methodsForOthers(at: target[..<split]) {
            response.admitOtherOrigins(methods)
        }
        for field in extraHeaders { response.headers[field.name] = field.value }
        if case .socket(let socket) = response.body {
            let headers = response.headers.map { ($0.name.canonicalName, $0.value) }
            log.debug("websocket opened", metadata: ["http.path": "\(target[..<split])", "peer": "\(channel.peer)"])
            return try await socket.run(on: channel, headers: headers)
        }
        let pretty = query["pretty"].map { $0 != "0" && $0 != "false" } ?? false
        let (head, body) = response.encoded(pretty: pretty)
        try await writer.write(response: head, body: body)
        log.debug(
            "request complete",
            metadata: [
                "http.method": "\(request.method.rawValue)", "http.path": "\(target[..<split])",
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

extension Channel {
    /// Who is at the other end.
    fileprivate var peer: String { remoteAddress?.description ?? "" }
}
