public import Basics
internal import Connections
public import Model

/// A program that runs inside a task. One reader at a time, any number of senders.
public struct RunningCommand: Sendable {
    let socket: WebSocketConnection

    /// Says something to it; throws ``ConnectionError`` once it cannot be reached.
    public func send(_ input: CommandInput) async throws {
        var writer = JSONWriter(capacity: 256)
        input.write(to: &writer)
        try await socket.send(writer.bytes)
    }

    /// What it says next; nil when the connection ended before the program. After the one with an exit code nothing follows.
    ///
    /// - Throws: ``CommandFailure`` with the agent's words when the program could not be run, or not to its end.
    public func next() async throws -> CommandOutput? {
        do {
            guard let message = try await socket.next() else { return nil }
            return try CommandOutput.read(try JSONParser.parse(message))
        } catch let error as WebSocketError {
            throw CommandFailure(description: error.description)
        }
    }
}

/// Why a program could not be run inside a task, or not to its end.
public struct CommandFailure: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
}

extension DroverClient {
    /// Runs a program inside a running task of an allocation, on any node, with pipes or a terminal as its standard streams.
    ///
    /// It ends, by force if need be, when `use` does, whose result this is. Throws ``APIError`` or ``ConnectionError`` when there is no
    /// connection, and what `use` throws.
    public func runCommand(
        _ arguments: [String], in allocation: ID, task: String, terminal: Bool,
        use: (RunningCommand) async throws -> Int
    ) async throws -> Int {
        let words = JSON.array(arguments.map(JSON.string))
        let query = [
            ("task", task), ("command", words.text), ("tty", "\(terminal)"), ("ws_handshake", "true"),
        ]
        let call = request(
            "GET", "/v1/client/allocation/\(allocation)/exec", query: query, headers: [], body: nil)
        return try await Transport(address: address, tls: tls).socket(call) { socket in
            // Nomad's handshake: the token in the first message, as browsers cannot set headers.
            let hello = JSON.object([("version", .integer(1)), ("auth_token", .string(token))])
            try await socket.send(hello.bytes)
            return try await use(RunningCommand(socket: socket))
        }
    }
}
