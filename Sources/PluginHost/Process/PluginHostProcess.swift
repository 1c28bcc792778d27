internal import Basics
internal import CDroverABI
internal import Glibc
internal import Linux
internal import Synchronization

/// The process that hosts one plug-in: `drover plugin-host NAME`, started by ``PluginManager`` with a socket as descriptor 3.
///
/// It loads the library it is told, answers requests until the socket ends, and ends with it: the agent's death is its own. The main
/// thread only receives; the plug-in is called on threads of a pool.
package final class PluginHostProcess: @unchecked Sendable {
    /// Runs until the agent goes away or says stop.
    /// - Returns: the exit code: 0 after a stop, 64 when it was not started by an agent.
    package static func main(_ arguments: [String]) -> Int32 {
        var status = stat()
        guard fstat(3, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else {
            let text =
                "drover plugin-host is started by the agent, with a socket as descriptor 3; use: drover plugin status\n"
            text.withCString { _ = write(2, $0, strlen($0)) }
            return 64
        }
        _ = fcntl(3, F_SETFD, FD_CLOEXEC)
        signal(SIGPIPE, SIG_IGN)
        let process = PluginHostProcess(Channel(FileDescriptor(owning: 3)))
        do {
            try process.run()
        } catch {
            "plugin-host: \(error)\n".withCString { _ = write(2, $0, strlen($0)) }
            return 70
        }
        return 0
    }

    private let channel: Channel
    private let services: ForwardedService
    private let pool = ThreadPool(name: "plug-in call")
    private let open = Mutex<[UInt64: Slot]>([:])
    private var memories: [UInt32: SharedMemory] = [:]
    private var interfaces: [String: Interface] = [:]
    private var instance: LocalInstance?

    /// A request from its arrival to its answer.
    private enum Slot {
        case starting(isCancelled: Bool)
        case running(any OpenCall)
    }

    private init(_ channel: Channel) {
        self.channel = channel
        services = ForwardedService(channel)
    }

    private func run() throws {
        repeat {
            while let frame = try channel.next() { try handle(frame) }
        } while try channel.fill()
        // Whatever still runs in the plug-in, the agent is gone: leave at once, without the library's destructors.
        _exit(0)
    }

    private func handle(_ frame: Frame) throws {
        switch frame.kind {
        case .configure: configure(frame)
        case .request: request(frame)
        case .reply: services.take(frame)
        case .cancel: cancel(frame.number)
        case .memory:
            guard let descriptor = frame.descriptors.first else { throw WireReader.short("shared memory") }
            memories[UInt32(truncatingIfNeeded: frame.number)] = try SharedMemory(mapping: descriptor)
        case .forget: memories[UInt32(truncatingIfNeeded: frame.number)] = nil
        case .stop:
            HostThread.start("plug-in stop") { [self] in
                instance?.stop()
                _exit(0)
            }
        case .ready, .failed, .notice: throw PluginError(.garbage, "a message of kind \(frame.kind) from the agent")
        }
    }

    private func configure(_ frame: Frame) {
        do {
            let settings = try HostSettings(json: frame.payload)
            let made = try settings.makeInstance(services: services, clock: SystemClock())
            instance = made
            let scorers = JSON.array(made.scorers.map { $0.description(as: $0.name) })
            let ready = JSON.object([("pid", .integer(Int64(getpid()))), ("scorers", scorers)])
            try channel.send(Frame(kind: .ready, number: 0, payload: ready.bytes))
        } catch {
            let answer: Answer
            if let error = error as? PluginError {
                answer = Answer(code: error.abiCode, bytes: Array(error.message.utf8))
            } else {
                answer = Answer(code: DROVER_E_INVALID, bytes: Array("\(error)".utf8))
            }
            try? channel.send(Frame(kind: .failed, number: 0, payload: answer.payload))
        }
    }

    // MARK: - Requests

    private func request(_ frame: Frame) {
        let number = frame.number
        do {
            guard let instance else { throw PluginError(.state, "no instance yet") }
            let request = try WireRequest(frame, interfaces: { interface($0) }, memory: { memories[$0] })
            open.withLock { $0[number] = .starting(isCancelled: false) }
            let deadline = frame.deadline == 0 ? nil : Uptime(nanoseconds: frame.deadline)
            let descriptors = frame.descriptors
            let isTaken = pool.submit { [self] in
                call(instance, request, number, deadline, descriptors)
            }
            if !isTaken { throw PluginError(.limit, "too many calls wait in this plug-in") }
        } catch {
            finish(number, Answer(error as? PluginError ?? PluginError(.internal, "\(error)")))
        }
    }

    private func call(
        _ instance: LocalInstance, _ request: WireRequest, _ number: UInt64, _ deadline: Uptime?,
        _ descriptors: [FileDescriptor]
    ) {
        if request.interface.id == DROVER_SCORERS_1 { return finish(number, score(instance, request)) }
        let plugin = PluginRequest(
            interface: request.interface, operation: request.operation, arguments: request.arguments, deadline: deadline
        )
        let call = instance.begin(plugin) { [self] answer in
            // The descriptors were lent to the plug-in until now.
            withExtendedLifetime(descriptors) {}
            let isStart = FaultPoint.isArmed && plugin.interface.index(of: "start") == plugin.operation
            if isStart { FaultPoint.before(.hostAnswer) }
            finish(number, answer)
            if isStart { FaultPoint.after(.hostAnswer) }
        }
        let isCancelled = open.withLock { open in
            guard case .starting(let isCancelled)? = open[number] else { return false }
            open[number] = .running(call)
            return isCancelled
        }
        if isCancelled { call.cancel() }
    }

    private func cancel(_ number: UInt64) {
        let call = open.withLock { open -> (any OpenCall)? in
            switch open[number] {
            case .starting?:
                open[number] = .starting(isCancelled: true)
                return nil
            case .running(let call)?: return call
            case nil: return nil
            }
        }
        if let call { _ = pool.submit { call.cancel() } }
    }

    private func finish(_ number: UInt64, _ answer: Answer) {
        _ = open.withLock { $0.removeValue(forKey: number) }
        try? channel.send(Frame(kind: .reply, number: number, payload: answer.payload))
    }

    /// Scorers are data, not operations: the host runs them itself (scorer.h).
    private func score(_ instance: LocalInstance, _ request: WireRequest) -> Answer {
        guard request.operation == 1, case .bytes(let name) = request.arguments[0],
            case .block(let columns) = request.arguments[1]
        else { return Answer(code: 0, bytes: JSON.array(instance.scorers.map { $0.description(as: $0.name) }).bytes) }
        let text = String(decoding: name, as: UTF8.self)
        guard let scorer = instance.scorers.first(where: { $0.name == text }) else {
            return Answer(PluginError(.notFound, "no scorer \(text)"))
        }
        do {
            return Answer(code: 0, bytes: try scorer.score(columns))
        } catch {
            return Answer(error)
        }
    }

    private func interface(_ id: String) -> Interface? {
        if let known = interfaces[id] { return known }
        guard let interface = try? Interface(id: id, manifest: instance?.library.manifest) else { return nil }
        interfaces[id] = interface
        return interface
    }
}
