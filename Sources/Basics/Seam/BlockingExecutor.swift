/// Threads for work that blocks: fsync, SQLite, dlopen, plug-in calls; never Swift's cooperative pool.
public protocol BlockingExecutor: Sendable {
    /// Runs `work` on a thread that may block and resumes with its result.
    ///
    /// Work submitted under one `lane` runs in the order of submission, one piece at a time; without a lane it runs as soon as
    /// a thread is free. The simulation runs it at once, on its own thread.
    func run<Result: Sendable>(
        lane: BlockingLane?, _ work: @escaping @Sendable () throws -> Result
    ) async throws -> Result
}

extension BlockingExecutor {
    public func run<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await run(lane: nil, work)
    }
}

/// Names a queue of blocking work that must stay in order, such as one log's writes.
public struct BlockingLane: Hashable, Sendable {
    public let name: String

    public init(_ name: String) { self.name = name }
}
