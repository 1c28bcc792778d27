internal import Basics
internal import CDroverABI
internal import Synchronization

/// The host services inside a plug-in's process: messages to the agent.
final class ForwardedService: HostServices, Sendable {
    private let channel: Channel
    private let waiting = Condition()
    private let answers = Mutex<[UInt64: Answer?]>([:])
    private let next = Atomic<UInt64>(1)

    private static let log = known(DROVER_LOG_1)
    private static let metrics = known(DROVER_METRICS_1)
    private static let event = known(DROVER_EVENT_1)
    private static let scorers = known(DROVER_SCORERS_1)

    init(_ channel: Channel) { self.channel = channel }

    private static func known(_ id: String) -> Interface {
        (try? Interface(id: id, manifest: nil)) ?? Interface(id: id, operations: [])
    }

    func log(level: Int32, message: String, fields: [UInt8]) {
        notify(ForwardedService.log, 0, [.i32(level), .text(message), .bytes(fields)])
    }

    func metric(_ kind: MetricKind, name: String, value: Double, labels: [UInt8]) {
        notify(ForwardedService.metrics, kind.rawValue, [.text(name), .f64(value), .bytes(labels)])
    }

    func taskEvent(id: String, message: String, details: [UInt8]) {
        notify(ForwardedService.event, 0, [.text(id), .text(message), .bytes(details)])
    }

    func changed(_ what: String) { notify(ForwardedService.event, 1, [.text(what)]) }

    func listScorers() -> Answer { ask(ForwardedService.scorers, 0, []) }

    func score(_ name: String, columns: Block) -> Answer {
        ask(ForwardedService.scorers, 1, [.text(name), .block(columns)])
    }

    /// Takes the agent's answer to an earlier question.
    func take(_ frame: Frame) {
        guard let answer = try? Answer(payload: frame.payload) else { return }
        waiting.locked {
            answers.withLock { if $0[frame.number] != nil { $0[frame.number] = .some(answer) } }
            waiting.broadcast()
        }
    }

    private func notify(_ interface: Interface, _ operation: Int, _ arguments: [Argument]) {
        var descriptors: [Int32] = []
        let payload = WireRequest.encode(interface, operation, arguments, descriptors: &descriptors) { _ in 0 }
        try? channel.send(Frame(kind: .notice, number: 0, payload: payload))
    }

    /// Asks the agent and waits; its answer comes within the deadline of the call that the plug-in is in, or the process ends.
    private func ask(_ interface: Interface, _ operation: Int, _ arguments: [Argument]) -> Answer {
        let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
        var descriptors: [Int32] = []
        let payload = WireRequest.encode(interface, operation, arguments, descriptors: &descriptors) { _ in 0 }
        answers.withLock { $0[number] = .some(nil) }
        do {
            try channel.send(Frame(kind: .request, number: number, payload: payload))
        } catch {
            answers.withLock { $0[number] = nil }
            return Answer(PluginError(.unavailable, "\(error)"))
        }
        return waiting.locked {
            while true {
                if let answer = answers.withLock({ $0[number] ?? nil }) {
                    answers.withLock { $0[number] = nil }
                    return answer
                }
                waiting.wait()
            }
        }
    }

    // MARK: - The agent's side

    /// Hands a notice from a plug-in's process to the agent's services. What does not fit is dropped.
    static func deliver(_ request: WireRequest, to services: any HostServices) {
        let arguments = request.arguments
        switch (request.interface.id, request.operation) {
        case (DROVER_LOG_1, 0):
            guard case .i32(let level) = arguments[0] else { return }
            services.log(level: level, message: text(arguments[1]), fields: bytes(arguments[2]))
        case (DROVER_METRICS_1, let operation):
            guard let kind = MetricKind(rawValue: operation), case .f64(let value) = arguments[1] else { return }
            services.metric(kind, name: text(arguments[0]), value: value, labels: bytes(arguments[2]))
        case (DROVER_EVENT_1, 0):
            services.taskEvent(id: text(arguments[0]), message: text(arguments[1]), details: bytes(arguments[2]))
        case (DROVER_EVENT_1, 1): services.changed(text(arguments[0]))
        default: break
        }
    }

    /// Answers a question from a plug-in's process.
    static func answer(_ request: WireRequest, from services: any HostServices) -> Answer {
        guard request.interface.id == DROVER_SCORERS_1 else {
            return Answer(PluginError(.denied, "\(request.interface.id) is not offered to plug-in processes"))
        }
        guard request.operation == 1, case .block(let columns) = request.arguments[1] else {
            return services.listScorers()
        }
        return services.score(text(request.arguments[0]), columns: columns)
    }

    private static func bytes(_ argument: Argument) -> [UInt8] {
        if case .bytes(let bytes) = argument { bytes } else { [] }
    }

    private static func text(_ argument: Argument) -> String { String(decoding: bytes(argument), as: UTF8.self) }
}
