internal import Client
internal import Connections
internal import Logging
internal import PluginHost
internal import UnixSignals

/// What SIGHUP does: certificates are read again, for new connections, and the configuration, for the plug-ins' blocks and the
/// options of the client's fingerprinters; then the machine is looked at anew. Tasks run on.
struct Reload: Sendable {
    let certificates: TLSSource?
    let client: ClientAgent?
    let plugins: PluginManager
    /// Reads files and flags anew, as at the start.
    let settings: @Sendable () throws -> AgentSettings
    let log: Logger

    /// Runs until cancelled.
    func run() async {
        for await _ in await UnixSignalsSequence(trapping: .sighup) {
            if let certificates { reload(certificates) }
            await reload()
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

    private func reload() async {
        let settings: AgentSettings
        do {
            settings = try self.settings()
        } catch {
            return log.error("SIGHUP: the configuration in use stays", metadata: ["error": "\(error)"])
        }
        for (name, problem) in await plugins.reconfigure(settings.plugins.plugins) {
            if let problem {
                log.error(
                    "SIGHUP: the plug-in's block is not in force",
                    metadata: ["plugin.name": "\(name)", "reason": "\(problem)"])
            } else {
                log.info("SIGHUP: the plug-in is configured anew", metadata: ["plugin.name": "\(name)"])
            }
        }
        client?.reload(options: settings.client?.options ?? [:])
        log.info("SIGHUP: configuration read again")
    }
}
