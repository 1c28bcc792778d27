internal import Synchronization

/// Things one task does for others, in order: anybody pushes, one loop waits for `wakes` and drains.
final class WorkQueue<Element: Sendable>: Sendable {
    /// Yields after the queue stopped being empty; several pushes may share one wake.
    let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation
    private let state = Mutex(State())

    private struct State {
        var items: [Element] = []
        var isClosed = false
    }

    init() { (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1)) }

    /// - Returns: false once the queue is closed; the element was not taken.
    @discardableResult
    func push(_ element: Element) -> Bool {
        let (isTaken, isFirst) = state.withLock { state in
            guard !state.isClosed else { return (false, false) }
            state.items.append(element)
            return (true, state.items.count == 1)
        }
        if isFirst { wake.yield() }
        return isTaken
    }

    /// Takes all that waits.
    func drain() -> [Element] {
        state.withLock { state in
            let items = state.items
            state.items = []
            state.items.reserveCapacity(min(items.count, 4_096))
            return items
        }
    }

    /// Refuses what comes from now on, ends `wakes`, and takes all that waits.
    func close() -> [Element] {
        state.withLock { $0.isClosed = true }
        wake.finish()
        return drain()
    }
}
