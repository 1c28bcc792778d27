public import Basics

/// A client of the HTTP API: one value for one agent's address and one caller's credentials.
///
/// Every call opens a connection of its own, so a value can be used from anywhere and needs no closing.
public struct DroverClient: Sendable {
    public let address: AgentAddress
    /// Forwarded to that region's servers; empty is the agent's own.
    public var region: String
    /// Empty is `default`; `*` on lists is all.
    public var namespace: String
    /// The secret of an ACL token; empty is anonymous.
    public var token: String
    /// For an address under https.
    public var tls = ClientTLS()
    /// Longest answer read into memory. 512 MiB.
    public var answerBytesMax = 512 << 20

    public init(address: AgentAddress, region: String = "", namespace: String = "", token: String = "") {
        self.address = address
        self.region = region
        self.namespace = namespace
        self.token = token
    }

    /// From `DROVER_ADDR`, `DROVER_REGION`, `DROVER_NAMESPACE`, `DROVER_TOKEN`, and those of ``ClientTLS``, each falling
    /// back to its `NOMAD_` form.
    ///
    /// - Throws: ``AgentAddressError`` for an address of no known form.
    public init(environment: [String: String]) throws(AgentAddressError) {
        func variable(_ name: String) -> String? {
            [environment["DROVER_" + name], environment["NOMAD_" + name]].compactMap(\.self).first { !$0.isEmpty }
        }
        self.init(
            address: try AgentAddress(variable("ADDR") ?? AgentAddress.defaultText), region: variable("REGION") ?? "",
            namespace: variable("NAMESPACE") ?? "", token: variable("TOKEN") ?? "")
        tls.authorityFile = variable("CACERT")
        tls.authorityFolder = variable("CAPATH")
        tls.certificateFile = variable("CLIENT_CERT")
        tls.keyFile = variable("CLIENT_KEY")
        tls.serverName = variable("TLS_SERVER_NAME")
        tls.skipsVerification = variable("SKIP_VERIFY").map { ["1", "t", "true"].contains($0.lowercased()) } ?? false
    }

    /// One request and its whole answer, whatever its status.
    ///
    /// `path` begins with `/v1/`, and segments from user text must be encoded (see ``segment(_:)``); `query` holds
    /// names and values not yet encoded. Throws ``ConnectionError`` when there is no answer.
    public func send(
        _ method: String, _ path: String, query: [(String, String)] = [], headers: [(String, String)] = [],
        body: [UInt8]? = nil
    ) async throws -> Answer {
        let call = request(method, path, query: query, headers: headers, body: body)
        let limit = answerBytesMax
        return try await Transport(address: address, tls: tls).exchange(call) { head, chunks in
            var bytes: [UInt8] = []
            while let chunk = try await chunks.next() {
                bytes += chunk
                guard bytes.count <= limit else {
                    throw ConnectionError("the answer is longer than \(limit) bytes")
                }
            }
            return Answer(head: head, body: bytes)
        }
    }

    /// Reads `path`; throws ``APIError`` unless the status is 2xx.
    public func get(_ path: String, query: [(String, String)] = []) async throws -> Answer {
        try await send("GET", path, query: query).checked()
    }

    /// Writes to `path`; throws ``APIError`` unless the status is 2xx.
    public func put(_ path: String, query: [(String, String)] = [], body: JSON? = nil) async throws -> Answer {
        try await send("PUT", path, query: query, body: body?.bytes).checked()
    }

    /// Deletes `path`; throws ``APIError`` unless the status is 2xx.
    public func delete(_ path: String, query: [(String, String)] = []) async throws -> Answer {
        try await send("DELETE", path, query: query).checked()
    }

    /// A read whose answer is handed on piece by piece, in order, as it arrives.
    ///
    /// - Returns: the answer's headers, names in lower case.
    /// - Throws: ``APIError`` unless the status is 2xx, ``ConnectionError``, and what `piece` throws, which also ends
    /// the read.
    @discardableResult
    public func stream(
        _ path: String, query: [(String, String)] = [], piece: @Sendable ([UInt8]) async throws -> Void
    ) async throws -> [String: String] {
        let call = request("GET", path, query: query, headers: [], body: nil)
        return try await Transport(address: address, tls: tls).exchange(call) { head, chunks in
            guard (200..<300).contains(head.status) else {
                var text: [UInt8] = []
                while let chunk = try await chunks.next(), text.count < 1 << 20 { text += chunk }
                throw APIError(status: head.status, message: String(decoding: text, as: UTF8.self))
            }
            while let chunk = try await chunks.next() { try await piece(chunk) }
            return head.headers
        }
    }

    /// User text as one segment of a path.
    public static func segment(_ text: String) -> String { PercentEncoding.encode(text) }

    func request(
        _ method: String, _ path: String, query: [(String, String)], headers: [(String, String)], body: [UInt8]?
    ) -> TransportRequest {
        var items = query
        if !region.isEmpty, !query.contains(where: { $0.0 == "region" }) { items.append(("region", region)) }
        if !namespace.isEmpty, !query.contains(where: { $0.0 == "namespace" }) {
            items.append(("namespace", namespace))
        }
        let encoded = items.map { "\(PercentEncoding.encode($0))=\(PercentEncoding.encode($1))" }.joined(separator: "&")
        let separator = path.contains("?") ? "&" : "?"
        var fields = headers
        if !token.isEmpty { fields.append(("X-Nomad-Token", token)) }
        return TransportRequest(
            method: method, target: encoded.isEmpty ? path : path + separator + encoded, headers: fields, body: body)
    }
}

/// An answer of the API.
public struct Answer: Sendable {
    public let status: Int
    /// Names in lower case.
    public let headers: [String: String]
    public let body: [UInt8]

    init(head: ResponseHead, body: [UInt8]) {
        status = head.status
        headers = head.headers
        self.body = body
    }

    /// The state's index at this answer: what the next blocking query gives as `index`.
    public var index: UInt64 { headers["x-nomad-index"].flatMap { UInt64($0) } ?? 0 }

    /// What to give as `next_token` for the next page; empty after the last.
    public var nextToken: String { headers["x-nomad-nexttoken"] ?? "" }

    public var text: String { String(decoding: body, as: UTF8.self) }

    /// The body as JSON; an empty one is null.
    public func json() throws -> JSON { body.isEmpty ? .null : try JSONParser.parse(body) }

    /// The body as a document.
    public func decode<Value: Document>(_ type: Value.Type = Value.self) throws -> Value { try Value(json: try json()) }

    /// The body as a list of documents; null is the empty list.
    public func list<Value: Document>(of type: Value.Type = Value.self) throws -> [Value] {
        let json = try json()
        return json.isNull ? [] : try [Value].read(json)
    }

    /// This answer if its status is 2xx.
    public func checked() throws(APIError) -> Answer {
        guard (200..<300).contains(status) else { throw APIError(status: status, message: text) }
        return self
    }
}

/// An answer that is an error.
public struct APIError: Error, Equatable, Sendable, CustomStringConvertible {
    public let status: Int
    public let message: String

    public init(status: Int, message: String) {
        self.status = status
        var text = Substring(message)
        while text.last?.isWhitespace == true { text.removeLast() }
        self.message = String(text)
    }

    public var description: String { "Unexpected response code: \(status) (\(message))" }
}
