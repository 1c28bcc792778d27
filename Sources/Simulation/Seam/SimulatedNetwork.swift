package import Basics
internal import Synchronization

/// A network in memory: calls are delivered after a seeded delay, lost, heard twice, or cut off with their machine or link.
package final class SimulatedNetwork: Sendable {
    /// What the network does to messages; chances are 0...1.
    package struct Conditions: Sendable {
        package var delayMin = Duration.microseconds(50)
        package var delayMax = Duration.milliseconds(2)
        /// A request or an answer that never arrives: the caller waits for its deadline, and cannot know whether it was
        /// heard.
        package var lossChance = 0.0
        /// A request that is heard once more, up to `echoDelayMax` later, when its sender may have gone on or be gone.
        package var echoChance = 0.0
        package var echoDelayMax = Duration.seconds(10)

        package init() {}
    }

    private struct State {
        var conditions = Conditions()
        var listeners: [NetworkAddress: Listener] = [:]
        var isolated: Set<String> = []
        var cut: Set<Link> = []
    }

    /// One direction between two machines.
    private struct Link: Hashable {
        let sender: String
        let receiver: String
    }

    private let time: any TimeSource
    private let random: SimulatedRandom
    private let trace: Trace
    private let state = Mutex(State())

    init(time: any TimeSource, random: SimulatedRandom, trace: Trace) {
        self.time = time
        self.random = random
        self.trace = trace
    }

    package func setConditions(_ conditions: Conditions) { state.withLock { $0.conditions = conditions } }

    /// Nothing the machine of that name sends arrives anywhere, and nothing arrives there, until it is joined again.
    package func isolate(_ machine: String) { _ = state.withLock { $0.isolated.insert(machine) } }

    package func join(_ machine: String) { _ = state.withLock { $0.isolated.remove(machine) } }

    /// What one machine sends does not arrive at the other, be it requests or answers; the other direction is as it was.
    package func cut(from sender: String, to receiver: String) {
        _ = state.withLock { $0.cut.insert(Link(sender: sender, receiver: receiver)) }
    }

    /// All cut links carry again.
    package func mendLinks() { state.withLock { $0.cut = [] } }

    /// The network as the machine of that name sees it.
    package func face(of machine: String) -> any Network { NetworkFace(network: self, machine: machine) }

    fileprivate func serve(
        at address: NetworkAddress, of machine: String, handler: any CallHandler,
        ready: @escaping @Sendable (NetworkAddress) -> Void
    ) async throws {
        let listener = Listener(machine: machine, handler: handler)
        let taken = state.withLock { state -> Bool in
            guard state.listeners[address] == nil else { return true }
            state.listeners[address] = listener
            return false
        }
        guard !taken else { throw CallError(.conflict, "\(address) is in use") }
        defer { _ = state.withLock { $0.listeners.removeValue(forKey: address) } }
        ready(address)
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                while let work = await listener.calls.next() { group.addTask { await work() } }
                group.cancelAll()
            }
        } onCancel: {
            listener.calls.finish()
        }
    }

    fileprivate func call(_ call: SimulatedCall, deadline: Duration) async throws -> [UInt8] {
        let end = time.uptime + deadline
        trace.record("call \(call.machine) \(call.method) \(call.body.count) \(SimulatedNetwork.hash(call.body))")
        let receiver = state.withLock { $0.listeners[call.address]?.machine }
        guard isHeard(call.machine, at: receiver) else { throw try await silence(call, until: end) }
        try await time.sleep(for: delay())
        guard let listener = state.withLock({ $0.listeners[call.address] }) else {
            throw CallError(.undone, "nothing listens at \(call.address)")
        }
        let answer = Answer()
        let accepted = listener.calls.push {
            do {
                answer.set(
                    .success(
                        try await listener.handler.handle(
                            call.method, call.body, from: CallOrigin(address: call.machine))))
            } catch {
                let lost = CallError(.unavailable, "the connection to \(call.address) was closed")
                answer.set(.failure(error as? CallError ?? lost))
            }
        }
        guard accepted else { throw CallError(.undone, "nothing listens at \(call.address)") }
        echo(call, at: listener)
        let result = try await wait(for: answer, call, until: end)
        guard isHeard(listener.machine, at: call.machine) else { throw try await silence(call, until: end) }
        try await time.sleep(for: delay())
        trace.record("answer \(call.machine) \(call.method) \(SimulatedNetwork.describe(result))")
        return try result.get()
    }

    /// Sends what nobody answers, as a datagram is sent: it is heard after a delay, in whatever order, perhaps twice, perhaps never,
    /// and the sender learns nothing of it.
    package func send(_ method: UInt16, _ body: [UInt8], from machine: String, to address: NetworkAddress) {
        let datagram = SimulatedCall(machine: machine, address: address, method: method, body: body)
        trace.record("send \(machine) \(address) \(body.count) \(SimulatedNetwork.hash(body))")
        let listener = state.withLock { $0.listeners[address] }
        guard isHeard(machine, at: listener?.machine), let listener else { return }
        let delay = delay()
        _ = listener.calls.push { await self.deliver(datagram, to: listener, after: delay) }
        echo(datagram, at: listener)
    }

    private func deliver(_ call: SimulatedCall, to listener: Listener, after delay: Duration) async {
        do {
            try await time.sleep(for: delay)
            _ = try await listener.handler.handle(call.method, call.body, from: CallOrigin(address: call.machine))
        } catch {
            // Nobody waits for an answer.
        }
    }

    private func wait(
        for answer: Answer, _ call: SimulatedCall, until end: Uptime
    ) async throws -> Result<[UInt8], any Error> {
        try await withThrowingTaskGroup(of: Result<[UInt8], any Error>.self) { group in
            group.addTask { await answer.value() }
            group.addTask { throw try await self.silence(call, until: end) }
            defer { group.cancelAll() }
            return try await group.next() ?? .failure(CancellationError())
        }
    }

    /// Waits until the caller gives up.
    private func silence(_ call: SimulatedCall, until end: Uptime) async throws -> CallError {
        try await time.sleep(until: end)
        return CallError(.deadline, "no answer from \(call.address) in time")
    }

    /// Lets the receiver hear a request once more, if chance wants it.
    private func echo(_ call: SimulatedCall, at listener: Listener) {
        let conditions = state.withLock { $0.conditions }
        guard happens(conditions.echoChance) else { return }
        let late = Int64(random.next() % UInt64(max(1, conditions.echoDelayMax.nanosecondCount)))
        _ = listener.calls.push { await self.deliver(call, to: listener, after: .nanoseconds(late)) }
    }

    /// Whether what a machine sends arrives; `receiver` is nil when nobody listens there.
    private func isHeard(_ sender: String, at receiver: String?) -> Bool {
        let (conditions, isCut) = state.withLock { state in
            let isOut = state.isolated.contains(sender) || receiver.map(state.isolated.contains) ?? false
            let link = receiver.map { Link(sender: sender, receiver: $0) }
            return (state.conditions, sender != receiver && (isOut || link.map(state.cut.contains) ?? false))
        }
        return !happens(conditions.lossChance) && !isCut
    }

    /// Draws nothing when the chance is nil.
    private func happens(_ chance: Double) -> Bool {
        chance > 0 && Double(random.next() >> 11) / Double(1 << 53) < chance
    }

    private func delay() -> Duration {
        let conditions = state.withLock { $0.conditions }
        let range = (conditions.delayMax - conditions.delayMin).nanosecondCount
        return conditions.delayMin + .nanoseconds(Int64(random.next() % UInt64(max(1, range))))
    }

    private static func describe(_ result: Result<[UInt8], any Error>) -> String {
        switch result {
        case .success(let bytes): "\(bytes.count) \(hash(bytes))"
        case .failure(let error): "\(error)"
        }
    }

    private static func hash(_ bytes: [UInt8]) -> String {
        var hasher = StableHasher()
        hasher.combine(bytes)
        return String(hasher.value, radix: 16)
    }
}

