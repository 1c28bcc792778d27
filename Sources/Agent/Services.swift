internal import Basics
internal import Client
internal import ServiceLifecycle

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
