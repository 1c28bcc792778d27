internal import CDroverABI
internal import Synchronization

/// A call that this plug-in makes: to the executor, the clock, any host function that takes a call.
///
/// ```swift
/// let pending = PendingCall { result in ... }     // on a host thread
/// host.clock.sleep(nanoseconds: 1_000_000_000, call: pending.call)
/// pending.cancel()                                // asks; the completion still comes, with `cancelled`
/// ```
/// It keeps itself alive until it is completed. Hand `call` to exactly one function.
public final class PendingCall: Sendable {
    private struct State {
        var isCancelled = false
        var isComplete = false
        var completion: (@Sendable (Result<String, PluginError>) -> Void)?
        var notify: Notify?
    }

    /// The callee's wish to hear of cancellation. (`argument` is only ever handed back to `function`.)
    private struct Notify: @unchecked Sendable {
        let function: CancelHandle.Function
        let argument: UnsafeMutableRawPointer?
    }

    private let state: Mutex<State>
    private let deadline: Int64
    private let parent: Call?

    /// - Parameters:
    ///   - deadline: on the host's monotonic clock, in nanoseconds; `nil`: none.
    ///   - completion: called once, on a thread of the host's.
    public convenience init(
        deadline: Int64? = nil, completion: @escaping @Sendable (Result<String, PluginError>) -> Void
    ) {
        self.init(deadline: deadline, parent: nil, completion: completion)
    }

    /// A call on behalf of `parent`: with its deadline, cancelled when it is. `completion` must complete `parent`.
    public convenience init(
        onBehalfOf parent: Call, completion: @escaping @Sendable (Result<String, PluginError>) -> Void
    ) {
        self.init(deadline: parent.deadline, parent: parent, completion: completion)
    }

    private init(
        deadline: Int64?, parent: Call?, completion: @escaping @Sendable (Result<String, PluginError>) -> Void
    ) {
        self.deadline = deadline ?? 0
        self.parent = parent
        self.state = Mutex(State(completion: completion))
    }

    /// The call to hand to a host function: once.
    public var call: Call {
        let context = Unmanaged.passRetained(self).toOpaque()
        return Call(drover_call(context: context, functions: Self.functions, deadline_ns: deadline))
    }

    /// Tells the callee that the result is no longer wanted.
    public func cancel() {
        let notify = state.withLock { state -> Notify? in
            guard !state.isComplete, !state.isCancelled else { return nil }
            state.isCancelled = true
            return state.notify
        }
        notify?.function(notify?.argument)
    }

    private func complete(_ code: Int32, _ text: String) {
        let completion = state.withLock { state -> (@Sendable (Result<String, PluginError>) -> Void)? in
            state.isComplete = true
            state.notify = nil
            return state.completion.take()
        }
        completion?(code == DROVER_OK ? .success(text) : .failure(PluginError(.init(rawValue: code), text)))
    }

    private var isCancelled: Bool {
        state.withLock { $0.isCancelled } || (parent?.isCancelled ?? false)
    }

    private func register(_ notify: Notify) {
        if let parent {
            parent.forwardCancel(notify.function, notify.argument)
            return
        }
        let now = state.withLock { state in
            state.notify = notify
            return state.isCancelled
        }
        if now { notify.function(notify.argument) }
    }

    /// The C face, one for all calls of this image; never freed. (Written once, read-only after.)
    nonisolated(unsafe) private static let functions: UnsafePointer<drover_call_functions> = {
        var table = drover_call_functions()
        table.size = UInt32(MemoryLayout<drover_call_functions>.size)
        table.complete = { context, code, result in
            guard let context else { return }
            Unmanaged<PendingCall>.fromOpaque(context).takeRetainedValue().complete(code, String(result))
        }
        table.cancelled = { context in
            guard let context else { return 0 }
            return Unmanaged<PendingCall>.fromOpaque(context).takeUnretainedValue().isCancelled ? 1 : 0
        }
        table.on_cancel = { context, notify, argument in
            guard let context, let notify else { return }
            let pending = Unmanaged<PendingCall>.fromOpaque(context).takeUnretainedValue()
            pending.register(Notify(function: notify, argument: argument))
        }
        return leak(table)
    }()
}

/// Puts a table where it lives as long as the process: the ABI's tables are static.
func leak<Table>(_ table: Table) -> UnsafePointer<Table> {
    let pointer = UnsafeMutablePointer<Table>.allocate(capacity: 1)
    pointer.initialize(to: table)
    return UnsafePointer(pointer)
}
