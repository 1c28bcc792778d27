internal import Basics
internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

/// A part that runs until it is cancelled; graceful shutdown cancels it, once it has done what is to be done before.
struct CancelledService: Service {
    private let body: @Sendable () async throws -> Void
    private let atShutdown: @Sendable () async throws -> Void

    init(
        atShutdown: @escaping @Sendable () async throws -> Void = {},
        _ body: @escaping @Sendable () async throws -> Void
    ) {
        self.body = body
        self.atShutdown = atShutdown
    }

    func run() async throws {
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask(operation: body)
                group.addTask {
                    try await gracefulShutdown()
                    try await atShutdown()
                }
                defer { group.cancelAll() }
                try await group.next()
            }
        } catch is CancellationError {}
    }
}

/// Ends the agent at SIGINT or SIGTERM; its server hands leadership on first, or, where the settings say so, leaves the cluster.
struct SignalService: Service {
    /// Signals at which the server leaves.
    let leaving: Set<UnixSignal>
    let leave: @Sendable () async -> Void
    let handLeadershipOn: @Sendable () async -> Void
    let log: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await signal in await UnixSignalsSequence(trapping: [.sigterm, .sigint]) {
                log.info("told to stop", metadata: ["signal": "\(signal)", "leave": "\(leaving.contains(signal))"])
                if leaving.contains(signal) { await leave() } else { await handLeadershipOn() }
                return
            }
        }
    }
}
