internal import Basics
internal import Glibc
internal import Linux
internal import Synchronization

/// An instance in a process of its own: requests go over a socket, and the end of the process ends every open call.
final class RemoteInstance: PluginInstance, @unchecked Sendable {
    /// How the process ended, for the supervisor.
    struct End: Sendable {
        var pid: Int32
        /// Asked for by ``stop()``.
        var wasExpected: Bool
        /// What happened and during which calls, for people.
        var reason: String
    }

    let pid: Int32
    private let name: String
    private let process: HostProcess
    private let channel: Channel
    private let services: any HostServices
    private let pool: ThreadPool
    private let state = Mutex(State())
    private let memory = SharedMemoryTable()
    private let progress = Condition()
    private var outcome: Result<[UInt8], PluginError>?
    private var end: End?
    private let errorLines: ErrorLines
    private var ready: [UInt8] = []

    private struct State {
        var open: [UInt64: (operation: String, finish: @Sendable (Answer) -> Void)] = [:]
        var next: UInt64 = 1
        var isEnded = false
        var isStopping = false
        var killReason: String?
        var lastOperation = "create"
    }

    /// Starts a process for `name`, tells it `settings`, and waits for the instance; blocks up to `timeout`.
    /// `ended` runs once on the reading thread when the process has ended after it was ready.
    init(
        program: String, name: String, environment: [String], settings: HostSettings, services: any HostServices,
        pool: ThreadPool, timeout: Duration, ended: @escaping @Sendable (End) -> Void
    ) throws(PluginError) {
        self.name = name
        self.services = services
        self.pool = pool
        errorLines = ErrorLines(services: services)
        process = try HostProcess(program: program, name: name, environment: environment)
        pid = process.pid
        channel = Channel(process.socket)
        guard HostThread.start("plugin \(name)", { self.read(ended) }) else {
            process.kill()
            _ = process.reap(after: 0)
            throw PluginError(.unavailable, "cannot start a thread for plug-in \(name)")
        }
        try? channel.send(Frame(kind: .configure, number: 0, payload: settings.jsonBytes))
        let deadline = Condition.moment(after: timeout.nanosecondCount)
        let result = progress.locked {
            while outcome == nil, progress.wait(until: deadline) {}
            return outcome
        }
        guard let result else {
            kill("it did not make an instance within \(timeout.goText)")
            throw PluginError(
                .deadline, "plug-in \(name) hung while it was loaded: no instance within \(timeout.goText)")
        }
        do {
            ready = try result.get()
        } catch {
            kill("it could not be loaded")
            throw error
        }
    }

    /// The scorers of the library, as drover.scorers/1 `list` has them.
    var scorerDescriptions: [JSON] { (try? JSONParser.parse(ready))?["scorers"]?.array ?? [] }

    // MARK: - Calls

    func begin(_ request: PluginRequest, finish: @escaping @Sendable (Answer) -> Void) -> any OpenCall {
        let signature = request.signature
        let number = state.withLock { state -> UInt64? in
            guard !state.isEnded else { return nil }
            defer { state.next += 1 }
            state.open[state.next] = (signature.name, finish)
            state.lastOperation = signature.name
            return state.next
        }
        guard let number else {
            finish(Answer(PluginError(.crashed, "the process of plug-in \(name) has ended")))
            return FinishedCall()
        }
        do throws(PluginError) {
            try signature.check(request.arguments)
            try send(.request, number, request)
        } catch {
            take(number)?(Answer(error))
        }
        return RemoteCall(instance: self, number: number)
    }

    private func send(_ kind: Frame.Kind, _ number: UInt64, _ request: PluginRequest) throws(PluginError) {
        var descriptors: [Int32] = []
        let payload = WireRequest.encode(
            request.interface, request.operation, request.arguments, descriptors: &descriptors
        ) { shared in memory.number(of: shared, channel) }
        guard payload.count <= Frame.payloadBytesMax else {
            throw PluginError(.limit, "\(request.signature.name): \(payload.count) bytes of arguments are too many")
        }
        let frame = Frame(
            kind: kind, number: number, deadline: request.deadline?.nanoseconds ?? 0, payload: payload)
        do {
            try channel.send(frame, descriptors: descriptors)
        } catch {
            kill("it took no message for five seconds: \(error)")
            throw PluginError(.crashed, "plug-in \(name) does not read its messages: \(error)")
        }
    }

    private struct RemoteCall: OpenCall {
        let instance: RemoteInstance
        let number: UInt64

        func cancel() {
            guard instance.state.withLock({ $0.open[number] != nil }) else { return }
            try? instance.channel.send(Frame(kind: .cancel, number: number))
        }
    }

    private func take(_ number: UInt64) -> (@Sendable (Answer) -> Void)? {
        state.withLock { $0.open.removeValue(forKey: number)?.finish }
    }

    // MARK: - End

    var openOperations: [String] { state.withLock { $0.open.values.map(\.operation) } }

    var ended: End? { progress.locked { end } }

    /// Ends the process at once; open calls fail as crashed, with `reason`.
    func kill(_ reason: String) {
        state.withLock { if $0.killReason == nil { $0.killReason = reason } }
        process.kill()
    }

