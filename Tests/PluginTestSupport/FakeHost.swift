internal import CDroverABI
public import DroverSDK
internal import Synchronization

/// A host for tests of plug-ins: simulated time, a store in memory, an executor that only remembers what it was asked.
///
/// Host functions carry no context, so the host in use is a task local: everything happens on the test's own thread.
public final class FakeHost: Sendable {
    @TaskLocal static var current: FakeHost?

    struct State {
        var now: Int64 = 1_000_000_000
        var timers: [(due: Int64, number: Int, call: Call)] = []
        var timerCount = 0
        var store: [String: [UInt8]] = [:]
        var logs: [String] = []
        var launches: [(task: String, spec: String)] = []
        var launchError: PluginError?
        var executorCalls: [String] = []
    }

    let state = Mutex(State())

    /// Runs `body` with a host of its own.
    public static func run<Value>(_ body: (FakeHost, Host) throws -> Value) rethrows -> Value {
        let fake = FakeHost()
        return try $current.withValue(fake) { try body(fake, Host(FakeTables.host)) }
    }

    /// Lets time pass; timers fire in the order they are due.
    public func advance(nanoseconds: Int64) {
        let end = state.withLock { $0.now + nanoseconds }
        while let call = nextTimer(until: end) { call.succeed(JSON.null) }
        state.withLock { $0.now = end }
    }

    private func nextTimer(until end: Int64) -> Call? {
        state.withLock { state in
            let next = state.timers.indices.min {
                (state.timers[$0].due, state.timers[$0].number) < (state.timers[$1].due, state.timers[$1].number)
            }
            guard let next, state.timers[next].due <= end else { return nil }
            let timer = state.timers.remove(at: next)
            state.now = max(state.now, timer.due)
            return timer.call
        }
    }

    /// Timers that have neither fired nor been cancelled.
    public var pendingTimers: Int { state.withLock { $0.timers.count } }
    /// Values in the key-value store, by key.
    public var stored: [String: String] {
        state.withLock { $0.store.mapValues { String(decoding: $0, as: UTF8.self) } }
    }
    /// Lines logged so far: "level message fields".
    public var logs: [String] { state.withLock { $0.logs } }
    /// Launch specifications handed to the executor, parsed.
    public var launches: [JSON] {
        state.withLock { $0.launches }.map { (try? JSON(parsing: $0.spec)) ?? .null }
    }
    /// Other executor operations, such as "stop t1 SIGINT 5".
    public var executorCalls: [String] { state.withLock { $0.executorCalls } }

    /// Makes further launches fail.
    public func failLaunches(_ error: PluginError) { state.withLock { $0.launchError = error } }
}

/// A call whose outcome a test looks at.
public final class Outcome: Sendable {
    private let box: Box
    private let pending: PendingCall

    private final class Box: Sendable {
        let result = Mutex<Result<String, PluginError>?>(nil)
    }

    public init() {
        let box = Box()
        self.box = box
        pending = PendingCall { result in box.result.withLock { $0 = result } }
    }

    /// The call to hand to the function under test, once.
    public var call: Call { pending.call }
    /// Cancels it, as the host would.
    public func cancel() { pending.cancel() }
    /// `nil` while the call is open.
    public var result: Result<String, PluginError>? { box.result.withLock { $0 } }
    /// The result as JSON; `nil` while open or when it failed.
    public var json: JSON? { try? result.map { try JSON(parsing: $0.get()) } }
    /// The error it failed with.
    public var error: PluginError? {
        if case .failure(let error) = result { error } else { nil }
    }
}
