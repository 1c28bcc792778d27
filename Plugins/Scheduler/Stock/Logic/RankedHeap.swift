/// What a ``RankedHeap`` holds.
protocol Ranked: BitwiseCopyable {
    /// Whether this is to be taken before `other`; a total order, so that a heap yields one order only.
    func precedes(_ other: Self) -> Bool
}

/// A binary heap with the best element on top, in memory of its own. The owner calls ``release()``.
struct RankedHeap<Element: Ranked> {
    private(set) var count = 0
    private var capacity = 0
    private var items: UnsafeMutablePointer<Element>?

    /// The best element; the heap must not be empty.
    var top: Element {
        @inline(__always) get {
            guard let items, count > 0 else { preconditionFailure("top of an empty heap") }
            return items[0]
        }
    }

    /// Adds without keeping the order; ``heapify()`` makes it good.
    mutating func append(_ element: Element) {
        if count == capacity { grow() }
        items?[count] = element
        count += 1
    }

    /// Orders what was appended, in linear time.
    mutating func heapify() {
        guard count > 1 else { return }
        for position in stride(from: count / 2 - 1, through: 0, by: -1) { sink(from: position) }
    }

    mutating func push(_ element: Element) {
        append(element)
        guard let items else { return }
        var position = count - 1
        while position > 0 {
            let parent = (position - 1) / 2
            guard element.precedes(items[parent]) else { break }
            items[position] = items[parent]
            position = parent
        }
        items[position] = element
    }

    mutating func removeTop() {
        guard let items, count > 0 else { return }
        count -= 1
        guard count > 0 else { return }
        items[0] = items[count]
        sink(from: 0)
    }

    mutating func replaceTop(with element: Element) {
        items?[0] = element
        sink(from: 0)
    }

    mutating func removeAll() { count = 0 }

    mutating func release() {
        items?.deallocate()
        items = nil
        count = 0
        capacity = 0
    }

    private mutating func sink(from start: Int) {
        guard let items else { return }
        let moving = items[start]
        var position = start
        while true {
            var child = 2 * position + 1
            guard child < count else { break }
            if child + 1 < count, items[child + 1].precedes(items[child]) { child += 1 }
            guard items[child].precedes(moving) else { break }
            items[position] = items[child]
            position = child
        }
        items[position] = moving
    }

    private mutating func grow() {
        let larger = max(4, capacity * 2)
        let memory = UnsafeMutablePointer<Element>.allocate(capacity: larger)
        if let items {
            memory.update(from: items, count: count)
            items.deallocate()
        }
        items = memory
        capacity = larger
    }
}
