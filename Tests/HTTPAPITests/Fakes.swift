import APIClient
import Basics
import HTTPAPI
import Logging
import Model
import RPC
import ServiceLifecycle
import Synchronization

/// Answers calls from a closure and remembers them.
final class FakeServers: Caller {
    typealias Answer = @Sendable (any ServerCall, CallContext) async throws -> any Document

    private let calls = Mutex<[(call: any ServerCall, context: CallContext)]>([])
    private let answer: Answer

    init(_ answer: @escaping Answer = { _, _ in QueryReply() }) { self.answer = answer }

    func call<Call: ServerCall>(
        _ call: Call, context: CallContext, deadline: Duration
    ) async throws -> Call.Reply {
        calls.withLock { $0.append((call, context)) }
        guard let reply = try await answer(call, context) as? Call.Reply else {
            throw CallError(.unsupported, "the fake has no answer to \(Call.method)")
        }
        return reply
    }

    var contexts: [CallContext] { calls.withLock { $0.map(\.context) } }

    func received<Call: ServerCall>(_: Call.Type = Call.self) -> [Call] {
        calls.withLock { $0.compactMap { $0.call as? Call } }
    }
}

/// Frames from a list; afterwards the end, or silence until cancelled. `note` is told what becomes of the stream.
final class FakeStream: FileStream {
    private let frames: Mutex<[FileFrame]>
    private let staysOpen: Bool
    private let error: CallError?
    private let note: @Sendable (String) -> Void
    private let isKept = Mutex(false)

    init(
        _ frames: [FileFrame], staysOpen: Bool, error: CallError? = nil,
        note: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.frames = Mutex(frames)
        self.staysOpen = staysOpen
        self.error = error
        self.note = note
    }

    func next() async throws -> FileFrame? {
        if let error { throw error }
        if let frame = frames.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { return frame }
        if staysOpen { try await Task.sleep(for: .seconds(3600)) }
        // The reader is as slow as it takes to see that the stream is kept open meanwhile.
        while !isKept.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(1)) }
        return nil
    }

    func keepOpen() async {
        note("kept open")
        isKept.withLock { $0 = true }
        try? await Task.sleep(for: .seconds(3600))
        note("let go")
    }

    func end() async { note("ended") }
}

/// A client with one allocation, whose one file and log say `text`.
final class FakeClient: ClientEndpoint {
    static let allocation = ID(high: 1, low: 1)
    let nodeID = ID(high: 2, low: 2)
    let text = Array("hello\nworld\n".utf8)
    let asked = Mutex<[String]>([])
    /// What became of the streams.
    let streams = Mutex<[String]>([])

    private func stream(_ data: [UInt8], staysOpen: Bool, error: CallError? = nil) -> FakeStream {
        FakeStream([FileFrame(data: data, file: "out.0", offset: 12)], staysOpen: staysOpen, error: error) {
            [self] text in
            streams.withLock { $0.append(text) }
        }
    }

    private func check(_ allocation: ID) throws {
        guard allocation == FakeClient.allocation else { throw CallError(.notFound, "unknown allocation") }
    }

    func files(allocation: ID, path: String) async throws -> [FileInfo] {
        [try await file(allocation: allocation, path: path)]
    }

    func file(allocation: ID, path: String) async throws -> FileInfo {
        try check(allocation)
        var info = FileInfo()
        info.name = "out"
        info.size = Int64(text.count)
        info.isDirectory = path == "/alloc"
        return info
    }

    func stream(allocation: ID, path: String, from: FilePosition, follow: Bool) async throws -> any FileStream {
        try check(allocation)
        let data = Array(text.dropFirst(Int(from.offset)))
        return stream(data, staysOpen: follow, error: path == "broken" ? CallError(.permission, "leads out") : nil)
    }

    func logs(allocation: ID, request: LogRequest) async throws -> any FileStream {
        try check(allocation)
        asked.withLock { $0.append("\(request.task) \(request.stream) \(request.position) \(request.follow)") }
        return stream(text, staysOpen: request.follow)
    }

