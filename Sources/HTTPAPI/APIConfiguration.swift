internal import Basics
package import Connections

/// TLS of the HTTP API.
package struct APISecurity: Sendable {
    package var source: TLSSource
    /// Callers must show a certificate of the agent's CA (`tls.verify_https_client`).
    package var asksCertificate = false
    /// Time for the first bytes, and again for the handshake (`limits.https_handshake_timeout`). Five seconds.
    package var handshakeTimeout = Duration.seconds(5)

    package init(source: TLSSource) { self.source = source }
}

/// Addresses and limits of the HTTP API.
package struct APIConfiguration: Sendable {
    package var addresses: [APIAddress]
    /// Largest request body; a larger one is answered 413. 8 MiB.
    package var bodyBytesMax = 8 << 20
    /// Open connections of one client address (`limits.http_max_conns_per_client`); 0 is no limit. 100.
    package var connectionsPerClientMax = 100
    /// Open connections in all; more are refused. 10,000.
    package var connectionsMax = 10_000
    /// Certificates for addresses of the kind ``APIAddress/tls(_:)``.
    package var security: APISecurity?
    /// A connection idle, or slow in sending a request, for so long is closed. Two minutes.
    package var idleTimeout = Duration.seconds(120)
    /// Between heartbeats (`{}`) of a followed stream that has nothing to say. One second.
    package var heartbeatInterval = Duration.seconds(1)
    /// Added to every response (`http_api_response_headers`).
    package var responseHeaders: [String: String] = [:]

    package init(addresses: [APIAddress]) { self.addresses = addresses }
}
