internal import Basics

/// When each node was last heard of and when its time is up.
///
/// Pure: moments come as arguments. The interval asked of nodes grows with their number, so that all of them together send
/// at most ``Settings/perSecondMax`` heartbeats.
struct Heartbeats: Sendable {
    struct Settings: Sendable {
        /// The shortest interval asked of a node.
        var intervalMin = Duration.seconds(10)
        /// Added to the interval before a node counts as down.
        var grace = Duration.seconds(10)
        /// Heartbeats a second of all nodes together.
        var perSecondMax = 50.0
        /// After a change of leader every node gets this long to report.
        var failover = Duration.seconds(300)
    }

    private let settings: Settings
    private var deadlines: [ID: Uptime] = [:]

    init(settings: Settings) { self.settings = settings }

    var count: Int { deadlines.count }

    /// Notes a sign of life and says within which interval the node should report again.
    ///
    /// `jitter` is 0..<1; it spreads the next heartbeats of nodes that came together.
    mutating func beat(_ node: ID, now: Uptime, jitter: Double) -> Duration {
        let evenly = Duration.nanoseconds(Int64(Double(deadlines.count) / settings.perSecondMax * 1e9))
        let interval = max(settings.intervalMin, evenly)
        let spread = interval + .nanoseconds(Int64(Double(interval.nanosecondCount) * jitter))
        deadlines[node] = now + spread + settings.grace
        return spread
    }

    /// Gives a node known from the log the time to report to a new leader.
    mutating func expect(_ node: ID, now: Uptime) { deadlines[node] = now + settings.failover }

    /// Looks again at a node that may come back after `pause`, unless it has reported since.
    mutating func look(at node: ID, after pause: Duration, now: Uptime) {
        if deadlines[node] == nil { deadlines[node] = now + pause }
    }

    /// Takes out the nodes whose time is up, in id order.
    mutating func expired(now: Uptime) -> [ID] {
        let late = deadlines.filter { $0.value <= now }.keys.sorted()
        for node in late { deadlines[node] = nil }
        return late
    }
}
