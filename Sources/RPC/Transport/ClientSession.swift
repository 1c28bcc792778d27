internal import Basics
internal import NIOCore
internal import Synchronization

/// One made connection, from before it is up until it is gone: calls under way, their deadlines, their answers.
final class ClientSession: ConnectionSession {
    let outbox: Outbox
    private let settings: TransportSettings
    private let address: NetworkAddress
    private let loop: any EventLoop
    private let onClose: @Sendable (ClientSession, _ reason: String, _ wasOpen: Bool) -> Void
    private let state = Mutex(State())

    private struct State {
        var nextID: UInt32 = 0
        var calls: [UInt32: Pending] = [:]
        var sweepAt: NIODeadline?
        var peerBodyBytesMax = Int.max
        var wasOpen = false
        var isDraining = false
        var closed: CallError?
    }

    private enum Pending {
        case call(CheckedContinuation<[UInt8], any Error>, NIODeadline, Duration)
        case stream(ItemBuffer)

        func fail(_ error: CallError) {
            switch self {
            case .call(let continuation, _, _): continuation.resume(throwing: error)
            case .stream(let buffer): buffer.end(.failure(error))
            }
        }
    }

    init(
        settings: TransportSettings, address: NetworkAddress, loop: any EventLoop,
        onClose: @escaping @Sendable (ClientSession, _ reason: String, _ wasOpen: Bool) -> Void
    ) {
        self.settings = settings
        self.address = address
        self.loop = loop
        self.onClose = onClose
        outbox = Outbox(bytesMax: settings.outboxBytesMax)
    }

    var eventLoop: any EventLoop { loop }

    /// Whether new calls may go here.
    var isUsable: Bool { state.withLock { $0.closed == nil && !$0.isDraining } }

    var isIdle: Bool { state.withLock { $0.calls.isEmpty } }

    // MARK: - Calling, from any task

