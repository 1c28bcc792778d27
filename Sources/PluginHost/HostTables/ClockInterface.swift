internal import CDroverABI
internal import Synchronization

/// drover.clock/1.
final class ClockInterface: HostInterface {
    let id = DROVER_CLOCK_1
    private let clock: any PluginClock
    private let sleeps = Mutex<[UInt: Sleep]>([:])
    private static let nextNumber = Atomic<UInt>(1)
    /// Sleeps that may be cancelled, by the number that the plug-in's call was given as argument.
    private static let cancellable = Mutex<[UInt: Sleep]>([:])

    /// One sleeping call of a plug-in; completed once.
    private final class Sleep: @unchecked Sendable {
        let call: drover_call
        let number: UInt
        let isDone = Atomic(false)
        let timer = Mutex<UInt64?>(nil)
        let owner: ClockInterface

        init(_ call: drover_call, _ number: UInt, _ owner: ClockInterface) {
            self.call = call
            self.number = number
            self.owner = owner
        }

        func finish(_ code: Int32, _ message: String) {
            guard isDone.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
            else { return }
            if let timer = timer.withLock({ $0 }) { _ = owner.clock.cancel(timer) }
            _ = owner.sleeps.withLock { $0.removeValue(forKey: number) }
            _ = ClockInterface.cancellable.withLock { $0.removeValue(forKey: number) }
            drover_call_complete(call, code, message)
        }
    }

    init(_ clock: any PluginClock) { self.clock = clock }

    func invoke(_ operation: Int, _ arguments: HostArguments) -> HostResult {
        switch operation {
        case 0: return .i64(clock.monotonic)
        case 1: return .i64(clock.wall)
        case 2: return .u64(clock.random())
        default:
            sleep(arguments.i64(0), arguments.call(1))
            return .none
        }
    }

    private func sleep(_ delay: Int64, _ call: drover_call) {
        let number = ClockInterface.nextNumber.wrappingAdd(1, ordering: .relaxed).oldValue
        let sleep = Sleep(call, number, self)
        sleeps.withLock { $0[number] = sleep }
        // First the cancellation: a call that the timer has completed must not be touched any more.
        if let register = call.functions?.pointee.on_cancel {
            ClockInterface.cancellable.withLock { $0[number] = sleep }
            register(
                call.context,
                { argument in
                    let number = UInt(bitPattern: argument)
                    let sleep = ClockInterface.cancellable.withLock { $0[number] }
                    sleep?.finish(DROVER_E_CANCELLED, "the sleep was cancelled")
                }, UnsafeMutableRawPointer(bitPattern: number))
        }
        let timer = clock.schedule(after: delay) { sleep.finish(DROVER_OK, "") }
        guard let timer else { return sleep.finish(DROVER_E_LIMIT, "too many timers") }
        sleep.timer.withLock { $0 = timer }
        if sleep.isDone.load(ordering: .acquiring) { _ = clock.cancel(timer) }
    }

    func revoke() {
        let left = sleeps.withLock { Array($0.values) }
        for sleep in left { sleep.finish(DROVER_E_REVOKED, "the instance was destroyed") }
    }
}
