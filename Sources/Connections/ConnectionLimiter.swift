internal import Synchronization

/// Counts the open connections of a port, of each client address and in all.
package final class ConnectionLimiter: Sendable {
    private let perClientMax: Int
    private let totalMax: Int
    private let state = Mutex(State())

    private struct State {
        var byClient: [String: Int] = [:]
        var total = 0
    }

    /// - Parameters:
    ///   - perClientMax: connections an address may have open; 0 is no limit.
    ///   - totalMax: connections that may be open in all.
    package init(perClientMax: Int, totalMax: Int = .max) {
        self.perClientMax = perClientMax
        self.totalMax = totalMax
    }

    /// Counts one more; returns the limit it breaks, in words, if it breaks one. It is to be closed in either case.
    package func open(_ address: String) -> String? {
        state.withLock { state in
            state.total += 1
            let count = state.byClient[address, default: 0] + 1
            state.byClient[address] = count
            if state.total > totalMax { return "\(totalMax) connections are open" }
            guard perClientMax == 0 || count <= perClientMax else {
                return "\(perClientMax) connections of this address are open"
            }
            return nil
        }
    }

    package func close(_ address: String) {
        state.withLock { state in
            state.total -= 1
            let count = state.byClient[address, default: 1] - 1
            state.byClient[address] = count > 0 ? count : nil
        }
    }
}