    func hostStatistics() async throws -> JSON { .object([("Uptime", .integer(5))]) }

    func statistics(allocation: ID, task: String?) async throws -> JSON { .string(task ?? "all") }

    func restart(allocation: ID, task: String?, allTasks: Bool) async throws {
        asked.withLock { $0.append("restart \(task ?? "-") \(allTasks)") }
    }

    func signal(allocation: ID, task: String?, signal: String) async throws {
        asked.withLock { $0.append("signal \(task ?? "-") \(signal)") }
    }

    func namespace(ofAllocation id: ID) -> String? { id == FakeClient.allocation ? "home" : nil }

    /// Answers each input with itself, to the error stream at the end of input, and ends with the number of words.
    func run(_ command: TaskCommand, over channel: any CommandChannel) async throws {
        try check(command.allocation)
        asked.withLock { $0.append("run \(command.arguments) \(command.isTerminal) \(command.mayReachNode)") }
        defer { asked.withLock { $0.append("ended") } }
        if command.task != "t" { throw CallError(.notFound, "task \"\(command.task)\" not found") }
        while let input = try await channel.next() {
            if let size = input.size {
                try await channel.send(CommandOutput(standardOutput: Array("\(size.rows)x\(size.columns)".utf8)))
            }
            if !input.data.isEmpty { try await channel.send(CommandOutput(standardOutput: input.data)) }
            if input.isEnd {
                try await channel.send(CommandOutput(standardError: Array("over".utf8)))
                return try await channel.send(CommandOutput(exitCode: command.arguments.count))
            }
        }
    }

    func collectGarbage(allocation: ID?) async throws {}
}

struct TestTime: TimeSource {
    private let start = ContinuousClock.now

    var now: Timestamp { Timestamp(seconds: 1_700_000_000) }
    var uptime: Uptime { Uptime(nanoseconds: (ContinuousClock.now - start).nanosecondCount) }
    func sleep(for duration: Duration) async throws { try await Task.sleep(for: duration) }
}

/// What the API reaches in these tests.
func endpoints(
    servers: FakeServers, client: FakeClient?, pool: FakePool? = nil, region: String = "global",
    authorize: @escaping @Sendable (Capability, CallContext) async throws -> Void = { _, _ in }
) -> Endpoints {
    let agent = AgentInfo(
        region: region, nodeName: "n1", version: "1", isServer: true, describe: { .object([("stats", .null)]) },
        plugins: { .array([.object([("Name", .string("raw_exec"))])]) })
    return Endpoints(
        caller: servers, client: client, pool: pool, agent: agent, time: TestTime(), authorize: authorize)
}

/// An API on a free port of the loopback interface, up while `body` runs.
func withAPI(
    servers: FakeServers = FakeServers(), client: FakeClient? = FakeClient(), pool: FakePool? = nil,
    region: String = "global",
    authorize: @escaping @Sendable (Capability, CallContext) async throws -> Void = { _, _ in },
    change: (inout APIConfiguration) -> Void = { _ in },
    report: @escaping @Sendable (String, String) -> Void = { _, _ in },
    body: @Sendable (DroverClient) async throws -> Void
) async throws {
    let endpoints = endpoints(servers: servers, client: client, pool: pool, region: region, authorize: authorize)
    var configuration = APIConfiguration(addresses: [.tcp(NetworkAddress(host: "127.0.0.1", port: 0))])
    configuration.heartbeatInterval = .milliseconds(1)
    change(&configuration)
    let (ready, note) = AsyncStream.makeStream(of: [APIAddress].self)
    let server = APIServer(
        configuration: configuration, endpoints: endpoints,
        log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, report: report
    ) { note.yield($0) }
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            defer { note.finish() }
            try await server.run()
        }
        var addresses = ready.makeAsyncIterator()
        guard let first = await addresses.next()?.first else {
            // It ended before it was ready: its error is the answer.
            try await group.waitForAll()
            return
        }
        try await body(DroverClient(address: try AgentAddress(first.description)))
        group.cancelAll()
    }
}
