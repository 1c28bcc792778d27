package import Basics

/// Asks for a program to be run on the node of an allocation, by a caller that cannot reach that node's client.
///
/// Nobody dials a client. The leader keeps a *relay*: two ends with a mailbox each, of which the caller gets one and the node's
/// client the other, as a ticket in the answer to its watch. Both then send and receive by calls to that server, through
/// whichever server they know. Each end is known by an id that only it has been told.
package struct OpenRelay: ServerCall {
    package typealias Reply = RelayEnd
    package static let method = CallMethod.openRelay

    package var command = TaskCommand()

    package init() {}

    package init(_ command: TaskCommand) { self.command = command }

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Command", &command)
    }
}

/// One end of a relay.
package struct RelayEnd: Document {
    /// The server that has the relay, by its id.
    package var server = ""
    /// A secret between that server and whose end it is.
    package var id = ID.none

    package init() {}

    package init(server: String, id: ID) {
        self.server = server
        self.id = id
    }

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Server", &server)
        try visitor.field("ID", &id)
    }
}

/// What a client is asked to do, and the end of a relay at which somebody waits for it: ``request`` when there is one, else
/// ``command``.
package struct RelayTicket: Document {
    package var end = RelayEnd()
    package var command = TaskCommand()
    package var request: NodeRequest?

    package init() {}

    package init(end: RelayEnd, command: TaskCommand) {
        self.end = end
        self.command = command
    }

    package init(end: RelayEnd, request: NodeRequest) {
        self.end = end
        self.request = request
    }

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("End", &end)
        try visitor.field("Command", &command)
        try visitor.field("Request", &request)
    }
}

/// Puts frames into the mailbox of the other end; waits while that is full, and says so when it has stayed full. Without frames it is
/// a sign of life.
package struct SendRelayed: ServerCall {
    package typealias Reply = SendRelayedReply
    package static let method = CallMethod.sendRelayed

    package var end = RelayEnd()
    package var frames: [RawJSON] = []

    package init() {}

    package init(_ frames: [RawJSON], from end: RelayEnd) {
        self.end = end
        self.frames = frames
    }

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("End", &end)
        try visitor.field("Frames", &frames)
    }
}

package struct SendRelayedReply: Document {
    /// False when there was no room in time: nothing was taken, and the same may be sent again.
    package var isTaken = false

    package init() {}

    package init(isTaken: Bool) { self.isTaken = isTaken }

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Taken", &isTaken)
    }
}

/// Takes what lies in the own mailbox; waits a while for the first frame.
package struct ReceiveRelayed: ServerCall {
    package typealias Reply = ReceiveRelayedReply
    package static let method = CallMethod.receiveRelayed

    package var end = RelayEnd()

    package init() {}

    package init(at end: RelayEnd) { self.end = end }

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("End", &end)
    }
}

package struct ReceiveRelayedReply: Document {
    package var frames: [RawJSON] = []
    /// The other end has closed, and these were its last frames.
    package var isOver = false
    /// Why it closed: a code of ``CallError`` and its text; 0 when all went well.
    package var code = 0
    package var message = ""

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Frames", &frames)
        try visitor.field("Over", &isOver)
        try visitor.field("Code", &code)
        try visitor.field("Message", &message)
    }
}

/// Leaves a relay; the other end still gets what was sent before. No error when it is closed already.
package struct CloseRelay: ServerCall {
    package typealias Reply = SendRelayedReply
    package static let method = CallMethod.closeRelay

    package var end = RelayEnd()
    /// As in ``ReceiveRelayedReply``.
    package var code = 0
    package var message = ""

    package init() {}

    package init(_ end: RelayEnd, error: CallError?) {
        self.end = end
        code = error.map { Int($0.code.rawValue) } ?? 0
        message = error?.message ?? ""
    }

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("End", &end)
        try visitor.field("Code", &code)
        try visitor.field("Message", &message)
    }
}
