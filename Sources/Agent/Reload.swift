internal import Connections
internal import Logging
internal import UnixSignals

/// What SIGHUP does: certificates are read again, for new connections.
enum Reload {
    /// Runs until cancelled.
    static func run(_ certificates: TLSSource?, log: Logger) async {
        for await _ in await UnixSignalsSequence(trapping: .sighup) {
            guard let certificates else {
                log.info("SIGHUP: there is nothing to read again")
                continue
            }
            do throws(TLSError) {
                try certificates.reload()
                log.info("SIGHUP: certificates read again, for new connections")
            } catch {
                log.error("SIGHUP: the certificates in use stay", metadata: ["error": "\(error)"])
            }
        }
    }
}
