package import Basics
internal import Synchronization

/// The simulated side of the ``Seam``: one loop, one seed, disks in memory, a network of delays and losses.
package final class SimulatedWorld: Sendable {
    package let loop: SimulatedLoop
    package let random: SimulatedRandom
    package let network: SimulatedNetwork
    package let trace: Trace

    package init(seed: UInt64) {
        loop = SimulatedLoop()
        trace = Trace(loop: loop)
        random = SimulatedRandom(seed: seed)
        network = SimulatedNetwork(time: loop, random: random.fork("network"), trace: trace)
    }

    /// The seam of one process, with a stream of randomness that `name` names: two processes with one name draw the same.
    ///
    /// `machine` is where it runs, as the network knows it, `name` when nil; `clock` is the machine's, the world's own when nil.
    package func seam(
        disk: SimulatedDisk, name: String, machine: String? = nil, clock: SimulatedClock? = nil
    ) -> Seam {
        let blocking = SimulatedBlocking(time: loop, random: random.fork(name + ".blocking"), disk: disk)
        return Seam(
            time: clock ?? loop, random: random.fork(name), blocking: blocking, disk: disk,
            network: network.face(of: machine ?? name))
    }

    /// Runs `body` to its end on the loop.
    ///
    /// - Parameters:
    ///   - limit: simulated time it may take.
    ///   - body: the whole simulation.
    /// - Returns: what `body` returns.
    /// - Throws: what `body` throws, or ``SimulationStalled`` when every task waits for something that will not come or
    ///   `limit` has passed.
    package func run<Result: Sendable>(
        limit: Duration = .seconds(24 * 3600), _ body: @escaping @Sendable () async throws -> Result
    ) throws -> Result {
        let end = loop.uptime + limit
        let box = OutcomeBox<Result>()
        Task(executorPreference: loop) {
            do {
                let value = try await body()
                box.set(.success(value))
            } catch {
                box.set(.failure(error))
            }
        }
        guard loop.run(until: { box.value != nil || loop.uptime > end }), let value = box.value else {
            throw SimulationStalled(at: loop.uptime)
        }
        return try value.get()
    }
}

/// Every task of a simulation waits and no timer is set, or it has gone on for longer than it may.
package struct SimulationStalled: Error, CustomStringConvertible {
    package let at: Uptime

    package var description: String {
        "the simulation stalled or overran at \(Duration.nanoseconds(at.nanoseconds).goText): what it waits for does not come"
    }
}

private final class OutcomeBox<Value: Sendable>: Sendable {
    private let storage = Mutex<Result<Value, any Error>?>(nil)

    var value: Result<Value, any Error>? { storage.withLock { $0 } }

    func set(_ result: Result<Value, any Error>) { storage.withLock { $0 = result } }
}

/// Seeded randomness; forks are independent of how much their siblings draw.
package final class SimulatedRandom: RandomSource {
    private let seed: UInt64
    private let generator: Mutex<SeededGenerator>

    package init(seed: UInt64) {
        self.seed = seed
        generator = Mutex(SeededGenerator(seed: seed))
    }

    package func next() -> UInt64 { generator.withLock { $0.next() } }

    package func fork(_ name: String) -> SimulatedRandom {
        var hasher = StableHasher()
        hasher.combine(seed)
        hasher.combine(name)
        return SimulatedRandom(seed: hasher.value)
    }
}

/// Blocking work on the simulation's thread: done at once, after a seeded delay that lets others run in between and that
/// a slow disk makes longer.
///
/// Work of one lane is done in the order in which it came.
package final class SimulatedBlocking: BlockingExecutor {
    private let time: any TimeSource
    private let random: SimulatedRandom
    private let disk: SimulatedDisk
    private let free = Mutex<[BlockingLane: Uptime]>([:])

    init(time: any TimeSource, random: SimulatedRandom, disk: SimulatedDisk) {
        self.time = time
        self.random = random
        self.disk = disk
    }

    package func run<Result: Sendable>(
        lane: BlockingLane?, _ work: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        let delay = Duration.microseconds(Int64(20 + random.next() % 2_000)) * disk.slowness
        let start = free.withLock { free -> Uptime in
            guard let lane else { return time.uptime + delay }
            let start = max(time.uptime, free[lane] ?? time.uptime) + delay
            free[lane] = start
            return start
        }
        try await time.sleep(until: start)
        return try work()
    }
}

/// What happened, in order: hashed always, kept as lines when asked.
package final class Trace: Sendable {
    private struct State {
        var hasher = StableHasher()
        var count = 0
        var lines: [String] = []
    }

    private let loop: SimulatedLoop
    private let state = Mutex(State())

    init(loop: SimulatedLoop) { self.loop = loop }

    /// Adds one event; `text` must not depend on anything outside the simulation.
    package func record(_ text: String) {
        let text = text.contains("\n") ? text.split(separator: "\n").joined(separator: " | ") : text
        let line = "\(loop.uptime.nanoseconds) \(text)"
        state.withLock { state in
            state.hasher.combine(line)
            state.count += 1
            state.lines.append(line)
        }
    }

    package var hash: UInt64 { state.withLock { $0.hasher.value } }
    package var count: Int { state.withLock { $0.count } }
    package var lines: [String] { state.withLock { $0.lines } }
}
