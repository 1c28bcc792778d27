internal import Basics
internal import NIOCore
internal import Synchronization

/// One accepted connection: turns call frames into work for the task that serves it, and answers into frames.
final class ServerSession: ConnectionSession {
    let outbox: Outbox
    /// Calls to be answered, in order of arrival; at most ``TransportSettings/callsMax`` are under way.
    let calls: AsyncStream<IncomingCall>
    private let arrivals: AsyncStream<IncomingCall>.Continuation
    private let settings: TransportSettings
    private let budget: ByteBudget
    private let state = Mutex(State())

    struct IncomingCall: Sendable {
        let id: UInt32
        let method: UInt16
        let body: [UInt8]
        let isStream: Bool
        let isCancellable: Bool
        /// When the caller stops waiting; nil when it does not say.
        let deadline: NIODeadline?
    }

    private struct State {
        var origin = CallOrigin(address: "unknown")
        var peerBodyBytesMax = 0
        var peerWindowBytes = 0
        var isDraining = false
        /// Calls under way and the size of their requests.
        var live: [UInt32: Int] = [:]
        var liveBytes = 0
        var gates: [UInt32: CreditGate] = [:]
        var cancels: [UInt32: AsyncStream<Void>.Continuation] = [:]
    }

    init(settings: TransportSettings, budget: ByteBudget) {
        self.settings = settings
        self.budget = budget
        outbox = Outbox(bytesMax: settings.outboxBytesMax)
        (calls, arrivals) = AsyncStream.makeStream(of: IncomingCall.self)
    }

    // MARK: - Frames, on the event loop

    func opened(_ hello: Hello, origin: CallOrigin) {
        state.withLock { state in
            state.origin = origin
            state.peerBodyBytesMax = Int(hello.bodyBytesMax)
            state.peerWindowBytes = Int(hello.streamWindowBytes)
        }
    }

    func receive(_ frame: Frame) throws(FrameError) {
        switch frame.kind {
        case .call: try accept(frame)
        case .credit:
            guard frame.body.count == 4 else { throw .badBody(.credit) }
            let bytes = frame.body.reversed().reduce(0) { $0 << 8 | Int($1) }
            state.withLock { $0.gates[frame.id] }?.grant(bytes)
        case .cancel: state.withLock { $0.cancels[frame.id] }?.finish()
        case .hello, .reply, .error, .item, .end, .ping, .pong, .drain: throw .misplaced(frame.kind)
        }
    }

    private func accept(_ frame: Frame) throws(FrameError) {
        guard frame.body.count >= 4 else { throw .badBody(.call) }
        let milliseconds = frame.body[..<4].reversed().reduce(0) { $0 << 8 | Int64($1) }
        let call = IncomingCall(
            id: frame.id, method: frame.method, body: Array(frame.body[4...]),
            isStream: frame.flags & Frame.streams != 0, isCancellable: frame.flags & Frame.isCancellable != 0,
            deadline: milliseconds == 0 ? nil : .now() + .milliseconds(milliseconds))
        let refusal = state.withLock { state -> CallError? in
            if state.isDraining { return CallError(.undone, "the server is shutting down; try another") }
            let bytes = call.body.count
            guard state.live.count < settings.callsMax, state.liveBytes + bytes <= settings.callBytesMax else {
                return CallError(.limited, "\(state.live.count) calls are under way on this connection; wait for some")
            }
            guard state.live[call.id] == nil else {
                return CallError(.invalid, "call id \(call.id) is in use on this connection")
            }
            guard budget.take(bytes) else {
                return CallError(.limited, "requests under way take all the memory they may; ask again later")
            }
            state.live[call.id] = bytes
            state.liveBytes += bytes
            if call.isStream { state.gates[call.id] = CreditGate(bytes: state.peerWindowBytes) }
            return nil
        }
        if let refusal { fail(call.id, refusal) } else { arrivals.yield(call) }
    }

    func closed(_ reason: String, isUndone: Bool) {
        let gates = state.withLock { Array($0.gates.values) }
        for gate in gates { gate.close() }
        arrivals.finish()
    }

    // MARK: - Answering, in the serving task

    /// Answers calls until the connection ends; then those under way are cancelled, for nobody waits for them.
    func run(_ handler: any CallHandler) async {
        await withDiscardingTaskGroup { group in
            for await call in calls { group.addTask { await self.answer(call, handler) } }
            group.cancelAll()
        }
    }

    private func answer(_ call: IncomingCall, _ handler: any CallHandler) async {
        defer { forget(call.id) }
        if let deadline = call.deadline, deadline < .now() { return }
        guard call.isCancellable || call.isStream else { return await perform(call, handler) }
        let (cancelled, cancel) = AsyncStream.makeStream(of: Void.self)
        state.withLock { $0.cancels[call.id] = cancel }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.perform(call, handler) }
            group.addTask { for await _ in cancelled {} }
            await group.next()
            group.cancelAll()
        }
    }

    private func perform(_ call: IncomingCall, _ handler: any CallHandler) async {
        let (origin, limit, gate) = state.withLock { ($0.origin, $0.peerBodyBytesMax, $0.gates[call.id]) }
        do {
            if call.isStream, let gate {
                let sink = CreditSink(id: call.id, gate: gate, outbox: outbox, bytesMax: limit)
                try await handler.handleStream(call.method, call.body, from: origin, to: sink)
                outbox.add { Frame.write(.end, id: call.id, to: &$0) }
            } else {
                let reply = try await handler.handle(call.method, call.body, from: origin)
                guard reply.count <= limit else { throw CallError.tooLarge("reply", reply.count, limit) }
                outbox.add { Frame.write(.reply, id: call.id, body: reply, to: &$0) }
            }
        } catch let error as CallError {
            fail(call.id, error)
        } catch is CancellationError {
            fail(call.id, CallError(.unavailable, "the call was cancelled"))
        } catch {
            fail(call.id, CallError(.failed, "\(error)"))
        }
    }

    private func fail(_ id: UInt32, _ error: CallError) {
        outbox.add { Frame.write(.error, id: id, body: error.frameBody, to: &$0) }
    }

    private func forget(_ id: UInt32) {
        state.withLock { state in
            let bytes = state.live.removeValue(forKey: id) ?? 0
            state.liveBytes -= bytes
            budget.giveBack(bytes)
            state.gates[id] = nil
            state.cancels[id] = nil
        }
    }

    // MARK: - Draining

    /// Tells the caller to make no more calls here.
    func drain() {
        let isFirst = state.withLock { state in
            defer { state.isDraining = true }
            return !state.isDraining
        }
        if isFirst { outbox.add { Frame.write(.drain, id: 0, to: &$0) } }
    }

    var isIdle: Bool { state.withLock { $0.live.isEmpty } }
}

extension CallError {
    static func tooLarge(_ what: String, _ bytes: Int, _ limit: Int) -> CallError {
        CallError(.tooLarge, "a \(what) of \(bytes) bytes exceeds the limit of \(limit); ask for less at a time")
    }
}
