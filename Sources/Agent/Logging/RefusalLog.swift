package import Basics
package import Logging
internal import Synchronization

/// Lines about callers that were turned away, so few that strangers cannot fill the log.
///
/// The first for a port and reason is logged at once, and then one in ten seconds at most, with the count of those held back.
package final class RefusalLog: Sendable {
    /// Between two lines of one kind.
    private static let period = Duration.seconds(10)
    /// Kinds told apart; what comes beyond shares one.
    private static let kindsMax = 64

    private let log: Logger
    private let time: any TimeSource
    private let kinds = Mutex<[String: Kind]>([:])

    private struct Kind {
        var loggedAt: Uptime
        var heldBack = 0
    }

    package init(log: Logger, time: any TimeSource) {
        self.log = log
        self.time = time
    }

    /// Notes one caller turned away at `port`, such as `rpc`.
    package func note(port: String, address: String, reason: String) {
        let now = time.uptime
        let heldBack = kinds.withLock { kinds -> Int? in
            // Kinds that have been quiet make room.
            if kinds.count >= RefusalLog.kindsMax {
                kinds = kinds.filter { now - $0.value.loggedAt < RefusalLog.period }
            }
            let name = port + reason
            let key = kinds[name] != nil || kinds.count < RefusalLog.kindsMax ? name : port
            guard let kind = kinds[key], now - kind.loggedAt < RefusalLog.period else {
                return kinds.updateValue(Kind(loggedAt: now), forKey: key)?.heldBack ?? 0
            }
            kinds[key]?.heldBack += 1
            return nil
        }
        guard let heldBack else { return }
        log.warning(
            "connection refused",
            metadata: [
                "port": "\(port)", "peer": "\(address)", "reason": "\(reason.prefix(512))",
                "held_back": "\(heldBack)",
            ])
    }
}
