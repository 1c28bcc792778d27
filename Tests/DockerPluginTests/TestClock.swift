import CDroverABI
import DroverSDK
import Glibc
import Synchronization

/// The clock of a host that offers nothing else: real pauses, in a year when all that these tests tell of is past.
enum RealClock {
    static var clock: Clock { bareHost.clock }
    static var bareHost: Host { Host(host) }
    static let wall: Int64 = 4_000_000_000_000_000_000

    // Written once, read-only after, as the clock's table.
    nonisolated(unsafe) private static let host: UnsafePointer<drover_host> = {
        var table = drover_host()
        table.size = UInt32(MemoryLayout<drover_host>.size)
        table.get_interface = { String(cString: $0) == DROVER_CLOCK_1 ? UnsafeRawPointer(RealClock.table) : nil }
        return keep(table)
    }()

    nonisolated(unsafe) private static let table: UnsafePointer<drover_clock> = {
        var table = drover_clock()
        table.size = UInt32(MemoryLayout<drover_clock>.size)
        table.sleep = { delay, call in
            let call = Call(call)
            let sleep = Task {
                do {
                    try await Task.sleep(for: .nanoseconds(max(0, delay)))
                    call.succeed(.null)
                } catch {
                    call.fail(PluginError(.cancelled, "cancelled"))
                }
            }
            _ = call.onCancel { sleep.cancel() }
        }
        table.wall_ns = { RealClock.wall }
        return keep(table)
    }()

    private static func keep<Table>(_ table: Table) -> UnsafePointer<Table> {
        let pointer = UnsafeMutablePointer<Table>.allocate(capacity: 1)
        pointer.initialize(to: table)
        return UnsafePointer(pointer)
    }
}

/// Work that goes on until it is cancelled, and is counted.
final class Counter: Sendable {
    private let counts = Mutex((begun: 0, cancelled: 0))

    var begun: Int { counts.withLock { $0.begun } }
    var cancelled: Int { counts.withLock { $0.cancelled } }

    func note() { counts.withLock { $0.begun += 1 } }

    func hold() async throws {
        counts.withLock { $0.begun += 1 }
        do {
            try await Task.sleep(for: .seconds(600))
        } catch {
            counts.withLock { $0.cancelled += 1 }
            throw error
        }
    }
}
