package import Basics
package import Model

/// A program to be run inside a running task.
package struct TaskCommand: Document {
    /// Words of one command at most.
    package static let argumentsMax = 4_096

    package var allocation = ID.none
    package var task = ""
    /// The program and its arguments; at least one.
    package var arguments: [String] = []
    /// Its standard streams are a terminal's.
    package var isTerminal = false
    /// The caller may also run programs where tasks are not kept from the node's files (`alloc-node-exec`).
    package var mayReachNode = false

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("AllocID", &allocation)
        try visitor.field("Task", &task)
        try visitor.field("Cmd", &arguments)
        try visitor.field("Tty", &isTerminal)
        try visitor.field("MayReachNode", &mayReachNode)
    }
}

/// Whom a program that runs inside a task talks to.
package protocol CommandChannel: Sendable {
    /// What is said to the program next; nil once the caller has gone, which ends the program. One reader at a time.
    func next() async throws -> CommandInput?

    /// Tells the caller; waits while the caller takes nothing, throws once it is gone.
    func send(_ output: CommandOutput) async throws

    /// Tells the caller that nothing more comes, and why; before the reader is cancelled, which may be taken for a connection that
    /// broke.
    func end(_ error: CallError?) async
}

extension CommandChannel {
    package func end(_ error: CallError?) async {}
}
