internal import Basics

/// Which plug-in a host table belongs to.
struct PluginIdentity: Sendable {
    let name: String
    /// The plug-in's own writable folder, made on first use.
    let folder: String
}

/// What the host's tables need of the agent: in the agent its own parts, in a plug-in's process messages to it.
protocol HostServices: Sendable {
    /// `level` is one of DROVER_LOG_; `fields` empty or a JSON object of texts.
    func log(level: Int32, message: String, fields: [UInt8])

    func metric(_ kind: MetricKind, name: String, value: Double, labels: [UInt8])

    func taskEvent(id: String, message: String, details: [UInt8])

    func changed(_ what: String)

    /// The scorers that operators have installed: the JSON array of drover.scorers/1 `list`.
    func listScorers() -> Answer

    /// Runs a scorer over `columns`, a `drover_score_columns`; blocks.
    func score(_ name: String, columns: Block) -> Answer
}

/// How a metric's values add up.
enum MetricKind: Int, Sendable {
    case counter, gauge, distribution
}

/// Time and randomness for plug-ins.
protocol PluginClock: Sendable {
    var monotonic: Int64 { get }
    var wall: Int64 { get }
    func random() -> UInt64

    /// Runs `work` once after `delay` nanoseconds; nil, and never, when there are too many timers.
    func schedule(after delay: Int64, _ work: @escaping @Sendable () -> Void) -> UInt64?

    /// Forgets a timer; false when it has run.
    func cancel(_ timer: UInt64) -> Bool
}
