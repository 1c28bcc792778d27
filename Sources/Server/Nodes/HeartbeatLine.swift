internal import Basics
internal import RPC
internal import Synchronization

/// Heartbeats that came to a server which does not lead: those that come within a moment go to the leader as one call.
final class HeartbeatLine: Sendable {
    typealias Answer = Result<RegisterNodeReply, any Error>

    /// How long the first waits for others to go with it; 100 ms, which is nothing to a node's time to live.
    static let gatheringTime = Duration.milliseconds(100)
    /// Heartbeats that wait at most; 65,536. Those beyond are refused, and their clients try again.
    private static let waitingMax = 65_536

    private struct Waiting {
        let beat: Heartbeat
        let continuation: CheckedContinuation<Answer, Never>
    }

    private struct State {
        var waiting: [Waiting] = []
        var hasEnded = false
    }

    private let state = Mutex(State())
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    init() { (wakes, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    /// Waits until the heartbeat was passed on; the leader's answer.
    func pass(_ beat: Heartbeat) async -> Answer {
        await withCheckedContinuation { continuation in
            let refusal = state.withLock { state -> CallError? in
                guard !state.hasEnded else { return CallError(.unavailable, "the server is shutting down") }
                guard state.waiting.count < Self.waitingMax else {
                    return CallError(.undone, "\(Self.waitingMax) heartbeats wait for the leader already")
                }
                state.waiting.append(Waiting(beat: beat, continuation: continuation))
                return nil
            }
            if let refusal { continuation.resume(returning: .failure(refusal)) } else { wake.yield() }
        }
    }

    /// Has `send` pass on what waits, a batch at a time, until cancelled; it answers each in their order.
    func run(
        _ time: any TimeSource, send: @Sendable ([Heartbeat]) async -> [Answer]
    ) async throws {
        defer { end() }
        for await _ in wakes {
            try await time.sleep(for: Self.gatheringTime)
            while true {
                let batch = take()
                guard !batch.isEmpty else { break }
                var answers = await send(batch.map(\.beat))[...]
                for one in batch {
                    let nothing = Answer.failure(CallError(.failed, "the leader did not answer a heartbeat"))
                    one.continuation.resume(returning: answers.popFirst() ?? nothing)
                }
            }
        }
        try Task.checkCancellation()
    }

    private func take() -> ArraySlice<Waiting> {
        state.withLock { state in
            let taken = state.waiting.prefix(HeartbeatBatch.beatsMax)
            state.waiting.removeFirst(taken.count)
            return taken
        }
    }

    private func end() {
        let left = state.withLock { state in
            state.hasEnded = true
            defer { state.waiting = [] }
            return state.waiting
        }
        let refusal = CallError(.unavailable, "the server is shutting down")
        for one in left { one.continuation.resume(returning: .failure(refusal)) }
    }
}

extension ServerAgent {
    /// Passes on to the leader what heartbeats come here.
    func passHeartbeatsOn() async throws {
        try await heartbeatLine.run(seam.time) { beats in await self.passOn(beats) }
    }

    private func passOn(_ beats: [Heartbeat]) async -> [HeartbeatLine.Answer] {
        do {
            let call = HeartbeatBatch(beats)
            let reply = try await self.call(call, context: serverContext, deadline: call.patience)
            return reply.results.map { $0.mapError { $0 as any Error } }
        } catch let error as CallError where error.code == .unsupported {
            return await passOnOneByOne(beats)
        } catch {
            return beats.map { _ in .failure(error) }
        }
    }

    /// To a leader of a release that knows no batches.
    private func passOnOneByOne(_ beats: [Heartbeat]) async -> [HeartbeatLine.Answer] {
        var answers: [HeartbeatLine.Answer] = []
        for beat in beats {
            do {
                answers.append(.success(try await forward(beat, serverContext)))
            } catch {
                answers.append(.failure(error))
            }
        }
        return answers
    }
}
