internal import Basics
internal import Model
internal import StateStore
internal import Synchronization

/// The leader's ear on all nodes: wraps ``Heartbeats`` with a lock and the seam's clock.
final class HeartbeatMonitor: Sendable {
    private let seam: Seam
    private let settings: Heartbeats.Settings
    private let heartbeats: Mutex<Heartbeats>

    init(seam: Seam, settings: Heartbeats.Settings) {
        self.seam = seam
        self.settings = settings
        heartbeats = Mutex(Heartbeats(settings: settings))
    }

    /// Starts anew: every node that is not down gets time to report to this leader.
    ///
    /// The newest snapshot is read under the lock, so a node that registers meanwhile is in it or beats afterwards.
    func enable(from feed: ChangeFeed) {
        let now = seam.time.uptime
        heartbeats.withLock { heartbeats in
            heartbeats = Heartbeats(settings: settings)
            feed.snapshot.forEachNode { record in
                switch record.node.status {
                case .down: break
                // Until when it may come back follows from the state.
                case .disconnected: heartbeats.look(at: record.node.id, after: .zero, now: now)
                case .initializing, .ready: heartbeats.expect(record.node.id, now: now)
                }
                return true
            }
        }
    }

    func disable() { heartbeats.withLock { $0 = Heartbeats(settings: settings) } }

    /// Nodes it listens for.
    var count: Int { heartbeats.withLock { $0.count } }

    /// Notes a sign of life; returns the interval within which to report again.
    func beat(_ node: ID) -> Duration {
        let jitter = Double(seam.random.next() >> 11) / Double(1 << 53)
        return heartbeats.withLock { $0.beat(node, now: seam.time.uptime, jitter: jitter / 2) }
    }

    func expired() -> [ID] { heartbeats.withLock { $0.expired(now: seam.time.uptime) } }

    /// Has ``expired()`` name the nodes again after `pause`, unless they report meanwhile.
    func look(at nodes: [ID], after pause: Duration = .zero) {
        heartbeats.withLock { heartbeats in
            for node in nodes { heartbeats.look(at: node, after: pause, now: seam.time.uptime) }
        }
    }
}
