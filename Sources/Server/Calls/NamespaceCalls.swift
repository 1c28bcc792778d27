internal import Basics
internal import Model
internal import RPC
internal import StateStore

extension UpsertNamespace: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> IndexReply {
        try CallError.check(namespace.problems())
        #if DEBUG
            // What a release does whose feature needs all servers: it goes without for as long as one does not know it.
            if NextRelease.isPlayed, server.knownKindMax == StateEntry.kindMax {
                let entry = StateEntry.namespaceNote(namespace, note: "noted \(namespace.name)")
                return IndexReply(index: try await server.propose(entry).index)
            }
        #endif
        return IndexReply(index: try await server.propose(.namespaceUpsert(namespace)).index)
    }
}

extension DeleteNamespace: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> IndexReply {
        IndexReply(index: try await server.propose(.namespaceDelete(name: name)).index)
    }
}

extension UpsertQuota: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> IndexReply {
        try CallError.check(quota.problems())
        return IndexReply(index: try await server.propose(.quotaUpsert(quota)).index)
    }
}

extension DeleteQuota: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> IndexReply {
        IndexReply(index: try await server.propose(.quotaDelete(name: name)).index)
    }
}

extension CallError {
    /// Throws when there are any problems.
    static func check(_ problems: [String]) throws(CallError) {
        guard problems.isEmpty else { throw CallError(.invalid, list(problems)) }
    }
}
