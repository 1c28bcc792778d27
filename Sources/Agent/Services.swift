internal import Basics
internal import Client
internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

/// A part that runs until it is cancelled; graceful shutdown cancels it.
struct CancelledService: Service {
    private let body: @Sendable () async throws -> Void

    init(_ body: @escaping @Sendable () async throws -> Void) { self.body = body }

    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown(body)
        } catch is CancellationError {}
    }
}

/// Ends the agent at SIGINT or SIGTERM; where the settings say so, its server first leaves the cluster in good order.
struct SignalService: Service {
    /// Signals at which the server leaves.
    let leaving: Set<UnixSignal>
    let leave: @Sendable () async -> Void
    let log: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await signal in await UnixSignalsSequence(trapping: [.sigterm, .sigint]) {
                log.info("told to stop", metadata: ["signal": "\(signal)", "leave": "\(leaving.contains(signal))"])
                if leaving.contains(signal) { await leave() }
                return
            }
        }
    }
}

/// The client: lets go of its tasks at the end, or, on a development agent, ends them.
struct ClientService: Service {
    let client: ClientAgent
    let stopsTasks: Bool

    func run() async throws {
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await client.run() }
                group.addTask {
                    try await gracefulShutdown()
                    if stopsTasks { try await client.stopAll() }
                }
                defer { group.cancelAll() }
                try await group.next()
            }
        } catch is CancellationError {}
    }
}
