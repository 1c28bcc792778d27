/// A node as a place for one more instance.
struct Candidate: BitwiseCopyable {
    /// Sum of the score's parts, in units of 1/65,536.
    var sum: Int32
    /// Decides between equal scores, lower first: from the problem's seed and the node's key.
    var tie: UInt32
    var row: UInt32
    /// The entry is stale when the node has a newer one.
    var stamp: UInt32

    /// Whether this node is to be taken before `other`, both having equally many parts.
    @inline(__always)
    func precedes(_ other: Candidate) -> Bool {
        if sum != other.sum { return sum > other.sum }
        if tie != other.tie { return tie < other.tie }
        return row < other.row
    }
}

/// A binary heap with the best candidate on top, in memory of its own. The owner calls ``release()``.
struct CandidateHeap {
    private(set) var count = 0
    private var capacity = 0
    private var items: UnsafeMutablePointer<Candidate>?

    /// The best candidate; the heap must not be empty.
    var top: Candidate {
        @inline(__always) get {
            guard let items, count > 0 else { preconditionFailure("top of an empty heap") }
            return items[0]
        }
    }

    /// Adds without keeping the order; ``heapify()`` makes it good.
    mutating func append(_ candidate: Candidate) {
        if count == capacity { grow() }
        items?[count] = candidate
        count += 1
    }

    /// Orders what was appended, in linear time.
    mutating func heapify() {
        guard count > 1 else { return }
        for position in stride(from: count / 2 - 1, through: 0, by: -1) { sink(from: position) }
    }

    mutating func push(_ candidate: Candidate) {
        append(candidate)
        guard let items else { return }
        var position = count - 1
        while position > 0 {
            let parent = (position - 1) / 2
            guard candidate.precedes(items[parent]) else { break }
            items[position] = items[parent]
            position = parent
        }
        items[position] = candidate
    }

    mutating func removeTop() {
        guard let items, count > 0 else { return }
        count -= 1
        guard count > 0 else { return }
        items[0] = items[count]
        sink(from: 0)
    }

    mutating func replaceTop(with candidate: Candidate) {
        items?[0] = candidate
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
        let larger = max(16, capacity * 2)
        let memory = UnsafeMutablePointer<Candidate>.allocate(capacity: larger)
        if let items {
            memory.update(from: items, count: count)
            items.deallocate()
        }
        items = memory
        capacity = larger
    }
}
