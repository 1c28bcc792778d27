internal import Basics

/// One live instance of a plug-in, in this process (``LocalInstance``) or in its own (``RemoteInstance``).
protocol PluginInstance: AnyObject, Sendable {
    /// Starts operation `operation` of `interface`. `finish` runs exactly once, on any thread, maybe before this returns.
    ///
    /// Blocks the calling thread while the plug-in's function runs when the instance is in this process; otherwise for the time of
    /// a write to a socket.
    func begin(_ request: PluginRequest, finish: @escaping @Sendable (Answer) -> Void) -> any OpenCall

    /// Names of the operations that have not finished.
    var openOperations: [String] { get }

    /// How its process ended, once it has; nil for an instance in the agent.
    var ended: RemoteInstance.End? { get }

    /// Ends the instance: open calls complete, tasks go on. Blocks up to some seconds.
    func stop()
}

/// A call under way.
protocol OpenCall: Sendable {
    /// Tells the plug-in that the result is no longer wanted; it still finishes the call.
    func cancel()
}

/// A call that has nothing to cancel.
struct FinishedCall: OpenCall {
    func cancel() {}
}

/// One operation asked of a plug-in.
struct PluginRequest: Sendable {
    let interface: Interface
    let operation: Int
    let arguments: [Argument]
    /// When the answer is worthless; nil: never.
    let deadline: Uptime?

    var signature: Signature { interface.operations[operation] }
}
