internal import Basics
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import RPC

/// What a handler answers.
struct APIResponse: Sendable {
    enum Body: Sendable {
        /// JSON text; indented when the caller asks for `pretty`.
        case json([UInt8])
        case text(String)
        /// Written piece by piece after the head is sent.
        case stream(@Sendable (inout any ResponseBodyWriter) async throws -> Void)
        /// The connection becomes a WebSocket.
        case socket(SocketResponse)
    }

    /// Set once: Swift 6.3.1's optimizer loses a status that is changed in one branch only.
    let status: HTTPResponse.Status
    var headers = HTTPFields()
    var body: Body

    static func json(
        _ document: some Document, index: UInt64? = nil, status: HTTPResponse.Status = .ok
    ) -> APIResponse {
        .json(bytes: document.jsonBytes, index: index, status: status)
    }

    static func json(_ value: JSON, status: HTTPResponse.Status = .ok) -> APIResponse {
        .json(bytes: value.bytes, status: status)
    }

    static func json(bytes: [UInt8], index: UInt64? = nil, status: HTTPResponse.Status = .ok) -> APIResponse {
        var response = APIResponse(status: status, body: .json(bytes))
        if let index { response.headers[.nomadIndex] = String(index) }
        return response
    }

    /// 200 with nothing to say but the write's index.
    static func done(index: UInt64? = nil) -> APIResponse {
        var response = APIResponse(body: .text(""))
        if let index { response.headers[.nomadIndex] = String(index) }
        return response
    }

    /// An error: its message as plain text.
    static func failure(_ status: HTTPResponse.Status, _ message: String) -> APIResponse {
        APIResponse(status: status, body: .text(message))
    }

    init(status: HTTPResponse.Status = .ok, body: Body) {
        self.status = status
        self.body = body
    }

    /// The response for an error a handler threw.
    init(error: any Error) {
        switch error {
        case let error as CallError where error.code == .undone: self = .failure(.serviceUnavailable, error.message)
        case let error as CallError:
            self = .failure(HTTPResponse.Status(code: Int(error.code.rawValue)), error.message)
        case let error as JSONError: self = .failure(.badRequest, "\(error)")
        case let error as DocumentError: self = .failure(.badRequest, "\(error)")
        case is CancellationError: self = .failure(.serviceUnavailable, "the agent is shutting down")
        default: self = .failure(.internalServerError, "\(error)")
        }
    }
}

extension APIResponse {
    /// Lets web pages of other origins read it; a token in a header is the only thing that says who asks, so any may.
    mutating func admitOtherOrigins(_ methods: String) {
        headers[.accessControlAllowOrigin] = "*"
        headers[.accessControlAllowMethods] = methods
        headers[.accessControlAllowHeaders] = "*"
        headers[.accessControlExposeHeaders] = "X-Nomad-Index, X-Nomad-NextToken"
    }

    /// Text that is no JSON stays as it is.
    private static func indented(_ bytes: [UInt8]) -> [UInt8] {
        guard let value = try? JSONParser.parse(bytes) else { return bytes }
        return value.prettyBytes + [0x0a]
    }

    /// The message in wire form.
    func encoded(pretty: Bool) -> (HTTPResponse, ResponseBody) {
        var head = HTTPResponse(status: status, headerFields: headers)
        switch body {
        case .json(let bytes):
            head.headerFields[.contentType] = "application/json"
            let text = pretty ? APIResponse.indented(bytes) : bytes
            head.headerFields[.contentLength] = String(text.count)
            return (head, ResponseBody(byteBuffer: ByteBuffer(bytes: text)))
        case .text(let text):
            if !text.isEmpty { head.headerFields[.contentType] = "text/plain; charset=utf-8" }
            // RFC 9110 §8.6: a 204 has no length.
            if status != .noContent { head.headerFields[.contentLength] = String(text.utf8.count) }
            return (head, ResponseBody(byteBuffer: ByteBuffer(string: text)))
        case .stream(let write):
            return (head, ResponseBody { writer in try await write(&writer) })
        case .socket:
            head.status = .switchingProtocols
            return (head, ResponseBody())
        }
    }
}
