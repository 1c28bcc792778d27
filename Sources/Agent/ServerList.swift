package import Basics
package import RPC
internal import Synchronization

/// The servers an agent knows: calls go to one until it fails, then to the next.
package final class ServerList: Caller {
    private let callers: [RemoteCaller]
    private let position = Mutex(0)

    package init(_ addresses: [NetworkAddress], network: any Network) {
        callers = addresses.map { RemoteCaller(peer: network.peer(at: $0)) }
    }

    package func call<Call: ServerCall>(
        _ call: Call, context: CallContext, deadline: Duration
    ) async throws -> Call.Reply {
        guard !callers.isEmpty else {
            throw CallError(.unavailable, "No known servers; set client.servers or give -servers HOST:PORT")
        }
        let current = position.withLock { $0 }
        do {
            return try await callers[current % callers.count].call(call, context: context, deadline: deadline)
        } catch let error as CallError where error.code == .unavailable {
            // The next call tries the next server. This one is not repeated here: it may have been carried out.
            position.withLock { if $0 == current { $0 += 1 } }
            throw error
        }
    }
}
