package import Basics
internal import Synchronization

/// A node whose client is elsewhere, asked over relays of the servers.
package struct RelayedNode: NodeEndpoint {
    /// Entries of one folder at most; 100,000.
    package static let entriesMax = 100_000

    private let node: ID
    private let servers: any Caller
    private let context: CallContext
    private let time: any TimeSource

    /// `node` is asked for what is no allocation's; an allocation's node is found by the servers.
    package init(_ node: ID = .none, servers: any Caller, context: CallContext, time: any TimeSource) {
        self.node = node
        self.servers = servers
        self.context = context
        self.time = time
    }

    package func files(allocation: ID, path: String) async throws -> [FileInfo] {
        var files: [FileInfo] = []
        try await ask(NodeRequest(.files, allocation: allocation, path: path)) { frame in
            files += try (frame.array ?? []).map { try FileInfo(json: $0) }
            guard files.count <= RelayedNode.entriesMax else {
                throw CallError(
                    .tooLarge, "\"\(path)\" has more than \(RelayedNode.entriesMax) entries; ask the node's own agent")
            }
        }
        return files
    }

    package func file(allocation: ID, path: String) async throws -> FileInfo {
        try FileInfo(json: try await one(NodeRequest(.file, allocation: allocation, path: path)))
    }

    package func stream(
        allocation: ID, path: String, from: FilePosition, follow: Bool
    ) async throws -> any FileStream {
        var request = NodeRequest(.stream, allocation: allocation, path: path)
        (request.offset, request.fromEnd, request.follow) = (from.offset, from.fromEnd, follow)
        return try await open(request)
    }

    package func logs(allocation: ID, request wanted: LogRequest) async throws -> any FileStream {
        var request = NodeRequest(.logs, allocation: allocation, task: wanted.task)
        request.logStream = wanted.stream.rawValue
        (request.offset, request.fromEnd) = (wanted.position.offset, wanted.position.fromEnd)
        request.follow = wanted.follow
        return try await open(request)
    }

    package func hostStatistics() async throws -> JSON { try await one(NodeRequest(.hostStatistics)) }

    package func statistics(allocation: ID, task: String?) async throws -> JSON {
        try await one(NodeRequest(.statistics, allocation: allocation, task: task))
    }

    package func restart(allocation: ID, task: String?, allTasks: Bool) async throws {
        var request = NodeRequest(.restart, allocation: allocation, task: task)
        request.allTasks = allTasks
        try await ask(request) { _ in }
    }

    package func signal(allocation: ID, task: String?, signal: String) async throws {
        var request = NodeRequest(.signal, allocation: allocation, task: task)
        request.signal = signal
        try await ask(request) { _ in }
    }

    package func collectGarbage(allocation: ID?) async throws {
        let request = allocation.map { NodeRequest(.collectAllocation, allocation: $0) } ?? NodeRequest(.collectNode)
        try await ask(request) { _ in }
    }

    private func connect(_ request: NodeRequest) async throws -> RelayedFrames {
        let end = try await servers.call(AskNode(request, node: node), context: context)
        return RelayedFrames(RelayConnection(end, servers: servers, context: context))
    }

    /// Shows `body` the frames of the answer, but for the first.
    private func ask(_ request: NodeRequest, _ body: (JSON) throws -> Void) async throws {
        let frames = try await connect(request)
        do {
            try await frames.begin()
            while let frame = try await frames.next() { try body(frame) }
        } catch {
            await frames.end()
            throw error
        }
        await frames.end()
    }

    private func one(_ request: NodeRequest) async throws -> JSON {
        var answer: JSON?
        try await ask(request) { answer = $0 }
        guard let answer else { throw CallError(.failed, "the node's client gave no answer") }
        return answer
    }

    private func open(_ request: NodeRequest) async throws -> RelayedStream {
        let frames = try await connect(request)
        do {
            try await frames.begin()
            guard try await frames.next() != nil else {
                throw CallError(.failed, "the node's client opened no stream")
            }
        } catch {
            await frames.end()
            throw error
        }
        return RelayedStream(frames: frames, time: time)
    }
}

/// What the other end of a relay sends, frame by frame. One reader at a time.
private final class RelayedFrames: Sendable {
    private let connection: RelayConnection
    private let received = Mutex<ArraySlice<JSON>>([])

    init(_ connection: RelayConnection) { self.connection = connection }

    /// Nil once the other end has closed; throws what it closed with.
    func next() async throws -> JSON? {
        if let frame = received.withLock({ $0.popFirst() }) { return frame }
        guard let frames = try await connection.receive() else { return nil }
        return received.withLock { received in
            received = frames[...]
            return received.popFirst()
        }
    }

    /// Takes the first frame, with which a client says that it has taken the request.
    func begin() async throws {
        do {
            _ = try await next()
        } catch let error as CallError where [.invalid, .notFound].contains(error.code) {
            // It has taken the ticket for one of a command, and found none in it.
            throw CallError(
                .unsupported,
                "the node's client does not know this request: it is of an earlier release; update it, or ask its own "
                    + "agent")
        }
    }

    func sayAlive(_ time: any TimeSource) async { await connection.sayAlive(time) }

    func end() async { await connection.close() }
}

private struct RelayedStream: FileStream {
    let frames: RelayedFrames
    let time: any TimeSource

    func next() async throws -> FileFrame? { try await frames.next().map { try FileFrame.read($0) } }

    func keepOpen() async { await frames.sayAlive(time) }

    func end() async { await frames.end() }
}
