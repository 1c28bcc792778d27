internal import Basics
internal import RPC
internal import Synchronization

/// What callers elsewhere ask of this node over relays, but for programs (see ``NodeRequest``).
extension ClientAgent {
    /// Requests at a time; 256. Streams that are followed last.
    private static let requestsMax = 256
    /// Bytes of a folder's entries in one frame, which the last one may exceed; 256 KiB. Servers relay 1 MiB at most.
    private static let entryBytesAFrame = 256 << 10

    /// Answers all; throws what the caller is to be told.
    func answer(_ request: NodeRequest, over connection: RelayConnection) async throws {
        let isFree = requestCount.withLock { count in
            guard count < ClientAgent.requestsMax else { return false }
            count += 1
            return true
        }
        guard isFree else {
            throw CallError(
                .limited, "\(ClientAgent.requestsMax) requests of others are answered by this node already; try again")
        }
        defer { requestCount.withLock { $0 -= 1 } }
        try await connection.send(JSON.object([]))
        switch request.kind {
        case .stream, .logs: try await stream(request, over: connection)
        default:
            for frame in try await frames(request) { try await connection.send(frame) }
        }
    }

    /// The whole answer to what is no stream.
    private func frames(_ request: NodeRequest) async throws -> [JSON] {
        let (allocation, task) = (request.allocation, request.task.isEmpty ? nil : request.task)
        switch request.kind {
        case .files:
            return ClientAgent.frames(try await files(allocation: allocation, path: request.path).map(\.json))
        case .file: return [try await file(allocation: allocation, path: request.path).json]
        case .hostStatistics: return [try await hostStatistics()]
        case .statistics: return [try await statistics(allocation: allocation, task: task)]
        case .restart: try await restart(allocation: allocation, task: task, allTasks: request.allTasks)
        case .signal: try await signal(allocation: allocation, task: task, signal: request.signal)
        case .collectAllocation: try await collectGarbage(allocation: allocation)
        case .collectNode: try await collectGarbage(allocation: nil)
        case .stream, .logs: break
        case .unknown:
            throw CallError(
                .unsupported,
                "the release of node \(nodeID) does not know this request; update it, or ask its own agent")
        }
        return []
    }

    /// Lists of entries, each small enough to be sent.
    private static func frames(_ entries: [JSON]) -> [JSON] {
        var (frames, frame, bytes): ([JSON], [JSON], Int) = ([], [], 0)
        for entry in entries {
            frame.append(entry)
            bytes += entry.bytes.count
            guard bytes >= entryBytesAFrame else { continue }
            frames.append(.array(frame))
            (frame, bytes) = ([], 0)
        }
        return frame.isEmpty ? frames : frames + [.array(frame)]
    }

    /// Sends a stream until it ends or the caller goes. No more is read than the caller takes: a full mailbox holds the sender back.
    private func stream(_ request: NodeRequest, over connection: RelayConnection) async throws {
        let position = FilePosition(offset: request.offset, fromEnd: request.fromEnd)
        let stream: any FileStream
        if request.kind == .logs {
            guard let kind = LogRequest.Stream(rawValue: request.logStream) else {
                throw CallError(.invalid, "must provide log type (stdout/stderr)")
            }
            stream = try await logs(
                allocation: request.allocation,
                request: LogRequest(task: request.task, stream: kind, position: position, follow: request.follow))
        } else {
            stream = try await self.stream(
                allocation: request.allocation, path: request.path, from: position, follow: request.follow)
        }
        try await connection.send(JSON.object([]))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                // Closed before the other is cancelled: a reader that is cancelled ends the relay, as if it had broken.
                do {
                    while let frame = try await stream.next() { try await connection.send(frame) }
                    await connection.close()
                } catch {
                    await connection.close(CallError(anything: error))
                }
            }
            // The caller says nothing: what comes is its end.
            group.addTask { while try await connection.receive() != nil {} }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