    func call(_ method: UInt16, _ body: [UInt8], deadline: Duration) async throws -> [UInt8] {
        let id = try reserveID(bodyBytes: body.count)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                start(id, method, body, deadline: deadline, continuation)
                // Cancelled before it was registered: the handler found nothing to cancel.
                if Task.isCancelled { cancel(id) }
            }
        } onCancel: {
            cancel(id)
        }
    }

    private func reserveID(bodyBytes: Int) throws -> UInt32 {
        try state.withLock { state in
            if let closed = state.closed { throw CallError(.undone, closed.message) }
            guard state.calls.count < settings.callsMax else {
                throw CallError(.limited, "\(settings.callsMax) calls to \(address) are under way; wait for some")
            }
            let limit = min(settings.bodyBytesMax, state.peerBodyBytesMax)
            guard bodyBytes <= limit else { throw CallError.tooLarge("request", bodyBytes, limit) }
            repeat { state.nextID = state.nextID == .max ? 1 : state.nextID + 1 } while state.calls[state.nextID] != nil
            return state.nextID
        }
    }

    private func start(
        _ id: UInt32, _ method: UInt16, _ body: [UInt8], deadline: Duration,
        _ continuation: CheckedContinuation<[UInt8], any Error>
    ) {
        let due = NIODeadline.now() + .nanoseconds(max(0, deadline.nanosecondCount))
        let (closed, sweep) = state.withLock { state -> (CallError?, Bool) in
            if let closed = state.closed { return (closed, false) }
            state.calls[id] = .call(continuation, due, deadline)
            guard due < state.sweepAt ?? .distantFuture else { return (nil, false) }
            state.sweepAt = due
            return (nil, true)
        }
        if let closed { return continuation.resume(throwing: CallError(.undone, closed.message)) }
        let milliseconds = UInt32(clamping: max(1, deadline.nanosecondCount / 1_000_000))
        let flags: UInt8 = deadline > settings.cancellableAfter ? Frame.isCancellable : 0
        let isSent = outbox.add {
            Frame.write(.call, flags: flags, method: method, id: id, prefix: milliseconds, body: body, to: &$0)
        }
        if !isSent { finish(id, .failure(CallError(.undone, "too much waits to be sent to \(address)"))) }
        if sweep { loop.scheduleTask(deadline: due) { self.sweep() } }
    }

    func stream(_ method: UInt16, _ body: [UInt8]) throws -> ReceivedItems {
        let id = try reserveID(bodyBytes: body.count)
        let buffer = ItemBuffer(bytesMax: settings.streamWindowBytes + settings.bodyBytesMax)
        let closed = state.withLock { state in
            if state.closed == nil { state.calls[id] = .stream(buffer) }
            return state.closed
        }
        if let closed { throw closed }
        outbox.add { Frame.write(.call, flags: Frame.streams, method: method, id: id, prefix: 0, body: body, to: &$0) }
        return ReceivedItems(id: id, buffer: buffer, session: self)
    }

    /// The answer is no longer wanted.
    func cancel(_ id: UInt32) {
        guard let pending = state.withLock({ $0.calls.removeValue(forKey: id) }) else { return }
        outbox.add { Frame.write(.cancel, id: id, to: &$0) }
        switch pending {
        case .call(let continuation, _, _): continuation.resume(throwing: CancellationError())
        case .stream(let buffer): buffer.end(.failure(CallError(.unavailable, "the stream was cancelled")))
        }
    }

    /// The reader took so many bytes.
    func grant(_ id: UInt32, bytes: Int) {
        let isLive = state.withLock { $0.calls[id] != nil }
        if isLive { outbox.add { Frame.write(.credit, id: id, prefix: UInt32(clamping: bytes), to: &$0) } }
    }

    // MARK: - Deadlines

    /// Ends calls that are due; then sleeps until the next is, at least 5 ms.
    private func sweep() {
        let now = NIODeadline.now()
        let (due, next) = state.withLock { state in
            var due: [(UInt32, Duration)] = []
            var next: NIODeadline?
            for (id, pending) in state.calls {
                guard case .call(_, let deadline, let allowed) = pending else { continue }
                if deadline <= now { due.append((id, allowed)) } else { next = min(next ?? deadline, deadline) }
            }
            state.sweepAt = next.map { max($0, now + .milliseconds(5)) }
            return (due, state.sweepAt)
        }
        if let next { loop.scheduleTask(deadline: next) { self.sweep() } }
        for (id, allowed) in due {
            outbox.add { Frame.write(.cancel, id: id, to: &$0) }
            finish(id, .failure(CallError(.deadline, "no answer from \(address) within \(allowed.goText)")))
        }
    }

    // MARK: - Frames, on the event loop

    func opened(_ hello: Hello, origin: CallOrigin) {
        state.withLock { state in
            state.wasOpen = true
            state.peerBodyBytesMax = Int(hello.bodyBytesMax)
        }
    }

    func receive(_ frame: Frame) throws(FrameError) {
        switch frame.kind {
        case .reply: finish(frame.id, .success(frame.body))
        case .error: finish(frame.id, .failure(CallError(frameBody: frame.body)))
        case .end: finish(frame.id, .success([]))
        case .item:
            if case .stream(let buffer) = state.withLock({ $0.calls[frame.id] }) { buffer.add(frame.body) }
        case .drain: state.withLock { $0.isDraining = true }
        case .hello, .call, .credit, .cancel, .ping, .pong: throw .misplaced(frame.kind)
        }
    }

    /// Ids that are not known belong to calls that were cancelled or timed out.
    private func finish(_ id: UInt32, _ result: Result<[UInt8], CallError>) {
        switch state.withLock({ $0.calls.removeValue(forKey: id) }) {
        case .call(let continuation, _, _): continuation.resume(with: result.mapError { $0 as any Error })
        case .stream(let buffer): buffer.end(result.map { _ in })
        case nil: break
        }
    }

    /// Ends the connection from this end.
    func stop() {
        outbox.closeChannel()
        closed("this agent is shutting down", isUndone: false)
    }

    func closed(_ reason: String, isUndone: Bool) {
        let (error, calls, wasOpen) = state.withLock { state in
            // Calls are sent once the connection is open: before that, nothing of them has arrived.
            let wasOpen = state.wasOpen && !isUndone
            let error = CallError(wasOpen ? .unavailable : .undone, "the connection to \(address) failed: \(reason)")
            state.closed = state.closed ?? error
            defer { state.calls = [:] }
            return (error, state.calls.sorted { $0.key < $1.key }.map(\.value), wasOpen)
        }
        outbox.close()
        onClose(self, reason, wasOpen)
        for pending in calls { pending.fail(error) }
    }
}