/// What one machine sees of the network.
private struct NetworkFace: Network {
    let network: SimulatedNetwork
    let machine: String

    func peer(at address: NetworkAddress) -> any Peer {
        SimulatedPeer(network: network, machine: machine, address: address)
    }

    func serve(
        at address: NetworkAddress, handler: any CallHandler, ready: @escaping @Sendable (NetworkAddress) -> Void
    ) async throws {
        try await network.serve(at: address, of: machine, handler: handler, ready: ready)
    }
}

private struct SimulatedCall: Sendable {
    let machine: String
    let address: NetworkAddress
    let method: UInt16
    let body: [UInt8]
}

private struct SimulatedPeer: Peer {
    let network: SimulatedNetwork
    let machine: String
    let address: NetworkAddress

    func call(_ method: UInt16, _ body: [UInt8], deadline: Duration) async throws -> [UInt8] {
        let call = SimulatedCall(machine: machine, address: address, method: method, body: body)
        return try await network.call(call, deadline: deadline)
    }

    func stream(_ method: UInt16, _ body: [UInt8]) async throws -> any ItemStream {
        throw CallError(.unsupported, "the simulated network carries no streams")
    }
}

private final class Listener: Sendable {
    let machine: String
    let handler: any CallHandler
    let calls = WorkQueue()

    init(machine: String, handler: any CallHandler) {
        self.machine = machine
        self.handler = handler
    }
}

/// Work handed from callers to the serving task; unbounded, as callers wait for their answers.
private final class WorkQueue: Sendable {
    typealias Work = @Sendable () async -> Void

    private struct State {
        var waiting: [Work] = []
        var reader: CheckedContinuation<Work?, Never>?
        var finished = false
    }

    private let state = Mutex(State())

    func push(_ work: @escaping Work) -> Bool {
        let (reader, accepted) = state.withLock { state -> (CheckedContinuation<Work?, Never>?, Bool) in
            guard !state.finished else { return (nil, false) }
            guard let reader = state.reader else {
                state.waiting.append(work)
                return (nil, true)
            }
            state.reader = nil
            return (reader, true)
        }
        reader?.resume(returning: work)
        return accepted
    }

    func next() async -> Work? {
        await withCheckedContinuation { continuation in
            let work = state.withLock { state -> Work?? in
                if !state.waiting.isEmpty { return .some(state.waiting.removeFirst()) }
                if state.finished { return .some(nil) }
                state.reader = continuation
                return nil
            }
            if let work { continuation.resume(returning: work) }
        }
    }

    func finish() {
        let reader = state.withLock { state -> CheckedContinuation<Work?, Never>? in
            state.finished = true
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume(returning: nil)
    }
}

/// One answer on its way back.
private final class Answer: Sendable {
    private struct State {
        var result: Result<[UInt8], any Error>?
        var waiter: CheckedContinuation<Result<[UInt8], any Error>, Never>?
    }

    private let state = Mutex(State())

    func set(_ result: Result<[UInt8], any Error>) {
        let waiter = state.withLock { state -> CheckedContinuation<Result<[UInt8], any Error>, Never>? in
            guard state.result == nil else { return nil }
            state.result = result
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: result)
    }

    func value() async -> Result<[UInt8], any Error> {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let result = state.withLock { state -> Result<[UInt8], any Error>? in
                    if state.result == nil { state.waiter = continuation }
                    return state.result
                }
                if let result { continuation.resume(returning: result) }
            }
        } onCancel: {
            set(.failure(CancellationError()))
        }
    }
}
