internal import Synchronization

/// How much the accepted connections of a network may hold together of what they received and has not been dealt with: unfinished
/// frames, and requests under way.
final class ByteBudget: Sendable {
    private let bytesMax: Int
    private let used = Mutex(0)

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Takes so many bytes of the budget; false, and nothing taken, when there are not so many.
    func take(_ bytes: Int) -> Bool {
        used.withLock { used in
            guard used + bytes <= bytesMax else { return false }
            used += bytes
            return true
        }
    }

    /// What is taken at present.
    var bytesTaken: Int { used.withLock { $0 } }

    func giveBack(_ bytes: Int) { used.withLock { $0 -= bytes } }
}
