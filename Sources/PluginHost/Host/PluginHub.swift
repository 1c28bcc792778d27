internal import Basics
internal import CDroverABI
internal import Logging
internal import Synchronization

/// Where what plug-ins say comes together: log lines, metrics, events, and the scorers that schedulers may use.
final class PluginHub: Sendable {
    /// Different metrics a plug-in may have; further ones are dropped and counted.
    static let seriesMax = 1_000

    private struct State {
        var driverReaders: [UInt64: AsyncStream<DriverEvent>.Continuation] = [:]
        var fingerprintReaders: [UInt64: AsyncStream<String>.Continuation] = [:]
        var nextReader: UInt64 = 1
        var series: [PluginMetric.Key: PluginMetric] = [:]
        var seriesCount: [String: Int] = [:]
        var seriesDropped = 0
    }

    private let state = Mutex(State())

    func driverEvents() -> AsyncStream<DriverEvent> {
        AsyncStream(bufferingPolicy: .bufferingNewest(1_024)) { reader in
            let number = state.withLock { state in
                state.driverReaders[state.nextReader] = reader
                defer { state.nextReader += 1 }
                return state.nextReader
            }
            reader.onTermination = { [weak self] _ in self?.state.withLock { $0.driverReaders[number] = nil } }
        }
    }

    func fingerprintChanges() -> AsyncStream<String> {
        AsyncStream(bufferingPolicy: .bufferingNewest(256)) { reader in
            let number = state.withLock { state in
                state.fingerprintReaders[state.nextReader] = reader
                defer { state.nextReader += 1 }
                return state.nextReader
            }
            reader.onTermination = { [weak self] _ in self?.state.withLock { $0.fingerprintReaders[number] = nil } }
        }
    }

    func tell(_ event: DriverEvent) {
        for reader in state.withLock({ Array($0.driverReaders.values) }) { reader.yield(event) }
    }

    func tellFingerprint(_ name: String) {
        for reader in state.withLock({ Array($0.fingerprintReaders.values) }) { reader.yield(name) }
    }

    // MARK: - Metrics

    func record(_ kind: MetricKind, plugin: String, name: String, value: Double, labels: [UInt8]) {
        guard value.isFinite else { return }
        let key = PluginMetric.Key(plugin: plugin, name: name, labels: String(decoding: labels, as: UTF8.self))
        state.withLock { state in
            var metric = state.series[key]
            if metric == nil {
                guard state.seriesCount[plugin, default: 0] < PluginHub.seriesMax else {
                    state.seriesDropped += 1
                    return
                }
                state.seriesCount[plugin, default: 0] += 1
                metric = PluginMetric(key: key, kind: kind)
            }
            metric?.add(value)
            state.series[key] = metric
        }
    }

    var metrics: [PluginMetric] {
        state.withLock { Array($0.series.values) }.sorted { $0.key < $1.key }
    }
}

/// A metric that a plug-in reports, summed up so far.
package struct PluginMetric: Sendable {
    package struct Key: Hashable, Comparable, Sendable {
        package let plugin: String
        package let name: String
        /// A JSON object of texts, or empty.
        package let labels: String

        package static func < (left: Key, right: Key) -> Bool {
            (left.plugin, left.name, left.labels) < (right.plugin, right.name, right.labels)
        }
    }

    package let key: Key
    let kind: MetricKind
    /// Of a counter the sum, of a gauge the last value, of a distribution the sum of its samples.
    package private(set) var value = 0.0
    /// Samples so far.
    package private(set) var count = 0

    package var isGauge: Bool { kind == .gauge }
    package var isDistribution: Bool { kind == .distribution }

    init(key: Key, kind: MetricKind) {
        self.key = key
        self.kind = kind
    }

    mutating func add(_ sample: Double) {
        count += 1
        value = kind == .gauge ? sample : value + sample
    }
}

/// The host services of one plug-in in the agent itself.
struct AgentServices: HostServices {
    let plugin: String
    let kinds: [PluginKind]
    let hub: PluginHub
    let log: Logger
    let scorers: ScorerRegistry

    func log(level: Int32, message: String, fields: [UInt8]) {
        var metadata: Logger.Metadata = ["plugin.name": "\(plugin)"]
        if !fields.isEmpty, let object = (try? JSONParser.parse(fields))?.object {
            for member in object.members { metadata[member.key] = "\(member.value.string ?? member.value.text)" }
        }
        log.log(level: AgentServices.level(level), "\(message)", metadata: metadata)
    }

    private static func level(_ level: Int32) -> Logger.Level {
        switch level {
        case DROVER_LOG_TRACE: .trace
        case DROVER_LOG_DEBUG: .debug
        case DROVER_LOG_INFO: .info
        case DROVER_LOG_WARN: .warning
        default: .error
        }
    }

    func metric(_ kind: MetricKind, name: String, value: Double, labels: [UInt8]) {
        hub.record(kind, plugin: plugin, name: name, value: value, labels: labels)
    }

    func taskEvent(id: String, message: String, details: [UInt8]) {
        let details = (try? JSONParser.parse(details)) ?? .object([])
        hub.tell(.task(driver: plugin, taskID: id, message: message, details: details))
    }

    func changed(_ what: String) {
        if kinds.contains(.driver) { hub.tell(.changed(driver: plugin)) }
        if kinds.contains(.fingerprint) || kinds.contains(.device) { hub.tellFingerprint(plugin) }
    }

    func listScorers() -> Answer { Answer(code: DROVER_OK, bytes: scorers.list().bytes) }

    func score(_ name: String, columns: Block) -> Answer { scorers.score(name, columns: columns) }
}
