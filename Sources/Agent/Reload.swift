internal import Client
internal import Connections
internal import Logging
internal import UnixSignals

/// What SIGHUP does: certificates are read again, for new connections, and the configuration, for the options of the client's
/// fingerprinters; then the machine is looked at anew.
struct Reload: Sendable {
    let certificates: TLSSource?
    let client: ClientAgent?
    /// Reads files and flags anew, as at the start.
    let settings: @Sendable () throws -> AgentSettings
    let log: Logger

    /// Runs until cancelled.
    func run() async {
        for await _ in await UnixSignalsSequence(trapping: .sighup) {
            if certificates == nil, client == nil { log.info("SIGHUP: there is nothing to read again") }
            if let certificates { reload(certificates) }
            if let client { reload(client) }
        }
    }

    private func reload(_ certificates: TLSSource) {
        do throws(TLSError) {
            try certificates.reload()
            log.info("SIGHUP: certificates read again, for new connections")
        } catch {
            log.error("SIGHUP: the certificates in use stay", metadata: ["error": "\(error)"])
        }
    }

    private func reload(_ client: ClientAgent) {
        do {
            client.reload(options: try settings().client?.options ?? [:])
            log.info("SIGHUP: options read again; the machine is looked at anew")
        } catch {
            log.error("SIGHUP: the options in use stay", metadata: ["error": "\(error)"])
        }
    }
}
