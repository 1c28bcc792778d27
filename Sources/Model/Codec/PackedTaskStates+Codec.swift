internal import Basics

/// A client's report of one allocation, unpacked.
package struct AllocationReport: Sendable, Equatable {
    package var clientDescription = ""
    package var taskStates: [String: TaskState] = [:]

    package init(clientDescription: String = "", taskStates: [String: TaskState] = [:]) {
        self.clientDescription = clientDescription
        self.taskStates = taskStates
    }

    var isEmpty: Bool { clientDescription.isEmpty && taskStates.isEmpty }
}

extension PackedTaskStates {
    package init(_ report: AllocationReport) {
        let times = TimeTable(report)
        var writer = ByteWriter()
        writer.text(report.clientDescription)
        writer.number(report.taskStates.count)
        for (name, state) in report.taskStates.sorted(by: { $0.key < $1.key }) {
            writer.text(name)
            writer.framed { $0.taskState(state, times) }
        }
        self.init(shape: report.isEmpty ? [] : writer.bytes, times: times.times)
    }

    package func unpacked() throws(CodecError) -> AllocationReport {
        guard !shape.isEmpty else { return AllocationReport() }
        var reader = ByteReader(shape)
        var report = AllocationReport(clientDescription: try reader.text())
        for _ in 0..<(try reader.count(elementSize: 2)) {
            let name = try reader.text()
            var framed = try reader.framed()
            report.taskStates[name] = try framed.taskState(times)
        }
        return report
    }
}

/// Numbers the different times of a report, oldest first; 0 stands for "never".
private struct TimeTable {
    private(set) var times: [Int64] = []

    init(_ report: AllocationReport) {
        for state in report.taskStates.values {
            insert(state.lastRestart.time)
            insert(state.startedAt.time)
            insert(state.finishedAt.time)
            for event in state.events { insert(event.time) }
        }
        times.sort()
    }

    /// Few times are different, so looking at all of them is the fastest.
    private mutating func insert(_ time: Timestamp) {
        if time != .never, !times.contains(time.nanoseconds) { times.append(time.nanoseconds) }
    }

    func number(_ time: Timestamp) -> Int { (times.firstIndex(of: time.nanoseconds) ?? -1) + 1 }
}

extension ByteWriter {
    fileprivate mutating func taskState(_ state: TaskState, _ times: TimeTable) {
        byte(state.state.code)
        flag(state.failed)
        number(state.restarts)
        number(times.number(state.lastRestart.time))
        number(times.number(state.startedAt.time))
        number(times.number(state.finishedAt.time))
        number(state.events.count)
        for event in state.events { framed { $0.taskEvent(event, times) } }
    }

    /// The event's fields in the order in which ``TaskEvent`` declares them.
    private mutating func taskEvent(_ event: TaskEvent, _ times: TimeTable) {
        text(event.type)
        number(times.number(event.time))
        text(event.displayMessage)
        number(event.details.count)
        for (key, value) in event.details.sorted(by: { $0.key < $1.key }) {
            text(key)
            text(value)
        }
        text(event.message)
        flag(event.failsTask)
        text(event.restartReason)
        text(event.setupError)
        text(event.driverError)
        text(event.driverMessage)
        signed(Int64(event.exitCode))
        signed(Int64(event.signal))
        text(event.killReason)
        signed(event.killTimeout.nanosecondCount)
        text(event.killError)
        signed(event.startDelay.nanosecondCount)
        text(event.downloadError)
        text(event.validationError)
        text(event.failedSibling)
        text(event.taskSignalReason)
        text(event.taskSignal)
        text(event.genericSource)
    }
}

extension ByteReader {
    fileprivate mutating func taskState(_ times: [Int64]) throws(CodecError) -> TaskState {
        var state = TaskState()
        state.state = TaskRunState(code: try byte())
        state.failed = try flag()
        state.restarts = try number()
        state.lastRestart = TimeText(try time(from: times))
        state.startedAt = TimeText(try time(from: times))
        state.finishedAt = TimeText(try time(from: times))
        for _ in 0..<(try count(elementSize: 1)) {
            var framed = try framed()
            state.events.append(try framed.taskEvent(times))
        }
        return state
    }

    private mutating func time(from times: [Int64]) throws(CodecError) -> Timestamp {
        let number = try number(as: Int.self)
        guard number <= times.count else { throw error("time \(number) of \(times.count)") }
        return number == 0 ? .never : Timestamp(nanoseconds: times[number - 1])
    }

    private mutating func taskEvent(_ times: [Int64]) throws(CodecError) -> TaskEvent {
        var event = TaskEvent()
        event.type = try text()
        event.time = try time(from: times)
        event.displayMessage = try text()
        for _ in 0..<(try count(elementSize: 2)) {
            let key = try text()
            event.details[key] = try text()
        }
        event.message = try text()
        event.failsTask = try flag()
        event.restartReason = try text()
        event.setupError = try text()
        event.driverError = try text()
        event.driverMessage = try text()
        event.exitCode = Int(try signed())
        event.signal = Int(try signed())
        event.killReason = try text()
        event.killTimeout = .nanoseconds(try signed())
        event.killError = try text()
        event.startDelay = .nanoseconds(try signed())
        event.downloadError = try text()
        event.validationError = try text()
        event.failedSibling = try text()
        event.taskSignalReason = try text()
        event.taskSignal = try text()
        event.genericSource = try text()
        return event
    }
}

extension TaskRunState {
    /// The state's number in packed reports; never reused.
    fileprivate var code: UInt8 {
        switch self {
        case .pending: 0
        case .running: 1
        case .dead: 2
        }
    }

    fileprivate init(code: UInt8) { self = code == 0 ? .pending : code == 1 ? .running : .dead }
}
