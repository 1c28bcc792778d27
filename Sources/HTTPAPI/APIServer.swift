internal import Basics
internal import Connections
internal import Glibc
internal import HummingbirdCore
package import Logging
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle
internal import Synchronization

/// The HTTP API of one agent: binds its addresses, answers requests until shut down.
///
/// Routes are in ``RouteTable``; what they need of the agent is in ``Endpoints``. On graceful shutdown the listeners
/// close, waiting queries answer at once and streams end.
package struct APIServer: Service {
    package let configuration: APIConfiguration
    private let exchange: Exchange
    private let log: Logger
    private let report: @Sendable (_ address: String, _ reason: String) -> Void
    private let onReady: @Sendable ([APIAddress]) -> Void

    /// `onReady` is told once, when all addresses are bound, with real ports where 0 was asked; `report` is told of callers that were
    /// turned away, each time.
    package init(
        configuration: APIConfiguration, endpoints: Endpoints, log: Logger,
        report: @escaping @Sendable (_ address: String, _ reason: String) -> Void = { _, _ in },
        onReady: @escaping @Sendable ([APIAddress]) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.log = log
        self.report = report
        self.onReady = onReady
        exchange = Exchange(table: .standard, endpoints: endpoints, configuration: configuration, log: log)
    }

    /// Serves until graceful shutdown or cancellation.
    ///
    /// - Throws: ``APIBindError`` when an address cannot be bound; then none is served.
    package func run() async throws {
        let limiter = ConnectionLimiter(
            perClientMax: configuration.connectionsPerClientMax, totalMax: configuration.connectionsMax)
        let board = ReadyBoard(awaited: configuration.addresses.count)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for address in configuration.addresses {
                let listener = try listener(at: address, limiter: limiter) { bound in
                    if let all = board.note(bound) { onReady(all) }
                }
                group.addTask {
                    do {
                        try await listener.run()
                    } catch let error as IOError {
                        throw APIBindError(address: address, code: error.errnoCode)
                    }
                }
            }
            do {
                while try await group.next() != nil {}
            } catch {
                group.cancelAll()
                throw error
            }
        }
    }

    private func listener(
        at address: APIAddress, limiter: ConnectionLimiter, bound: @escaping @Sendable (APIAddress) -> Void
    ) throws -> any Service {
        let report = report
        let channel = HTTP1Channel.Configuration(
            additionalChannelHandlers: [ConnectionLimitHandler(limiter: limiter, report: report)],
            idleTimeout: .nanoseconds(configuration.idleTimeout.nanosecondCount))
        let exchange = self.exchange
        let builder: HTTPServerBuilder
        if case .tls = address {
            guard let security = configuration.security else { throw APIBindError(address: address, code: EINVAL) }
            builder = HTTPServerBuilder { responder in
                SecureChannel(
                    base: TappedChannel(
                        base: HTTP1Channel(responder: responder, configuration: channel), exchange: exchange),
                    security: security, report: report)
            }
        } else {
            builder = HTTPServerBuilder { responder in
                TappedChannel(
                    base: HTTP1Channel(responder: responder, configuration: channel), exchange: exchange)
            }
        }
        // The listeners' own lines repeat what the agent reports in its words.
        var quiet = log
        quiet.logLevel = max(log.logLevel, .notice)
        return try builder.buildServer(
            configuration: ServerConfiguration(address: address.bindAddress),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: quiet
        ) { request, writer, channel in
            try await exchange.respond(to: request, writer: writer, on: channel)
        } onServerRunning: { channel in
            bound(address.withPort(channel.localAddress?.port))
        }
    }
}

/// Collects the addresses bound until all are.
private final class ReadyBoard: Sendable {
    private let bound = Mutex<[APIAddress]>([])
    private let awaited: Int

    init(awaited: Int) { self.awaited = awaited }

    /// All addresses, when this was the last.
    func note(_ address: APIAddress) -> [APIAddress]? {
        bound.withLock { bound in
            bound.append(address)
            return bound.count == awaited ? bound : nil
        }
    }
}
