internal import CDroverABI
internal import Glibc
internal import Synchronization

/// A long operation that a plug-in has been given: its `drover_call`, completed at most once, cancellable.
///
/// The plug-in holds a number, not a pointer: completing twice, or touching a completed call, finds nothing and does nothing.
final class PendingCall: Sendable {
    private struct State {
        var isCancelled = false
        var notify: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
        nonisolated(unsafe) var argument: UnsafeMutableRawPointer?
        /// The thread that is inside `notify` just now.
        var notifying: pthread_t?
    }

    private static let calls = Mutex<(next: UInt, open: [UInt: PendingCall])>((1, [:]))

    /// The functions of every call; static, as the ABI wants.
    private nonisolated(unsafe) static let functions: UnsafePointer<drover_call_functions> = {
        let table = UnsafeMutablePointer<drover_call_functions>.allocate(capacity: 1)
        table.initialize(to: drover_call_functions())
        table.pointee.size = UInt32(MemoryLayout<drover_call_functions>.size)
        table.pointee.complete = { context, code, result in
            PendingCall.take(context)?.finish(code, Array(result))
        }
        table.pointee.cancelled = { context in PendingCall.find(context)?.isCancelled == false ? 0 : 1 }
        table.pointee.on_cancel = { context, notify, argument in
            PendingCall.find(context)?.register(notify, argument)
        }
        return UnsafePointer(table)
    }()

    private let number: UInt
    private let state = Mutex(State())
    private let completion: @Sendable (Answer) -> Void

    /// Results longer than this become DROVER_E_LIMIT.
    static let resultBytesMax = 16 << 20

    /// - Parameter completion: runs once, on the plug-in's thread.
    init(_ completion: @escaping @Sendable (Answer) -> Void) {
        self.completion = completion
        number = PendingCall.calls.withLock { calls in
            defer { calls.next += 1 }
            return calls.next
        }
        PendingCall.calls.withLock { $0.open[number] = self }
    }

    /// What the plug-in gets. `deadline` is on the host's monotonic clock; 0: none.
    func raw(deadline: Int64) -> drover_call {
        drover_call(
            context: UnsafeMutableRawPointer(bitPattern: number), functions: PendingCall.functions,
            deadline_ns: deadline)
    }

    /// Tells the plug-in that the result is no longer wanted.
    func cancel() {
        let (notify, argument) = state.withLock { state in
            guard !state.isCancelled else {
                return (nil as (@convention(c) (UnsafeMutableRawPointer?) -> Void)?, nil as UInt?)
            }
            state.isCancelled = true
            if state.notify != nil { state.notifying = pthread_self() }
            return (state.notify, state.argument.map { UInt(bitPattern: $0) })
        }
        guard let notify else { return }
        notify(argument.flatMap { UnsafeMutableRawPointer(bitPattern: $0) })
        state.withLock { $0.notifying = nil }
    }

    /// Ends the call from the host's side, as when its instance goes away; false when it was completed before.
    @discardableResult
    func abandon(_ error: PluginError) -> Bool {
        guard PendingCall.take(UnsafeMutableRawPointer(bitPattern: number)) != nil else { return false }
        completion(Answer(error))
        return true
    }

    private var isCancelled: Bool { state.withLock { $0.isCancelled } }

    private func register(
        _ notify: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?, _ argument: UnsafeMutableRawPointer?
    ) {
        nonisolated(unsafe) let argument = argument
        let now = state.withLock { state in
            if !state.isCancelled {
                state.notify = notify
                state.argument = argument
            }
            return state.isCancelled
        }
        if now { notify?(argument) }
    }

    private func finish(_ code: Int32, _ result: [UInt8]) {
        // types.h: `notify` never runs after `complete` has returned. Another thread may be inside it: let it leave.
        while state.withLock({ state in
            state.notify = nil
            return state.notifying.map { pthread_equal($0, pthread_self()) == 0 } ?? false
        }) { sched_yield() }
        guard result.count <= PendingCall.resultBytesMax else {
            let message = "the result has \(result.count) bytes; at most \(PendingCall.resultBytesMax) are taken"
            return completion(Answer(code: DROVER_E_LIMIT, bytes: Array(message.utf8)))
        }
        completion(Answer(pluginCode: code, bytes: result))
    }

    private static func find(_ context: UnsafeMutableRawPointer?) -> PendingCall? {
        calls.withLock { $0.open[UInt(bitPattern: context)] }
    }

    private static func take(_ context: UnsafeMutableRawPointer?) -> PendingCall? {
        calls.withLock { $0.open.removeValue(forKey: UInt(bitPattern: context)) }
    }
}
