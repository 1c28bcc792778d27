internal import DroverSDK
internal import Glibc
internal import Synchronization

/// Programs that run in containers beside their tasks, by the host's ids: what `resize` looks for.
final class CommandTable: Sendable {
    private let engineIDs = Mutex<[String: String]>([:])

    func set(_ id: String, _ engineID: String?) { engineIDs.withLock { $0[id] = engineID } }
    func engineID(of id: String) -> String? { engineIDs.withLock { $0[id] } }
}

/// One program run in a container, on descriptors of the host's (Engine API: Exec, with an upgraded connection).
struct ContainerCommand: Sendable {
    let client: EngineClient
    let container: String
    let request: JSON
    let streams: StandardStreams

    /// Makes it; it does not run yet.
    ///
    /// - Returns: the engine's id of it.
    func make() async throws -> String {
        guard let words = request["argv"]?.strings, !words.isEmpty else {
            throw PluginError(.invalid, "\"argv\" must be a list of texts that is not empty")
        }
        let environment = (request["env"]?.object ?? [:]).compactMapValues(\.string).map { "\($0.key)=\($0.value)" }
        let body: JSON = [
            "Cmd": .array(words.map(JSON.string)), "Tty": .bool(isTerminal), "AttachStdin": true, "AttachStdout": true,
            "AttachStderr": true, "Env": .array(environment.sorted().map(JSON.string)),
        ]
        let answer = try await client.demand(
            EngineRequest("POST", "/containers/\(container)/exec", body: body),
            "cannot run \(words[0]) in the container")
        guard let id = answer["Id"]?.string else { throw PluginError(.io, "the engine gave a command no id") }
        return id
    }

    private var isTerminal: Bool { request["tty"]?.bool ?? false }

    /// Runs it to its end; when cancelled, ends it.
    ///
    /// - Returns: {"exit_code", "signal"}.
    func run(_ id: String) async throws -> JSON {
        let running = Task(executorPreference: client.loop) {
            do {
                try await start(id)
                return try await end(id)
            } catch {
                await kill(id)
                throw error
            }
        }
        return try await withTaskCancellationHandler {
            try await running.value
        } onCancel: {
            // The connection is kept until then: an engine whose caller leaves while it starts a program loses sight of it.
            Task(executorPreference: client.loop) {
                await kill(id)
                running.cancel()
            }
        }
    }

    /// How it ended. An engine ends the streams of a terminal that is hung up while the program on it runs on.
    private func end(_ id: String) async throws -> JSON {
        while true {
            let answer = try await client.demand(EngineRequest("GET", "/exec/\(id)/json"), "cannot look at a command")
            if answer["Running"]?.bool != true {
                let code = answer["ExitCode"]?.integer ?? 0
                return [
                    "exit_code": .integer(code), "signal": .integer((129...192).contains(code) ? code - 128 : 0),
                ]
            }
            try await client.clock.pause(nanoseconds: 50_000_000)
        }
    }

    private func start(_ id: String) async throws {
        var start = EngineRequest(
            "POST", "/exec/\(id)/start", body: ["Detach": false, "Tty": .bool(isTerminal)])
        start.upgrades = true
        let stream = try await client.open(start)
        defer { stream.close() }
        guard stream.head.status == 101 || stream.head.status == 200 else {
            let text = String(decoding: try await stream.all(max: 64 << 10), as: UTF8.self)
            throw EngineClient.failure(
                stream.head.status, (try? JSON(parsing: text))?["message"]?.string ?? text, "cannot start a command")
        }
        let terminal = isTerminal ? RawTerminal(streams.input) : nil
        defer { terminal?.restore() }
        try await carry(stream)
    }

    /// Input goes in until its end; output decides when it is over.
    private func carry(_ stream: ResponseStream) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    try await carryInput(to: stream.connection)
                } catch is CancellationError {
                    // The output has ended.
                }
            }
            try await carryOutput(of: stream)
            group.cancelAll()
        }
    }

    private func carryInput(to connection: any ByteStream) async throws {
        guard streams.input >= 0 else { return try await connection.finishWriting() }
        while true {
            try await client.loop.ready(streams.input, .input)
            var buffer = [UInt8](repeating: 0, count: 16 << 10)
            let count = read(streams.input, &buffer, buffer.count)
            if count < 0, [EINTR, EAGAIN].contains(errno) { continue }
            // EIO: the other side of a terminal is gone.
            guard count > 0 else { break }
            do { try await connection.write(Array(buffer.prefix(count))) } catch is PluginError { return }
        }
        try await connection.finishWriting()
    }

    private func carryOutput(of stream: ResponseStream) async throws {
        var frames = FrameDecoder()
        while true {
            let part = try await stream.nextUpgraded()
            if part.isEmpty { return }
            guard !isTerminal else {
                try await write(part[...], to: streams.output)
                continue
            }
            for frame in try frames.feed(part) {
                try await write(frame.content, to: frame.stream == .error ? streams.error : streams.output)
            }
        }
    }

    /// Writes to a descriptor of the host's; what its reader does not want any more is dropped.
    private func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) async throws {
        guard descriptor >= 0 else { return }
        var rest = bytes
        while !rest.isEmpty {
            try await client.loop.ready(descriptor, .output)
            // A pipe that is ready takes PIPE_BUF bytes without blocking (pipe(7)).
            let part = rest.prefix(4_096)
            let count = part.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, [EINTR, EAGAIN].contains(errno) { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Ends the program and what it started in its session. The engine cannot, so its process is looked for: only if it is one of
    /// this machine's, in the container. One that has ended by itself (engines send it SIGTERM when the connection closes) may have
    /// left others.
    ///
    /// One that is just being started is waited for, ten seconds at most: the engine tells its process late.
    private func kill(_ id: String) async {
        let client = client
        let container = container
        // A task of its own, as the one that calls may be cancelled.
        let looking = Task(executorPreference: client.loop) {
            for _ in 0..<200 {
                guard let answer = try? await client.ask(EngineRequest("GET", "/exec/\(id)/json"), seconds: 5) else {
                    return
                }
                if let pid = answer.json["Pid"]?.integer, pid > 1 {
                    var killed: Set<Int32> = []
                    while true {
                        let session = ProcessFacts.session(of: Int32(clamping: pid), in: container)
                        let left = Set(session).subtracting(killed)
                        if left.isEmpty { return }
                        for pid in left.sorted() { _ = Glibc.kill(pid, SIGKILL) }
                        killed.formUnion(left)
                    }
                }
                if answer.json["ExitCode"]?.integer != nil { return }
                try? await client.clock.pause(nanoseconds: 50_000_000)
            }
        }
        await looking.value
    }
}

/// A terminal that passes everything on as it is: the one in the container does the rest.
struct RawTerminal: Sendable {
    private let descriptor: Int32
    private let before: termios

    /// `nil` when the descriptor is no terminal.
    init?(_ descriptor: Int32) {
        var settings = termios()
        guard tcgetattr(descriptor, &settings) == 0 else { return nil }
        self.descriptor = descriptor
        before = settings
        cfmakeraw(&settings)
        tcsetattr(descriptor, TCSANOW, &settings)
    }

    func restore() {
        var settings = before
        tcsetattr(descriptor, TCSANOW, &settings)
    }
}
