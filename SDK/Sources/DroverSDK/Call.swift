public import CDroverABI
internal import Synchronization

/// A long operation under way: its completion, cancellation and deadline.
///
/// Complete it exactly once, from any thread; or hand it on to a host function that does. Not completing it leaves the
/// host waiting until the deadline.
public struct Call: @unchecked Sendable {
    /// The C value. (Safe to share: the ABI lets any thread use it until it is completed.)
    public let raw: drover_call

    /// Wraps the call of a C function.
    public init(_ raw: drover_call) {
        self.raw = raw
    }

    /// Nanoseconds on the host's monotonic clock; `nil`: none.
    public var deadline: Int64? { raw.deadline_ns == 0 ? nil : raw.deadline_ns }

    /// Whether the caller no longer wants the result.
    public var isCancelled: Bool {
        guard let cancelled = functions.cancelled else { return false }
        return cancelled(raw.context) != 0
    }

    /// Ends the call with a result: a JSON document for all operations of the stock interfaces.
    public func succeed(_ result: String) {
        result.withDroverText { functions.complete?(raw.context, DROVER_OK, $0) }
    }

    /// Ends the call with a JSON result.
    public func succeed(_ result: JSON) {
        succeed(result.text)
    }

    /// Ends the call with an error.
    public func fail(_ error: PluginError) {
        error.message.withDroverText { functions.complete?(raw.context, error.code.rawValue, $0) }
    }

    /// Ends the call either way.
    public func finish(_ result: Result<String, PluginError>) {
        switch result {
        case .success(let text): succeed(text)
        case .failure(let error): fail(error)
        }
    }

    private var functions: drover_call_functions {
        copyTable(raw.functions, over: drover_call_functions())
    }

    /// Calls `body` once when the caller cancels, on any thread; at once if it has already.
    ///
    /// One registration a call. `body` may still run while another thread completes the call; forget the handle when
    /// the call has been completed, or the closure stays in memory.
    public func onCancel(_ body: @escaping @Sendable () -> Void) -> CancelHandle {
        let handle = CancelHandle(id: CancelHandle.registry.withLock { $0.insert(body) })
        functions.on_cancel?(raw.context, CancelHandle.notify, UnsafeMutableRawPointer(bitPattern: handle.id))
        return handle
    }

    /// Registers the C form of a cancellation on behalf of somebody else.
    func forwardCancel(_ notify: @escaping CancelHandle.Function, _ argument: UnsafeMutableRawPointer?) {
        functions.on_cancel?(raw.context, notify, argument)
    }
}

/// A registered wish to hear of a cancellation.
///
/// The host is given a number, not a pointer: a notification that comes late finds nothing instead of freed memory.
public struct CancelHandle: Sendable {
    typealias Function = @convention(c) (UnsafeMutableRawPointer?) -> Void

    let id: UInt

    /// Drops the closure; call it when the call has been completed.
    public func forget() {
        _ = Self.registry.withLock { $0.remove(id) }
    }

    struct Registry {
        private var bodies: [UInt: @Sendable () -> Void] = [:]
        private var nextID: UInt = 1

        mutating func insert(_ body: @escaping @Sendable () -> Void) -> UInt {
            defer { nextID += 1 }
            bodies[nextID] = body
            return nextID
        }

        mutating func remove(_ id: UInt) -> (@Sendable () -> Void)? { bodies.removeValue(forKey: id) }
    }

    static let registry = Mutex(Registry())

    static let notify: Function = { argument in
        let id = UInt(bitPattern: argument)
        let body = registry.withLock { $0.remove(id) }
        body?()
    }
}