    func stop() {
        let isFirst = state.withLock { state in
            defer { state.isStopping = true }
            return !state.isStopping && !state.isEnded
        }
        guard isFirst else { return }
        try? channel.send(Frame(kind: .stop, number: 0))
        let deadline = Condition.now + 7_000_000_000
        let isEnded = progress.locked {
            while end == nil, progress.wait(until: deadline) {}
            return end != nil
        }
        if !isEnded { kill("it did not stop within seven seconds") }
    }

    // MARK: - The reading thread

    private func read(_ ended: @Sendable (End) -> Void) {
        var problem: String?
        do {
            while try receive() {}
        } catch {
            problem = "\(error)"
        }
        if problem != nil { process.kill() }
        let status = process.reap(after: 500)
        errorLines.drain(process.errorOutput)
        let (open, report) = state.withLock { state in
            state.isEnded = true
            defer { state.open = [:] }
            return (Array(state.open.values), end(state, status, problem))
        }
        let isReady = progress.locked { () -> Bool in
            let isReady: Bool
            if case .success? = outcome { isReady = true } else { isReady = false }
            if outcome == nil { outcome = .failure(PluginError(.crashed, report.reason)) }
            end = report
            progress.broadcast()
            return isReady
        }
        for call in open { call.finish(Answer(PluginError(.crashed, report.reason))) }
        if isReady { ended(report) }
    }

    private func end(_ state: State, _ status: HostProcess.Status, _ problem: String?) -> End {
        let during = state.open.values.map(\.operation).sorted()
        var reason = "the process of plug-in \(name) (pid \(pid)) \(status.text)"
        if let cause = state.killReason ?? problem { reason += ", because \(cause)" }
        if let first = during.first {
            let more = during.count - 1
            reason += " during \(first)\(more > 0 ? " and \(more) more calls" : "")"
        } else if !state.isStopping {
            reason += "; its last call was \(state.lastOperation)"
        }
        if !state.isStopping, let line = errorLines.last { reason += "; its last output: \(line)" }
        return End(pid: pid, wasExpected: state.isStopping && status.signal == 0, reason: reason)
    }

    /// Handles what has arrived; false at the end of the connection.
    private func receive() throws -> Bool {
        while let frame = try channel.next() { try handle(frame) }
        var polls = [
            pollfd(fd: channel.socket.number, events: Int16(POLLIN), revents: 0),
            pollfd(fd: errorLines.isOpen ? process.errorOutput.number : -1, events: Int16(POLLIN), revents: 0),
        ]
        try systemCall("poll") { poll(&polls, 2, -1) }
        if polls[1].revents != 0 { errorLines.read(process.errorOutput) }
        return polls[0].revents == 0 ? true : try channel.fill()
    }

    private func handle(_ frame: Frame) throws(PluginError) {
        switch frame.kind {
        case .ready: settle(.success(frame.payload))
        case .failed:
            let answer = try Answer(payload: frame.payload)
            settle(.failure(PluginError(abiCode: answer.code, message: String(decoding: answer.bytes, as: UTF8.self))))
        case .reply:
            let answer = try Answer(payload: frame.payload)
            take(frame.number)?(answer)
        case .notice, .request:
            let request = try WireRequest(
                frame, interfaces: { try? Interface(id: $0, manifest: nil) }, memory: { _ in nil })
            if frame.kind == .notice { return notice(request) }
            let isTaken = pool.submit { [self] in reply(frame.number, serve(request)) }
            if !isTaken { reply(frame.number, Answer(PluginError(.limit, "the agent is busy"))) }
        default: throw PluginError(.garbage, "a message of kind \(frame.kind) from a plug-in's process")
        }
    }

    private func settle(_ result: Result<[UInt8], PluginError>) {
        progress.locked {
            if outcome == nil { outcome = result }
            progress.broadcast()
        }
    }

    private func reply(_ number: UInt64, _ answer: Answer) {
        try? channel.send(Frame(kind: .reply, number: number, payload: answer.payload))
    }

    private func notice(_ request: WireRequest) { ForwardedService.deliver(request, to: services) }

    private func serve(_ request: WireRequest) -> Answer { ForwardedService.answer(request, from: services) }
}

/// Numbers under which a plug-in's process knows shared memory; memory that is gone here is forgotten there.
private final class SharedMemoryTable: Sendable {
    private struct Entry {
        weak var memory: SharedMemory?
        let number: UInt32
    }

    private let state = Mutex<(entries: [Entry], next: UInt32)>(([], 1))

    /// The number of `memory`; passes it to the process when it is new.
    func number(of memory: SharedMemory, _ channel: Channel) -> UInt32 {
        state.withLock { state in
            for entry in state.entries where entry.memory == nil {
                try? channel.send(Frame(kind: .forget, number: UInt64(entry.number)))
            }
            state.entries.removeAll { $0.memory == nil }
            if let entry = state.entries.first(where: { $0.memory === memory }) { return entry.number }
            let number = state.next
            state.next += 1
            state.entries.append(Entry(memory: memory, number: number))
            try? channel.send(
                Frame(kind: .memory, number: UInt64(number)), descriptors: [memory.descriptor.number])
            return number
        }
    }
}
