package import Basics
package import Model
internal import Synchronization

/// One end of a relay, for whoever it was given to. The first call that fails ends it.
package struct RelayConnection: Sendable {
    private let end: RelayEnd
    private let servers: any Caller
    private let context: CallContext

    package init(_ end: RelayEnd, servers: any Caller, context: CallContext) {
        self.end = end
        self.servers = servers
        self.context = context
    }

    /// How often an end says that it lives; 20 s. Servers take one for gone after three times that (`RelayHub.silenceMax`).
    package static let signInterval = Duration.seconds(20)

    /// Hands a frame to the other end; waits while it takes none. Throws ``CallError``: `unavailable` once it is gone.
    package func send(_ frame: some JSONForm) async throws {
        let call = SendRelayed([RawJSON(frame)], from: end)
        while try await !ask(call).isTaken {}
    }

    /// The next frames, at least one; nil once the other end has closed. Throws what it closed with.
    package func receive() async throws -> [JSON]? {
        while true {
            let reply = try await ask(ReceiveRelayed(at: end))
            guard reply.frames.isEmpty else { return try reply.frames.map { try JSONParser.parse($0.bytes) } }
            guard reply.isOver else { continue }
            guard reply.code == 0 else {
                throw CallError(CallError.Code(rawValue: UInt16(clamping: reply.code)) ?? .failed, reply.message)
            }
            return nil
        }
    }

    /// Runs `body`, and says meanwhile that this end lives: for who makes no call for long, as it works or waits for somebody else.
    package func alive<Value>(_ time: any TimeSource, _ body: () async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await sayAlive(time) }
            defer { group.cancelAll() }
            return try await body()
        }
    }

    /// Says that this end lives, until cancelled. That the relay is gone shows when it is next used.
    package func sayAlive(_ time: any TimeSource) async {
        while (try? await time.sleep(for: RelayConnection.signInterval)) != nil {
            _ = try? await servers.call(SendRelayed([], from: end), context: context)
        }
    }

    /// A relay that is gone is no missing thing that the caller has asked for.
    private func ask<Call: ServerCall>(_ call: Call) async throws -> Call.Reply {
        do {
            return try await servers.call(call, context: context)
        } catch let error as CallError where error.code == .notFound {
            throw CallError(.unavailable, error.message)
        }
    }

    /// Tells the other end that nothing more comes, and why. A relay that is gone needs no telling.
    package func close(_ error: CallError? = nil) async {
        _ = try? await servers.call(CloseRelay(end, error: error), context: context)
    }
}

extension RawJSON {
    fileprivate init(_ value: some JSONForm) {
        var writer = JSONWriter(capacity: 256)
        value.write(to: &writer)
        self.init(writer.bytes)
    }
}

/// The node's end: who asked for a program, over a relay. One reader at a time.
package final class RelayedCaller: CommandChannel {
    private let connection: RelayConnection
    private let received = Mutex<[JSON]>([])

    package init(_ connection: RelayConnection) { self.connection = connection }

    package func next() async throws -> CommandInput? {
        if received.withLock({ $0.isEmpty }) {
            guard let frames = try await connection.receive() else { return nil }
            received.withLock { $0 = frames }
        }
        return try CommandInput.read(received.withLock { $0.removeFirst() })
    }

    package func send(_ output: CommandOutput) async throws { try await connection.send(output) }

    package func end(_ error: CallError?) async { await connection.close(error) }
}

/// The caller's end: programs on nodes whose clients are elsewhere.
package struct RelayedCommands: Sendable {
    private let servers: any Caller
    private let context: CallContext
    private let time: any TimeSource

    package init(servers: any Caller, context: CallContext, time: any TimeSource) {
        self.servers = servers
        self.context = context
        self.time = time
    }

    /// As ``ClientEndpoint/run(_:over:)`` of the allocation's node.
    package func run(_ command: TaskCommand, over channel: any CommandChannel) async throws {
        let end = try await servers.call(OpenRelay(command), context: context)
        let connection = RelayConnection(end, servers: servers, context: context)
        do {
            try await connection.alive(time) { try await carry(channel, connection) }
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }

    /// Carries frames both ways until the program has ended or the caller has gone.
    private func carry(_ channel: any CommandChannel, _ connection: RelayConnection) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while let input = try await channel.next() { try await connection.send(input) }
            }
            group.addTask {
                while let frames = try await connection.receive() {
                    for frame in frames { try await channel.send(try CommandOutput.read(frame)) }
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
