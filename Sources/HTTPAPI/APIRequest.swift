internal import Basics
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import RPC

/// A request as handlers see it.
struct APIRequest: Sendable {
    let request: Request
    /// The holes of the route's path, decoded.
    let parameters: [String: String]
    let query: QueryItems
    /// Token, namespace and region, from headers and query.
    let context: CallContext
    let limits: APIConfiguration

    init(
        _ request: Request, parameters: [String: String], query: QueryItems, region: String, limits: APIConfiguration
    ) {
        self.request = request
        self.parameters = parameters
        self.query = query
        self.limits = limits
        var context = CallContext()
        context.token = APIRequest.token(request.headers)
        context.namespace = query.text("namespace", default: "default")
        context.region = query.text("region", default: region)
        self.context = context
    }

    /// Whether the first message of a WebSocket is to bring the token (`ws_handshake`).
    var takesTokenFromSocket: Bool { get throws(CallError) { try query.flag("ws_handshake") ?? false } }

    /// The hole of that name; every route that asks for one has it.
    func parameter(_ name: String) -> String { parameters[name] ?? "" }

    /// The hole of that name as an id.
    func id(_ name: String, of kind: String) throws(CallError) -> ID {
        let text = parameter(name)
        guard let id = ID(text) else {
            throw CallError(.invalid, "\(kind) ID \"\(text)\" is not a UUID: it must be 36 characters")
        }
        guard !id.isNone else { throw CallError(.notFound, "Unknown \(kind) \"\(text)\"") }
        return id
    }

    /// The body as JSON; absent is an empty object.
    func json() async throws -> JSON {
        let bytes = try await body()
        guard !bytes.isEmpty else { return .object([]) }
        return try JSONParser.parse(bytes)
    }

    /// How many times the limit of a body is read and dropped before its sender is cut off.
    private static let droppedLimitsMax = 16

    /// The whole body, at most `limits.bodyBytesMax`.
    ///
    /// The rest of a larger one is read too, within bounds: who reads no answer before all is sent would wait for ever.
    func body() async throws -> [UInt8] {
        var bytes: [UInt8] = []
        var received = 0
        var chunks = request.body.makeAsyncIterator()
        while let chunk = try await next(&chunks) {
            received += chunk.readableBytes
            if received <= limits.bodyBytesMax { bytes.append(contentsOf: chunk.readableBytesView) }
            if received / APIRequest.droppedLimitsMax > limits.bodyBytesMax { break }
        }
        guard received <= limits.bodyBytesMax else {
            throw CallError(.tooLarge, "request body is larger than \(limits.bodyBytesMax) bytes")
        }
        return bytes
    }

    /// The body's next piece; a body that breaks off or is framed wrongly is the caller's fault.
    func next(_ chunks: inout RequestBody.AsyncIterator) async throws -> ByteBuffer? {
        do {
            return try await chunks.next()
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw CallError(.invalid, "cannot read the request body: \(error)")
        }
    }

    /// `X-Nomad-Token`, or `Authorization: Bearer`.
    private static func token(_ headers: HTTPFields) -> String {
        if let token = headers[.nomadToken], !token.isEmpty { return token }
        guard let value = headers[.authorization], value.prefix(7).lowercased() == "bearer " else { return "" }
        return value.dropFirst(7).trimmingSpaces
    }
}

/// The query part of a URL.
struct QueryItems: Sendable {
    private let items: [(name: String, value: String)]

    /// Further items are ignored.
    static let itemsMax = 256

    init(_ query: Substring) {
        items = query.utf8.split(separator: UInt8(ascii: "&")).prefix(QueryItems.itemsMax).map { item in
            let parts = item.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
                .map(Substring.init)
            let value = parts.count == 2 ? Percent.decode(parts[1], plusIsSpace: true) : ""
            return (Percent.decode(parts[0], plusIsSpace: true), value)
        }
    }

    /// The first value of that name, or nil.
    subscript(name: String) -> String? { items.first { $0.name == name }?.value }

    /// All values of that name, in order.
    func all(_ name: String) -> [String] { items.filter { $0.name == name }.map(\.value) }

    func text(_ name: String, default fallback: String) -> String {
        guard let value = self[name], !value.isEmpty else { return fallback }
        return value
    }

    /// `?name`, `?name=true` and the like; nil when absent.
    func flag(_ name: String) throws(CallError) -> Bool? {
        guard let value = self[name] else { return nil }
        switch value {
        case "", "true", "1", "t", "T", "TRUE", "True": return true
        case "false", "0", "f", "F", "FALSE", "False": return false
        default:
            throw CallError(
                .invalid, "Failed to parse value of \"\(name)\" (\(value)) as a bool: use true or false")
        }
    }

    func integer(_ name: String) throws(CallError) -> Int64? {
        guard let value = self[name], !value.isEmpty else { return nil }
        guard let number = Int64(value) else {
            throw CallError(.invalid, "Failed to parse value of \"\(name)\" (\(value)) as a whole number")
        }
        return number
    }
}

extension HTTPField.Name {
    /// A name known to be a legal token.
    private static func known(_ name: StaticString) -> HTTPField.Name {
        HTTPField.Name(name.description) ?? .contentType
    }

    static let nomadToken = known("X-Nomad-Token")
    static let nomadIndex = known("X-Nomad-Index")
    static let nomadKnownLeader = known("X-Nomad-KnownLeader")
    static let nomadLastContact = known("X-Nomad-LastContact")
    static let nomadNextToken = known("X-Nomad-NextToken")
}

extension Substring {
    var trimmingSpaces: String {
        var text = self
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
