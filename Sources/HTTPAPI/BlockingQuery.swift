internal import Basics
internal import HTTPTypes
internal import HummingbirdCore
internal import RPC
internal import ServiceLifecycle

extension APIRequest {
    /// The query of a read, with the options every read shares (SURFACE §1.1) and those named in `options`.
    func serverQuery(_ kind: QueryKind, id: String = "", options: [String] = []) throws(CallError) -> Query {
        var query = Query(kind, id: id)
        if let text = self.query["index"], !text.isEmpty {
            guard let index = UInt64(text) else { throw CallError(.invalid, "Invalid index") }
            query.minIndex = index
        }
        if let text = self.query["wait"], !text.isEmpty {
            guard let wait = Duration(goText: text), wait >= .zero else {
                throw CallError(.invalid, "Invalid wait time")
            }
            query.wait = min(wait, .seconds(300))
        }
        query.stale = try self.query.flag("stale") ?? false
        query.prefix = self.query.text("prefix", default: "")
        guard let perPage = Int32(exactly: try self.query.integer("per_page") ?? 0), perPage >= 0 else {
            throw CallError(.invalid, "Failed to parse per_page: it must be a whole number from 0")
        }
        query.perPage = Int(perPage)
        query.nextToken = self.query.text("next_token", default: "")
        query.filter = self.query.text("filter", default: "")
        query.reverse = try self.query.flag("reverse") ?? false
        for name in options {
            if let value = self.query[name] { query.options[name] = value.isEmpty ? "true" : value }
        }
        return query
    }

    /// The request asks to wait for a change.
    var isWaiting: Bool { (query["index"].flatMap { UInt64($0) } ?? 0) > 0 }

    /// Asks the servers and answers with their JSON and the headers of a read.
    func answer(_ query: Query, from endpoints: Endpoints) async throws -> APIResponse {
        let reply = try await ask(query, endpoints)
        return APIResponse(reading: reply, closes: query.minIndex > 0)
    }

    /// Asks the servers; a waiting query is given up when its caller goes away or the agent shuts down.
    func ask(_ query: Query, _ endpoints: Endpoints) async throws -> QueryReply {
        guard query.minIndex > 0 else { return try await endpoints.caller.call(query, context: context) }
        // The server adds up to a sixteenth to the wait, so that waiting callers do not return all at once.
        let deadline = query.wait + query.wait / 16 + .seconds(10)
        let context = self.context
        return try await request.body.consumeWithCancellationOnInboundClose { _ in
            try await cancelWhenGracefulShutdown {
                try await endpoints.caller.call(query, context: context, deadline: deadline)
            }
        }
    }
}

extension APIResponse {
    /// A read's answer; with `closes` the connection cannot be used again, as the wait watched it for its end.
    init(reading reply: QueryReply, closes: Bool) {
        self = .json(bytes: reply.body.bytes, index: reply.index)
        headers[.nomadKnownLeader] = reply.knownLeader ? "true" : "false"
        headers[.nomadLastContact] = String(reply.lastContact.nanosecondCount / 1_000_000)
        if !reply.nextToken.isEmpty { headers[.nomadNextToken] = reply.nextToken }
        if closes { headers[.connection] = "close" }
    }
}
