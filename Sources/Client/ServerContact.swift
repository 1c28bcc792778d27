internal import Basics
internal import Synchronization

/// When a server last answered: allocations whose group says so end by themselves some time after it
/// (`disconnect`, `stop_on_client_after`).
final class ServerContact: Sendable {
    /// After its start a client has this long to reach the servers, whatever the time before: they may want what it left running.
    static let startGrace = Duration.seconds(10)

    private struct State {
        var last: Uptime
        /// No earlier time is anybody's end.
        let floor: Uptime
    }

    private let state: Mutex<State>

    /// The contact of a client that starts now.
    init(now: Uptime) { state = Mutex(State(last: now, floor: now + ServerContact.startGrace)) }

    /// Goes on from what an earlier client on the same folder noted; `ago` below zero, of a clock set back, counts as zero.
    func resume(_ ago: Duration, now: Uptime) {
        state.withLock { $0.last = now + (.zero - max(.zero, ago)) }
    }

    /// A server has answered a call that was made at `time`.
    func made(at time: Uptime) { state.withLock { $0.last = max($0.last, time) } }

    /// When an allocation ends that does without servers for so long.
    func end(after patience: Duration) -> Uptime { state.withLock { max($0.last + patience, $0.floor) } }
}
