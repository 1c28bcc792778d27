internal import Basics
internal import Connections
internal import Model
internal import RPC
internal import ServiceLifecycle

extension Route {
    /// Programs inside tasks, over WebSockets.
    static let commands: [Route] = [
        Route(.get, "/v1/client/allocation/:id/exec", .allocationExec) { request, endpoints in
            let command = try TaskCommand(request)
            return APIResponse(
                body: .socket(
                    try SocketResponse(request, time: endpoints.time) { socket in
                        await CommandDoor(request: request, endpoints: endpoints, socket: socket).serve(command)
                    }))
        }.takingTokenFromSocket()
    ]
}

extension TaskCommand {
    /// From a query: `task`, `command` (a JSON list of words) and `tty`.
    fileprivate init(_ request: APIRequest) throws {
        self.init()
        allocation = try request.id("id", of: "allocation")
        task = request.query.text("task", default: "")
        guard !task.isEmpty else { throw CallError(.invalid, "must provide task name") }
        isTerminal = try request.query.flag("tty") ?? false
        let words = try? JSONParser.parse(Array(request.query.text("command", default: "").utf8))
        let texts = words?.array?.compactMap(\.string) ?? []
        guard !texts.isEmpty, texts.count == words?.array?.count else {
            throw CallError(.invalid, "must provide the command, a JSON list of texts such as [\"/bin/ls\", \"-l\"]")
        }
        arguments = texts
    }
}

/// One caller of a program inside a task: who it is, which client runs the program, and signs of life.
private struct CommandDoor: Sendable {
    /// The first message, when it is to bring a token, comes within; 10 s.
    private static let tokenMax = Duration.seconds(10)
    /// How often the caller is asked for a sign of life, and how many times without an answer; 10 s and 6.
    private static let pingInterval = Duration.seconds(10)
    private static let silentPingsMax = 6

    let request: APIRequest
    let endpoints: Endpoints
    let socket: WebSocketConnection

    func serve(_ command: TaskCommand) async {
        do {
            let parts: [@Sendable () async throws -> Void] = [
                { try await run(command) }, { try await ping() }, { try await untilShutdown() },
            ]
            try await first(parts)
            await socket.close()
        } catch let error as CallError {
            // As Nomad's agents say it: an error of their own, or something about the request.
            await socket.close(error.code == .failed ? 1011 : 1008, error.message)
        } catch let error as WebSocketError {
            await socket.close(error.code, error.description)
        } catch {
            await socket.close(1011, "\(error)")
        }
    }

    private func run(_ command: TaskCommand) async throws {
        var command = command
        var context = request.context
        if try request.takesTokenFromSocket {
            let parts: [@Sendable () async throws -> String] = [{ try await token() }, { try await expire() }]
            context.token = try await first(parts)
        }
        try await endpoints.authorize(.allocationExec, context, onAllocation: command.allocation)
        do {
            try await endpoints.authorize(.allocationNodeExec, context, onAllocation: command.allocation)
            command.mayReachNode = true
        } catch let error as CallError where error.code == .permission {
            // It may still run where tasks are kept from the node's files.
        }
        let channel = SocketChannel(socket: socket)
        if let client = endpoints.client(ofAllocation: command.allocation) {
            return try await client.run(command, over: channel)
        }
        let commands = RelayedCommands(servers: endpoints.caller, context: context, time: endpoints.time)
        try await commands.run(command, over: channel)
    }

    /// The token in the first message, `{"version": 1, "auth_token": "..."}`.
    private func token() async throws -> String {
        guard let message = try await socket.next() else { throw CallError(.invalid, "the connection has ended") }
        guard let json = try? JSONParser.parse(message), json["version"]?.integer == 1 else {
            throw CallError(.invalid, "the first message must be {\"version\": 1, \"auth_token\": \"...\"}")
        }
        return json["auth_token"]?.string ?? ""
    }

    private func expire() async throws -> String {
        try await endpoints.time.sleep(for: CommandDoor.tokenMax)
        throw CallError(.invalid, "no message with a token came within \(CommandDoor.tokenMax.goText)")
    }

    /// Throws once nothing at all has come for a minute.
    private func ping() async throws {
        var (seen, silent) = (socket.receivedBytes, 0)
        while silent < CommandDoor.silentPingsMax {
            try await endpoints.time.sleep(for: CommandDoor.pingInterval)
            try await socket.ping()
            silent = socket.receivedBytes == seen ? silent + 1 : 0
            seen = socket.receivedBytes
        }
        throw CallError(.deadline, "the caller gave no sign of life for a minute")
    }

    private func untilShutdown() async throws {
        try await gracefulShutdown()
        throw CallError(.unavailable, "the agent is shutting down")
    }

    /// The result of the body that ends first; the others are cancelled.
    private func first<Value: Sendable>(_ bodies: [@Sendable () async throws -> Value]) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            for body in bodies { group.addTask { try await body() } }
            defer { group.cancelAll() }
            guard let value = try await group.next() else { throw CancellationError() }
            return value
        }
    }
}

/// The program's side of a WebSocket: frames of JSON.
private struct SocketChannel: CommandChannel {
    let socket: WebSocketConnection

    func next() async throws -> CommandInput? {
        guard let message = try await socket.next() else { return nil }
        do {
            return try CommandInput.read(try JSONParser.parse(message))
        } catch {
            throw CallError(.invalid, "a message is not what was expected: \(error)")
        }
    }

    func send(_ output: CommandOutput) async throws {
        var writer = JSONWriter(capacity: 256)
        output.write(to: &writer)
        try await socket.send(writer.bytes)
    }
}
