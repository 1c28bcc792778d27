package import Basics

/// A call as it travels: who calls, and the call itself.
package struct Envelope<Call: ServerCall>: Document {
    package var context = CallContext()
    package var call = Call()

    package init() {}

    package init(context: CallContext, call: Call) {
        self.context = context
        self.call = call
    }

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Context", &context)
        try visitor.field("Call", &call)
    }
}

/// Makes calls through a ``Peer``.
package struct RemoteCaller: Caller {
    private let peer: any Peer

    package init(peer: any Peer) { self.peer = peer }

    package func call<Call: ServerCall>(
        _ call: Call, context: CallContext, deadline: Duration
    ) async throws -> Call.Reply {
        let body = Envelope(context: context, call: call).terseBytes
        let answer = try await peer.call(Call.method.rawValue, body, deadline: deadline)
        do {
            return try Call.Reply(json: answer)
        } catch {
            throw CallError(.failed, "the answer to \(Call.method) cannot be read: \(error)")
        }
    }
}
